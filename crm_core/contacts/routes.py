"""The routes of contacts."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.contacts.schemas import CONTACT, CONTACT_POINT

ROUTERS = (crud_router(CONTACT), crud_router(CONTACT_POINT))
