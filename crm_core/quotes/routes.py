"""The routes of quotes."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.http.verbs import verb_router
from crm_core.quotes.schemas import QUOTE, QUOTE_LINE

ROUTERS = (crud_router(QUOTE), verb_router(QUOTE), crud_router(QUOTE_LINE), verb_router(QUOTE_LINE))
