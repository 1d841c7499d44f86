"""The routes of contacts and contact points."""

from __future__ import annotations

from crm_core.contacts.schemas import CONTACT, CONTACT_POINT
from crm_core.http.crud import crud_router
from crm_core.http.verbs import verb_router

ROUTERS = (crud_router(CONTACT), verb_router(CONTACT), crud_router(CONTACT_POINT), verb_router(CONTACT_POINT))
