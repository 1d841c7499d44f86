"""The routes of identity."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Request

from crm_core.errors import MalformedRequest
from crm_core.http.crud import crud_router
from crm_core.http.idempotency import HEADER as IDEMPOTENCY_KEY
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.http.verbs import verb_router
from crm_core.identity import api_keys, groups, permissions
from crm_core.identity.me import me
from crm_core.identity.schemas import API_KEYS, PERMISSIONS, PRINCIPAL
from crm_core.records.rows import page

if TYPE_CHECKING:
    from crm_core.records.rows import Rows
    from crm_core.records.scope import Scope

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
_Key = Annotated[str, msgspec.Meta(pattern=r"^(\*|[a-z][a-z0-9_.]*)$", max_length=100)]


class ApiKeyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Whose key it shall be, and until when."""

    principal_id: UUID
    name: _Name
    expires_at: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = None


class PermissionRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What a principal, or everybody who belongs to it, shall be allowed."""

    principal_id: UUID
    resource: _Key
    action: _Key
    scope: Literal["own", "team", "tree", "all"]


class GroupsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """All the teams and roles a principal shall belong to."""

    group_ids: Annotated[list[UUID], msgspec.Meta(max_length=groups.MAX_GROUPS)]


class Group(msgspec.Struct):
    """A team or role."""

    id: UUID
    kind: str
    name: str


class GroupsAnswer(msgspec.Struct):
    """The teams and roles a principal belongs to directly, by name."""

    data: list[Group]


class MyPermission(msgspec.Struct):
    """One thing the key may do; ``owner_ids`` null: with every record, else with those of these owners."""

    resource: str
    action: str
    owner_ids: list[UUID] | None


class MeAnswer(msgspec.Struct):
    """Who the key belongs to."""

    principal: dict[str, Any]
    tenant: dict[str, Any]
    permissions: list[MyPermission]


_NewKey = msgspec.defstruct(
    "NewApiKey", [*((name, API_KEYS.out_type.__annotations__[name]) for name in API_KEYS.fields), ("api_key", str)]
)


async def _no_replay(request: Request) -> None:
    """Refuse Idempotency-Key: answers to it are stored, and a key's secret is stored nowhere."""
    if request.method == "POST" and IDEMPOTENCY_KEY in request.headers:
        message = "POST /api-keys takes no Idempotency-Key; leave it out, and revoke a key whose answer you lost"
        raise MalformedRequest(message)


def _me(scope: Scope, _: Call) -> Answer:
    return Answer.of(me(scope))


def _make_key(scope: Scope, call: Call) -> Answer:
    return Answer.of(api_keys.make(scope, msgspec.structs.asdict(call.body)), status=201)


def _revoke_key(scope: Scope, call: Call) -> Answer:
    api_keys.revoke(scope, call.id())
    return Answer.nothing()


def _give(scope: Scope, call: Call) -> Answer:
    return Answer.of(permissions.give(scope, msgspec.structs.asdict(call.body)), status=201)


def _take(scope: Scope, call: Call) -> Answer:
    permissions.take(scope, call.id())
    return Answer.nothing()


def _groups(scope: Scope, call: Call) -> Answer:
    return Answer.of({"data": groups.of_principal(scope, call.id())})


def _set_groups(scope: Scope, call: Call) -> Answer:
    return Answer.of({"data": groups.replace(scope, call.id(), call.body.group_ids)})


def _listed(rows: Rows) -> Any:
    return lambda scope, call: Answer.of(page(scope, rows, call.query))


def _keys() -> APIRouter:
    router, tag = APIRouter(prefix="/api-keys", dependencies=[Depends(_no_replay)]), "api-keys"
    listing = Documentation("list_api_keys", tag, "List keys", answer=API_KEYS.page_type, query=API_KEYS.query)
    add_route(router, "GET", "", _listed(API_KEYS), listing)
    summary = "Make a key of a principal; the answer shows it, and nothing does so later"
    making = Documentation("create_api_key", tag, summary, body=ApiKeyRequest, answer=_NewKey, status=201)
    add_route(router, "POST", "", _make_key, making)
    add_route(
        router, "DELETE", "/{id}", _revoke_key, Documentation("revoke_api_key", tag, "End a key at once", status=204)
    )
    return router


def _permissions() -> APIRouter:
    router, tag, rows = APIRouter(prefix="/permissions"), "permissions", PERMISSIONS
    listing = Documentation("list_permissions", tag, "List permissions", answer=rows.page_type, query=rows.query)
    add_route(router, "GET", "", _listed(rows), listing)
    summary = "Give a permission you have yourself"
    giving = Documentation(
        "create_permission", tag, summary, body=PermissionRequest, answer=rows.out_type, status=201, idempotent=True
    )
    add_route(router, "POST", "", _give, giving)
    taking = Documentation("delete_permission", tag, "Take a permission away", status=204)
    add_route(router, "DELETE", "/{id}", _take, taking)
    return router


def _membership() -> APIRouter:
    router, tag, path = APIRouter(prefix="/principals"), "principals", "/{id}/groups"
    reading = Documentation("get_groups", tag, "Read the teams and roles it belongs to", answer=GroupsAnswer)
    add_route(router, "GET", path, _groups, reading)
    summary = "Replace the teams and roles it belongs to"
    writing = Documentation("set_groups", tag, summary, body=GroupsRequest, answer=GroupsAnswer)
    add_route(router, "PUT", path, _set_groups, writing)
    return router


def _myself() -> APIRouter:
    router = APIRouter(prefix="/me")
    documentation = Documentation("get_me", "principals", "Read whose key this is and what it may do", answer=MeAnswer)
    add_route(router, "GET", "", _me, documentation)
    return router


ROUTERS = (crud_router(PRINCIPAL), verb_router(PRINCIPAL), _keys(), _permissions(), _membership(), _myself())
