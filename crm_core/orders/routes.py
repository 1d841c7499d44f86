"""The routes of orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from crm_core.http.crud import crud_router, record_answer, with_plugins
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.http.verbs import verb_router
from crm_core.orders.quoted import order_quote
from crm_core.orders.schemas import SALES_ORDER, SALES_ORDER_LINE

if TYPE_CHECKING:
    from crm_core.records.scope import Scope


def _order(scope: Scope, call: Call) -> Answer:
    row = order_quote(scope, call.id(), version=call.version)
    return record_answer(SALES_ORDER, with_plugins(scope, SALES_ORDER, row), status=201, location=True)


def _quotes() -> APIRouter:
    router = APIRouter(prefix="/quotes")
    summary = "Make a sales order from the quote and accept it; once"
    documentation = Documentation(
        "order_quote", "quotes", summary, answer=SALES_ORDER.out_type, status=201, if_match=True, idempotent=True
    )
    add_route(router, "POST", "/{id}/order", _order, documentation)
    return router


ROUTERS = (
    crud_router(SALES_ORDER),
    verb_router(SALES_ORDER),
    crud_router(SALES_ORDER_LINE),
    verb_router(SALES_ORDER_LINE),
    _quotes(),
)
