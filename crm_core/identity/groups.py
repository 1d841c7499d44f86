"""The teams and roles a principal belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, select

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite
from crm_core.errors import ReferenceNotFound, Refused
from crm_core.identity.epoch import advance
from crm_core.identity.escalation import guarded
from crm_core.records.read import load_row
from crm_core.records.statements import in_tenant, insert_into
from crm_core.records.traces import audit
from crm_core.schema import membership, principal
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from crm_core.records.scope import Scope

MAX_GROUPS = 200
_MEMBER = membership.c.member_id == bindparam("member", type_=membership.c.member_id.type)
_OF_MEMBER = Statement(
    select(principal.c.id, principal.c.kind, principal.c.name)
    .join(membership, and_(membership.c.tenant_id == principal.c.tenant_id, membership.c.group_id == principal.c.id))
    .where(in_tenant(principal.c.tenant_id), _MEMBER, principal.c.deleted_at.is_(None))
    .order_by(principal.c.name, principal.c.id)
)
_IDS = Statement(select(membership.c.group_id).where(in_tenant(membership.c.tenant_id), _MEMBER))
_ABOVE = Statement(
    select(membership.c.group_id).where(in_tenant(membership.c.tenant_id), is_in(membership.c.member_id, "members"))
)
_KINDS = Statement(
    select(principal.c.id, principal.c.kind, principal.c.name).where(
        in_tenant(principal.c.tenant_id), is_in(principal.c.id, "ids"), principal.c.deleted_at.is_(None)
    )
)
_REMOVE = Statement(
    delete(membership).where(in_tenant(membership.c.tenant_id), _MEMBER, is_in(membership.c.group_id, "ids"))
)
_INSERT = insert_into(membership)


def of_principal(scope: Scope, principal_id: UUID) -> list[dict[str, Any]]:
    """Return the teams and roles a principal belongs to directly, by name."""
    grant = scope.actor.require("principal", "read")
    load_row(scope, scope.entity("principal"), principal_id, grant)
    return _groups(scope, principal_id)


def replace(scope: Scope, principal_id: UUID, group_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Make a principal belong to exactly these teams and roles."""
    grant = scope.actor.require("principal", "update")
    member = load_row(scope, scope.entity("principal"), principal_id, grant)
    wanted = set(group_ids)
    _check(scope, principal_id, wanted)
    present = {row[0] for row in scope.uow.fetch(_IDS, {"member": principal_id})}
    if present != wanted:
        guarded(scope, member, lambda: _write(scope, principal_id, present, wanted))
        diff = {"groups": [sorted(present), sorted(wanted)]}
        scope.uow.stage(RecordWrite(audit(scope.uow, "set_groups", "principal", principal_id, diff)))
        advance(scope.uow)
    return _groups(scope, principal_id)


def _groups(scope: Scope, principal_id: UUID) -> list[dict[str, Any]]:
    rows = scope.uow.fetch(_OF_MEMBER, {"member": principal_id})
    return [dict(zip(("id", "kind", "name"), row, strict=True)) for row in rows]


def _write(scope: Scope, principal_id: UUID, present: set[UUID], wanted: set[UUID]) -> None:
    if gone := sorted(present - wanted):
        scope.uow.execute(_REMOVE, {"member": principal_id, "ids": gone})
    for group_id in sorted(wanted - present):
        scope.uow.execute(_INSERT, {"member_id": principal_id, "group_id": group_id})


def _check(scope: Scope, principal_id: UUID, wanted: set[UUID]) -> None:
    if not wanted:
        return
    found = {row[0]: row for row in scope.uow.fetch(_KINDS, {"ids": list(wanted)})}
    for group_id in sorted(wanted):
        if group_id not in found:
            message = f"group_ids: there is no principal {group_id} in this tenant"
            raise ReferenceNotFound(message, field="group_ids")
        _, kind, name = found[group_id]
        if kind not in {"team", "role"}:
            message = f"{name} is a {kind}; principals belong to teams and roles"
            raise Refused([("core", Issue("not_a_group", message, field="group_ids"))])
    if principal_id in _all_above(scope, wanted):
        message = "a group cannot belong to itself, directly or through others"
        raise Refused([("core", Issue("group_in_itself", message, field="group_ids"))])


def _all_above(scope: Scope, groups: set[UUID]) -> set[UUID]:
    """Return the groups and every group they belong to."""
    found, level = set(groups), set(groups)
    while level:
        level = {row[0] for row in scope.uow.fetch(_ABOVE, {"members": list(level)})} - found
        found |= level
    return found
