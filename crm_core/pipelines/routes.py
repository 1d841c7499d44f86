"""The routes of pipelines."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.pipelines.schemas import PIPELINE, STAGE

ROUTERS = (crud_router(PIPELINE), crud_router(STAGE))
