"""The routes of relations."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter

from crm_core.http.crud import as_output, crud_router
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.http.verbs import verb_router
from crm_core.records.rows import page
from crm_core.relations import external_refs, links, tags
from crm_core.relations.schemas import ATTACHMENT, EXTERNAL_REFS, LINKS, TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crm_core.records.entity import Entity
    from crm_core.records.rows import Rows
    from crm_core.records.scope import Scope

_Key = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]*$", max_length=100)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class LinkRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What one record is to another."""

    src_id: UUID
    rel: _Key
    dst_id: UUID
    position: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    data: dict[str, Any] | None = None


class ExternalRefRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What another system calls a record."""

    system: _Text
    ext_id: _Text
    record_id: UUID


class TagsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """All the tags a record shall have."""

    tag_ids: Annotated[list[UUID], msgspec.Meta(max_length=tags.MAX_TAGS)]


class TagsAnswer(msgspec.Struct):
    """The tags of a record, by name."""

    data: list[TAG.out_type]  # type: ignore[name-defined]


def _listed(rows: Rows) -> Any:
    return lambda scope, call: Answer.of(page(scope, rows, call.query))


def _added(rows: Rows, service: Any) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        row = service(scope, msgspec.structs.asdict(call.body))
        return Answer.of(rows.out_type(*(row[name] for name in rows.fields)), status=201)

    return serve


def _end_link(scope: Scope, call: Call) -> Answer:
    links.end(scope, call.id())
    return Answer.nothing()


def _remove_external_ref(scope: Scope, call: Call) -> Answer:
    external_refs.remove(scope, call.query)
    return Answer.nothing()


def _links() -> APIRouter:
    router, tag = APIRouter(prefix="/links"), "links"
    summary = "List links, ended ones too; valid_to[empty]=true for those that hold"
    listing = Documentation("list_links", tag, summary, answer=LINKS.page_type, query=LINKS.query)
    add_route(router, "GET", "", _listed(LINKS), listing)
    making = Documentation(
        "create_link", tag, "Link two records", body=LinkRequest, answer=LINKS.out_type, status=201, idempotent=True
    )
    add_route(router, "POST", "", _added(LINKS, links.add), making)
    ending = Documentation("end_link", tag, "End a link today; it stays in lists with that day", status=204)
    add_route(router, "DELETE", "/{id}", _end_link, ending)
    return router


def _external_refs() -> APIRouter:
    router, tag, rows = APIRouter(prefix="/external-refs"), "external-refs", EXTERNAL_REFS
    summary = "List ids of other systems"
    listing = Documentation("list_external_refs", tag, summary, answer=rows.page_type, query=rows.query)
    add_route(router, "GET", "", _listed(rows), listing)
    making = Documentation(
        "create_external_ref", tag, "Add an id of another system", body=ExternalRefRequest, answer=rows.out_type,
        status=201, idempotent=True,
    )  # fmt: skip
    add_route(router, "POST", "", _added(rows, external_refs.add), making)
    query = rows.query[:2]
    removing = Documentation(
        "delete_external_ref", tag, "Forget the id named by system and ext_id", status=204, query=query
    )
    add_route(router, "DELETE", "", _remove_external_ref, removing)
    return router


def tag_routers(catalog: Mapping[str, Entity]) -> Iterable[APIRouter]:
    """Return the routes of tags on records, one router per record type."""
    for entity in catalog.values():
        router = APIRouter(prefix=f"/{entity.path}")
        name, path = entity.record_type, "/{id}/tags"
        reading = Documentation(f"get_{name}_tags", entity.path, "Read the record's tags", answer=TagsAnswer)
        add_route(router, "GET", path, _tags(entity), reading)
        summary = "Replace the record's tags; needs the permission to change the record"
        writing = Documentation(f"set_{name}_tags", entity.path, summary, body=TagsRequest, answer=TagsAnswer)
        add_route(router, "PUT", path, _set_tags(entity), writing)
        yield router


def _tags(entity: Entity) -> Any:
    return lambda scope, call: _tags_answer(tags.of_record(scope, entity, call.id()))


def _set_tags(entity: Entity) -> Any:
    return lambda scope, call: _tags_answer(tags.replace(scope, entity, call.id(), call.body.tag_ids))


def _tags_answer(rows: list[dict[str, Any]]) -> Answer:
    return Answer.of({"data": [as_output(TAG, row) for row in rows]})


ROUTERS = (
    crud_router(ATTACHMENT),
    verb_router(ATTACHMENT),
    crud_router(TAG),
    verb_router(TAG),
    _links(),
    _external_refs(),
)
