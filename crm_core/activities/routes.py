"""The routes of activities."""

from __future__ import annotations

from crm_core.activities.schemas import ACTIVITY
from crm_core.http.crud import crud_router
from crm_core.http.verbs import verb_router

ROUTERS = (crud_router(ACTIVITY), verb_router(ACTIVITY))
