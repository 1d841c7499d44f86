"""The routes of accounts."""

from __future__ import annotations

from crm_core.accounts.schemas import ACCOUNT
from crm_core.http.crud import crud_router
from crm_core.http.verbs import verb_router

ROUTERS = (crud_router(ACCOUNT), verb_router(ACCOUNT))
