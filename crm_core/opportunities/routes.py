"""The routes of opportunities."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.http.verbs import verb_router
from crm_core.opportunities.schemas import OPPORTUNITY

ROUTERS = (crud_router(OPPORTUNITY), verb_router(OPPORTUNITY))
