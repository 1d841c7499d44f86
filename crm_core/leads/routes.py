"""The routes of leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter

from crm_core.http.crud import as_output, crud_router, with_plugins
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.http.verbs import verb_router
from crm_core.leads.schemas import LEAD
from crm_core.leads.service import Wanted, convert

if TYPE_CHECKING:
    from crm_core.records.scope import Scope


class ConvertRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Existing records to use, and fields of the opportunity beyond what the lead says."""

    account_id: UUID | None = None
    contact_id: UUID | None = None
    opportunity: dict[str, Any] | None = None
    create_opportunity: bool = True


class ConvertAnswer(msgspec.Struct):
    """The lead as it is now and the records it became; each as reading it answers."""

    lead: dict[str, Any]
    account: dict[str, Any]
    contact: dict[str, Any]
    opportunity: dict[str, Any] | None


def _convert(scope: Scope, call: Call) -> Answer:
    wanted: ConvertRequest = call.body
    done = convert(
        scope,
        call.id(),
        Wanted(wanted.account_id, wanted.contact_id, wanted.opportunity, wanted.create_opportunity, call.version),
    )
    rows = {"lead": done.lead, "account": done.account, "contact": done.contact, "opportunity": done.opportunity}
    shown = {name: _shown(scope, name, row) for name, row in rows.items()}
    return Answer.of(shown, etag=f'"{done.lead["version"]}"')


def _shown(scope: Scope, record_type: str, row: dict[str, Any] | None) -> Any:
    if row is None:
        return None
    entity = scope.entity(record_type)
    return as_output(entity, with_plugins(scope, entity, row))


def _router() -> APIRouter:
    router = APIRouter(prefix=f"/{LEAD.path}")
    add_route(
        router, "POST", "/{id}/convert", _convert,
        Documentation(
            "convert_lead", LEAD.path, "Make it an account, a contact and an opportunity",
            body=ConvertRequest, answer=ConvertAnswer, if_match=True, idempotent=True,
        ),
    )  # fmt: skip
    return router


ROUTERS = (crud_router(LEAD), verb_router(LEAD), _router())
