"""The routes of products."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.http.verbs import verb_router
from crm_core.products.schemas import PRICE, PRICE_BOOK, PRODUCT

ROUTERS = (
    crud_router(PRODUCT),
    verb_router(PRODUCT),
    crud_router(PRICE_BOOK),
    verb_router(PRICE_BOOK),
    crud_router(PRICE),
    verb_router(PRICE),
)
