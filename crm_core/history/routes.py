"""The routes of history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from crm_core.history.schemas import AUDIT, STAGE_EVENTS
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, add_route
from crm_core.records.rows import page

if TYPE_CHECKING:
    from crm_core.records.rows import Rows

_TAG = "history"


def _listed(rows: Rows) -> Any:
    return lambda scope, call: Answer.of(page(scope, rows, call.query))


def _router() -> APIRouter:
    router = APIRouter()
    audit = Documentation(
        "list_audit", _TAG, "List what happened, newest first", answer=AUDIT.page_type, query=AUDIT.query
    )
    add_route(router, "GET", "/audit", _listed(AUDIT), audit)
    stages = Documentation(
        "list_stage_events", _TAG, "List moves from stage to stage, newest first", answer=STAGE_EVENTS.page_type,
        query=STAGE_EVENTS.query,
    )  # fmt: skip
    add_route(router, "GET", "/stage-events", _listed(STAGE_EVENTS), stages)
    return router


ROUTERS = (_router(),)
