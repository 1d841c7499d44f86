"""The routes of campaigns."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.campaigns.schemas import CAMPAIGN

ROUTERS = (crud_router(CAMPAIGN),)
