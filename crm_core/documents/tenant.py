"""What documents need to know of their tenant, read once per operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.errors import RecordNotFound
from crm_core.schema import tenant

if TYPE_CHECKING:
    from crm_core.records.scope import Scope

_READ = Statement(
    select(tenant.c.base_currency, tenant.c.rounding).where(
        tenant.c.id == bindparam("tenant_id", type_=tenant.c.id.type)
    )
)


class TenantMoney(NamedTuple):
    """How a tenant deals with money."""

    base_currency: str
    rounding: str


def tenant_money(scope: Scope) -> TenantMoney:
    """Return the tenant's currency and rounding mode."""
    known = scope.memory.get("tenant_money")
    if isinstance(known, TenantMoney):
        return known
    row = scope.uow.fetch_one(_READ, {})
    if row is None:
        message = f"there is no tenant {scope.tenant_id}"
        raise RecordNotFound(message)
    money = scope.memory["tenant_money"] = TenantMoney(*row)
    return money
