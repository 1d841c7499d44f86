"""The routes of products."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.products.schemas import PRICE, PRICE_BOOK, PRODUCT

ROUTERS = (crud_router(PRODUCT), crud_router(PRICE_BOOK), crud_router(PRICE))
