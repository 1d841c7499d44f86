"""The routes of leads."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.leads.schemas import LEAD

ROUTERS = (crud_router(LEAD),)
