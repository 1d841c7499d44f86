"""Work out what a principal may do: its own permissions and those of every group it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from crm_core.actors import Actor, Grant
from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.schema import membership, permission, principal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from crm_core.db.connection import Connection

_TENANT = bindparam("tenant_id", type_=membership.c.tenant_id.type)
_GROUPS = Statement(
    select(membership.c.group_id, principal.c.kind)
    .join(
        principal,
        (principal.c.tenant_id == membership.c.tenant_id) & (principal.c.id == membership.c.group_id),
    )
    .where(
        membership.c.tenant_id == _TENANT, is_in(membership.c.member_id, "members"), principal.c.deleted_at.is_(None)
    )
)
_MEMBERS = Statement(
    select(membership.c.member_id, principal.c.kind)
    .join(
        principal,
        (principal.c.tenant_id == membership.c.tenant_id) & (principal.c.id == membership.c.member_id),
    )
    .where(membership.c.tenant_id == _TENANT, is_in(membership.c.group_id, "groups"))
)
_PERMISSIONS = Statement(
    select(permission.c.resource, permission.c.action, permission.c.scope).where(
        permission.c.tenant_id == _TENANT, is_in(permission.c.principal_id, "holders")
    )
)


def load_actor(connection: Connection, tenant_id: UUID, principal_id: UUID, name: str) -> Actor:
    """Return the principal as an actor with everything it may do."""
    groups, teams = _groups(connection, tenant_id, principal_id)
    holders = [principal_id, *groups]
    rows = connection.fetch(_PERMISSIONS, {"tenant_id": tenant_id, "holders": holders})
    reach: dict[str, Grant] = {"all": Grant(), "own": Grant(frozenset({principal_id}))}
    grants: dict[tuple[str, str], Grant] = {}
    for resource, action, scope in rows:
        if scope not in reach:
            owners = _owners(connection, tenant_id, teams, deep=scope == "tree")
            reach[scope] = Grant(owners | {principal_id})
        key = (resource, action)
        grants[key] = grants[key] | reach[scope] if key in grants else reach[scope]
    return Actor(tenant_id, principal_id, name, grants)


def _groups(connection: Connection, tenant_id: UUID, principal_id: UUID) -> tuple[set[UUID], set[UUID]]:
    """Return every group that holds the principal, directly or through others, and the teams that do so directly."""
    found: set[UUID] = set()
    direct_teams: set[UUID] = set()
    members: Iterable[UUID] = [principal_id]
    first = True
    while members:
        rows = connection.fetch(_GROUPS, {"tenant_id": tenant_id, "members": list(members)})
        if first:
            direct_teams = {row[0] for row in rows if row[1] == "team"}
            first = False
        members = {row[0] for row in rows} - found
        found.update(members)
    return found, direct_teams


def _owners(connection: Connection, tenant_id: UUID, teams: set[UUID], *, deep: bool) -> frozenset[UUID]:
    """Return the teams and their members; with ``deep`` also those of every team inside them."""
    owners: set[UUID] = set(teams)
    level: set[UUID] = set(teams)
    while level:
        rows = connection.fetch(_MEMBERS, {"tenant_id": tenant_id, "groups": list(level)})
        level = {row[0] for row in rows if row[1] == "team"} - owners if deep else set()
        owners.update(row[0] for row in rows)
    return frozenset(owners)
