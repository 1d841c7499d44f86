"""Make a tenant ready for work: roles with their permissions, number series, default pipelines, a first key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from crm_core.actors import system_actor
from crm_core.db.statements import Statement
from crm_core.errors import Duplicate, InvalidInput
from crm_core.identity.epoch import advance
from crm_core.identity.keys import make_key
from crm_core.identity.roles import ADMINISTRATOR, ROLES
from crm_core.records.create import create
from crm_core.records.statements import insert_into
from crm_core.schema import api_key, membership, permission, principal, tenant
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from uuid import UUID

    from crm_core.records.scope import Scope

FIND_TENANT = Statement(
    select(tenant.c.id, tenant.c.tenant_key, tenant.c.name, tenant.c.kind, tenant.c.closed_at).where(
        tenant.c.tenant_key == bindparam("key")
    )
)
ALL_TENANTS = Statement(select(tenant.c.id, tenant.c.tenant_key, tenant.c.name, tenant.c.kind).order_by(tenant.c.id))
_FIND_PRINCIPAL = Statement(
    select(principal.c.id).where(
        principal.c.tenant_id == bindparam("tenant_id", type_=principal.c.tenant_id.type),
        principal.c.kind == bindparam("kind"),
        principal.c.name == bindparam("name"),
        principal.c.deleted_at.is_(None),
    )
)
_FIND_MEMBERSHIP = Statement(
    select(membership.c.member_id).where(
        membership.c.tenant_id == bindparam("tenant_id", type_=membership.c.tenant_id.type),
        membership.c.member_id == bindparam("member", type_=membership.c.member_id.type),
        membership.c.group_id == bindparam("group", type_=membership.c.group_id.type),
    )
)


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant just made, with the only copy of its administrator's key."""

    tenant_id: UUID
    key: str
    api_key: str


def add_tenant(scope: Scope, key: str, name: str, *, kind: str = "live", currency: str = "EUR") -> None:
    """Add the tenant row of ``scope.tenant_id``."""
    if scope.uow.fetch_one(FIND_TENANT, {"key": key}):
        message = f"there is a tenant {key!r} already; choose another key"
        raise Duplicate(message, key=key)
    row: Mapping[str, Any] = {
        "id": scope.tenant_id,
        "tenant_key": key,
        "name": name,
        "kind": kind,
        "parent_id": None,
        "base_currency": currency,
        "timezone": "UTC",
        "locale": "en",
        "rounding": "half_up",
        "created_at": scope.uow.now,
        "closed_at": None,
    }
    scope.uow.execute(insert_into(tenant), row)


def furnish(scope: Scope) -> str:
    """Give a new tenant its roles, default pipelines and an administrator; return the administrator's key."""
    for role, permissions in ROLES.items():
        row = create(scope, scope.entity("principal"), {"kind": "role", "name": role})
        holder = {"tenant_id": scope.tenant_id, "principal_id": row["id"]}
        given = [{"id": new_id(), **holder, **each._asdict()} for each in permissions]
        scope.uow.execute_many(insert_into(permission), given)
    _add_pipelines(scope)
    return make_principal_key(scope, "administrator", ADMINISTRATOR, "first key")


def make_principal_key(scope: Scope, login: str, role: str, name: str, *, expires_at: dt.datetime | None = None) -> str:
    """Return a new key for the user with that login, made with that role if there is none."""
    if role not in ROLES:
        message = f"there is no role {role!r}; there are {', '.join(ROLES)}"
        raise InvalidInput(message, role=role)
    user_id = _user(scope, login)
    group = scope.uow.fetch_one(_FIND_PRINCIPAL, {"kind": "role", "name": role})
    if group is not None and not scope.uow.fetch(_FIND_MEMBERSHIP, {"member": user_id, "group": group[0]}):
        scope.uow.execute(insert_into(membership), {"member_id": user_id, "group_id": group[0]})
    return add_key(scope, user_id, name, expires_at)


def add_key(scope: Scope, principal_id: UUID, name: str, expires_at: dt.datetime | None = None) -> str:
    """Store a new key of a principal and return its text, which is kept nowhere."""
    key = make_key()
    scope.uow.execute(
        insert_into(api_key),
        {
            "id": new_id(),
            "principal_id": principal_id,
            "name": name,
            "prefix": key.prefix,
            "hash": key.hash,
            "created_at": scope.uow.now,
            "expires_at": expires_at,
            "last_used_at": None,
            "revoked_at": None,
        },
    )
    advance(scope.uow)
    return key.text


def _user(scope: Scope, login: str) -> UUID:
    found = scope.uow.fetch_one(_FIND_PRINCIPAL, {"kind": "user", "name": login})
    if found is not None:
        user_id: UUID = found[0]
        return user_id
    row = create(scope, scope.entity("principal"), {"kind": "user", "name": login, "login": login.lower()})
    made: UUID = row["id"]
    return made


_PIPELINES: Mapping[str, tuple[tuple[str, str, str, int], ...]] = {
    "lead": (
        ("new", "New", "open", 5),
        ("contacted", "Contacted", "open", 10),
        ("qualified", "Qualified", "won", 100),
        ("disqualified", "Disqualified", "lost", 0),
    ),
    "opportunity": (
        ("prospecting", "Prospecting", "open", 10),
        ("proposal", "Proposal", "open", 40),
        ("negotiation", "Negotiation", "open", 70),
        ("won", "Won", "won", 100),
        ("lost", "Lost", "lost", 0),
    ),
    "ticket": (
        ("new", "New", "open", 0),
        ("in_progress", "In progress", "open", 0),
        ("waiting", "Waiting for the customer", "open", 0),
        ("resolved", "Resolved", "won", 100),
        ("closed", "Closed without a solution", "cancelled", 0),
    ),
}


def _add_pipelines(scope: Scope) -> None:
    for record_type, stages in _PIPELINES.items():
        values = {"record_type": record_type, "pipeline_key": "default", "name": f"Default {record_type} pipeline"}
        pipeline = create(scope, scope.entity("pipeline"), values)
        for position, (key, name, category, probability) in enumerate(stages):
            create(
                scope,
                scope.entity("stage"),
                {
                    "pipeline_id": pipeline["id"],
                    "stage_key": key,
                    "name": name,
                    "position": position,
                    "category": category,
                    "probability": probability,
                },
            )


def furnished(key: str, name: str, *, kind: str = "live", currency: str = "EUR") -> tuple[UUID, Any]:
    """Return the id of a tenant to be and the operation that makes it; run it as ``system_actor`` of that id."""
    tenant_id = new_id()

    def operate(scope: Scope) -> NewTenant:
        add_tenant(scope, key, name, kind=kind, currency=currency)
        return NewTenant(tenant_id, key, furnish(scope))

    return tenant_id, operate


__all__ = ["ALL_TENANTS", "FIND_TENANT", "NewTenant", "add_key", "furnished", "make_principal_key", "system_actor"]
