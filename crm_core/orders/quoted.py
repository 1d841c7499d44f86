"""How a quote becomes a sales order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.documents.amounts import AMOUNTS
from crm_core.errors import Refused
from crm_core.records.change import require_version, update
from crm_core.records.create import create
from crm_core.records.parts import attach
from crm_core.records.read import load_row
from crm_core.records.statements import in_tenant
from crm_core.schema import sales_order
from plugin_sdk import Issue

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.records.scope import Scope

_COPIED = (
    "account_id",
    "contact_id",
    "opportunity_id",
    "owner_id",
    "price_book_id",
    "currency",
    "fx_to_base",
    "terms",
    "ship_to",
    "bill_to",
)
_COPIED_OF_LINES = (
    "product_id",
    "description",
    "quantity",
    "unit",
    "unit_price",
    "discount_percent",
    "tax_code",
    "tax",
)
_ORDER_OF = Statement(
    select(sales_order.c.number)
    .where(
        in_tenant(sales_order.c.tenant_id),
        sales_order.c.origin_id == bindparam("quote", type_=sales_order.c.origin_id.type),
        sales_order.c.deleted_at.is_(None),
    )
    .limit(1)
)


def order_quote(scope: Scope, quote_id: UUID, *, version: int | None = None) -> dict[str, Any]:
    """Make the sales order of a quote and accept the quote, both or neither; return the order.

    The quote's guarded write decides between two callers: the second gets a Conflict and makes no order.
    """
    scope.actor.require("sales_order", "create")
    entity = scope.entity("quote")
    accepted = load_row(scope, entity, quote_id, scope.actor.require("quote", "update"))
    require_version(entity, accepted, version)
    found = scope.uow.fetch_one(_ORDER_OF, {"quote": quote_id})
    if found is not None:
        message = f"quote {accepted['number']} was ordered already as sales order {found[0]}; change that order instead"
        raise Refused([("core", Issue("already_ordered", message))])
    attach(scope, entity, [accepted])
    changes = {"status": "accepted", "accepted_at": scope.uow.now}
    update(scope, entity, quote_id, changes, version=accepted["version"])
    return create(scope, scope.entity("sales_order"), _order_values(scope, accepted))


def _order_values(scope: Scope, accepted: dict[str, Any]) -> dict[str, Any]:
    values = {name: accepted[name] for name in _COPIED}
    values |= {"origin_id": accepted["id"], "document_date": scope.uow.now.date(), "ordered_on": scope.uow.now.date()}
    if accepted["lines"]:
        values["lines"] = [{name: line[name] for name in _COPIED_OF_LINES} for line in accepted["lines"]]
    else:
        values |= {name: accepted[name] for name in AMOUNTS}
    return values
