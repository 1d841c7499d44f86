"""Permissions through the API: given and taken one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete

from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite
from crm_core.identity.epoch import advance
from crm_core.identity.escalation import guarded
from crm_core.identity.principals import principal_of
from crm_core.identity.schemas import PERMISSIONS
from crm_core.records.rows import checked, one
from crm_core.records.statements import in_tenant, insert_into
from crm_core.records.traces import audit
from crm_core.schema import permission
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from crm_core.records.scope import Scope

_INSERT = insert_into(permission)
_DELETE = Statement(
    delete(permission).where(
        in_tenant(permission.c.tenant_id), permission.c.id == bindparam("id", type_=permission.c.id.type)
    )
)


def give(scope: Scope, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give a principal a permission the actor has, no further than the actor's own reaches."""
    grant = scope.actor.require("permission", "create")
    row = {"id": new_id(), **checked(PERMISSIONS, given)}
    principal = principal_of(scope, row["principal_id"], grant)

    def write() -> None:
        scope.uow.execute(_INSERT, row)

    guarded(scope, principal, write)
    _trace(scope, "add_permission", row, [None, _named(row)])
    return row


def take(scope: Scope, permission_id: UUID) -> None:
    """Take a permission away; it holds no longer in this process at once, in others within half a second."""
    row = one(scope, PERMISSIONS, "delete", {"id": permission_id})
    scope.uow.execute(_DELETE, {"id": permission_id})
    _trace(scope, "remove_permission", row, [_named(row), None])


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "resource", "action", "scope")}


def _trace(scope: Scope, action: str, row: Mapping[str, Any], change: list[Any]) -> None:
    advance(scope.uow)
    scope.uow.stage(RecordWrite(audit(scope.uow, action, "principal", row["principal_id"], {"permission": change})))
