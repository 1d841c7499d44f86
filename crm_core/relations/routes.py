"""The routes of relations."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.relations.schemas import ATTACHMENT, TAG

ROUTERS = (crud_router(ATTACHMENT), crud_router(TAG))
