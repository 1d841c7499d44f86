"""API keys through the API: made and shown once, listed without their secret, revoked for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite
from crm_core.errors import InvalidInput, RecordNotFound, Refused
from crm_core.identity.epoch import advance
from crm_core.identity.escalation import require_covered
from crm_core.identity.keys import prefix_of
from crm_core.identity.principals import principal_of
from crm_core.identity.schemas import API_KEYS
from crm_core.identity.tenants import add_key
from crm_core.records.rows import checked, one
from crm_core.records.statements import in_tenant
from crm_core.records.traces import audit
from crm_core.schema import api_key
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from crm_core.records.scope import Scope

_BY_PREFIX = Statement(
    select(*(api_key.c[name] for name in API_KEYS.fields)).where(
        in_tenant(api_key.c.tenant_id), api_key.c.prefix == bindparam("prefix")
    )
)
_REVOKE = Statement(
    update(api_key).where(
        api_key.c.tenant_id == bindparam("key_tenant", type_=api_key.c.tenant_id.type),
        api_key.c.id == bindparam("key_id", type_=api_key.c.id.type),
        api_key.c.revoked_at.is_(None),
    ),
    ["revoked_at"],
)


def make(scope: Scope, given: Mapping[str, Any]) -> dict[str, Any]:
    """Make a key of a principal that has no right the actor lacks; its text is in this answer and nowhere else."""
    grant = scope.actor.require("api_key", "create")
    values = checked(API_KEYS, given)
    principal = principal_of(scope, values["principal_id"], grant)
    _check(scope, principal, values)
    require_covered(scope, principal)
    text = add_key(scope, principal["id"], values["name"], values["expires_at"])
    found = scope.uow.fetch_one(_BY_PREFIX, {"prefix": prefix_of(text)})
    row = dict(zip(API_KEYS.fields, found or (), strict=True))
    _trace(scope, "add_api_key", row, [None, _named(row)])
    return {**row, "api_key": text}


def revoke(scope: Scope, key_id: UUID) -> None:
    """End a key at once; it cannot be brought back."""
    row = one(scope, API_KEYS, "delete", {"id": key_id})
    key = {"key_tenant": scope.tenant_id, "key_id": key_id, "revoked_at": scope.uow.now}
    if not scope.uow.execute(_REVOKE, key):
        message = f"API key {key_id} was revoked already"
        raise RecordNotFound(message, id=str(key_id))
    advance(scope.uow)
    _trace(scope, "revoke_api_key", row, [_named(row), None])


def _check(scope: Scope, principal: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    if principal["kind"] not in {"user", "service"} or not principal["active"]:
        what = "is inactive" if not principal["active"] else f"is a {principal['kind']}"
        message = f"{principal['name']} {what}: only active users and services have keys"
        raise Refused([("core", Issue("cannot_act", message, field="principal_id"))])
    if values["expires_at"] is not None and values["expires_at"] <= scope.uow.now:
        message = f"expires_at {values['expires_at'].isoformat()} is not in the future"
        raise InvalidInput(message, field="expires_at")


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "name", "prefix", "expires_at")}


def _trace(scope: Scope, action: str, row: Mapping[str, Any], change: list[Any]) -> None:
    scope.uow.stage(RecordWrite(audit(scope.uow, action, "principal", row["principal_id"], {"api_key": change})))
