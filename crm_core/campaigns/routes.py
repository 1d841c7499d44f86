"""The routes of campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter

from crm_core.campaigns import service
from crm_core.campaigns.schemas import CAMPAIGN, MEMBERS
from crm_core.http.crud import crud_router
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.http.verbs import verb_router

if TYPE_CHECKING:
    from crm_core.records.scope import Scope

_TAG = "campaigns"


class MemberRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A record to aim the campaign at, and how far it is with it."""

    record_id: UUID
    status: Annotated[str, msgspec.Meta(max_length=500)] | None = None


def _list(scope: Scope, call: Call) -> Answer:
    return Answer.of(service.members(scope, call.id(), call.query))


def _add(scope: Scope, call: Call) -> Answer:
    row = service.add_member(scope, call.id(), msgspec.structs.asdict(call.body))
    return Answer.of(MEMBERS.out_type(*(row[name] for name in MEMBERS.fields)), status=201)


def _remove(scope: Scope, call: Call) -> Answer:
    service.remove_member(scope, call.id(), call.id("record_id"))
    return Answer.nothing()


def _members() -> APIRouter:
    router = APIRouter(prefix="/campaigns/{id}/members")
    listing = Documentation(
        "list_campaign_members", _TAG, "List members", answer=MEMBERS.page_type, query=MEMBERS.query
    )
    add_route(router, "GET", "", _list, listing)
    adding = Documentation(
        "add_campaign_member", _TAG, "Add a lead, contact or account", body=MemberRequest, answer=MEMBERS.out_type,
        status=201, idempotent=True,
    )  # fmt: skip
    add_route(router, "POST", "", _add, adding)
    removing = Documentation("remove_campaign_member", _TAG, "Take a record out", status=204)
    add_route(router, "DELETE", "/{record_id}", _remove, removing)
    return router


ROUTERS = (crud_router(CAMPAIGN), verb_router(CAMPAIGN), _members())
