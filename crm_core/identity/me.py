"""Who a key belongs to, and what it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from crm_core.actors import Grant
from crm_core.db.statements import Statement
from crm_core.errors import RecordNotFound
from crm_core.records.read import load_row
from crm_core.schema import tenant

if TYPE_CHECKING:
    from crm_core.records.scope import Scope

_PRINCIPAL = ("id", "kind", "name", "login", "email", "locale", "timezone")
_TENANT = ("id", "tenant_key", "name", "kind", "base_currency", "timezone", "locale", "rounding")
_READ_TENANT = Statement(
    select(*(tenant.c[name] for name in _TENANT)).where(tenant.c.id == bindparam("tenant_id", type_=tenant.c.id.type))
)


def me(scope: Scope) -> dict[str, Any]:
    """Return the acting principal, its tenant and its permissions; no permission is needed for that."""
    actor = scope.actor
    found = scope.uow.fetch_one(_READ_TENANT, {})
    if actor.principal_id is None or found is None:
        message = f"{actor.name} is no principal of this tenant"
        raise RecordNotFound(message)
    row = load_row(scope, scope.entity("principal"), actor.principal_id, Grant())
    permissions = [
        {"resource": resource, "action": action, "owner_ids": None if grant.owners is None else sorted(grant.owners)}
        for (resource, action), grant in sorted(actor.grants.items())
    ]
    return {
        "principal": {name: row[name] for name in _PRINCIPAL},
        "tenant": dict(zip(_TENANT, found, strict=True)),
        "permissions": permissions,
    }
