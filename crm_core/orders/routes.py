"""The routes of orders."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.orders.schemas import SALES_ORDER, SALES_ORDER_LINE

ROUTERS = (crud_router(SALES_ORDER), crud_router(SALES_ORDER_LINE))
