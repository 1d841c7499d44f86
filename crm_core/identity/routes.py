"""The routes of identity."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.identity.schemas import PRINCIPAL

ROUTERS = (crud_router(PRINCIPAL),)
