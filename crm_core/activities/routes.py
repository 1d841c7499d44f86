"""The routes of activities."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.activities.schemas import ACTIVITY

ROUTERS = (crud_router(ACTIVITY),)
