"""The routes of tickets."""

from __future__ import annotations

from crm_core.http.crud import crud_router
from crm_core.http.verbs import verb_router
from crm_core.tickets.schemas import TICKET

ROUTERS = (crud_router(TICKET), verb_router(TICKET))
