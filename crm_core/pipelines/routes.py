"""The routes of pipelines and stages."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.http.verbs import verb_router
from crm_core.pipelines.schemas import PIPELINE, STAGE

ROUTERS = (crud_router(PIPELINE), verb_router(PIPELINE), crud_router(STAGE), verb_router(STAGE))
