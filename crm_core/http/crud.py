"""The routes every record type has, built from its entity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter

from crm_core.http.bulk import add_bulk
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.records import change, create, listing, parts, read
from crm_core.records.entity import Entity, given
from crm_core.records.filters import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_core.records.scope import Scope

_LIST_QUERY: tuple[Mapping[str, Any], ...] = (
    {
        "name": "sort",
        "in": "query",
        "description": "Field names, comma-separated, `-` for descending; plugin fields as `<plugin>.<field>`.",
        "schema": {"type": "string", "default": "id"},
    },
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": listing.MAX_LIMIT, "default": listing.DEFAULT_LIMIT},
    },
    {"name": "cursor", "in": "query", "description": "next_cursor of the page before.", "schema": {"type": "string"}},
    {"name": "deleted", "in": "query", "description": "true: the bin.", "schema": {"type": "boolean"}},
    {
        "name": "filter",
        "in": "query",
        "style": "form",
        "explode": True,
        "description": f"`<field>=<value>` or `<field>[<operator>]=<value>`; operators: {', '.join(OPERATORS)}.",
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    },
)


def crud_router(entity: Entity) -> APIRouter:
    """Return a router with list, create, bulk, read, change, delete and restore of one record type."""
    router = APIRouter(prefix=f"/{entity.path}")
    name, tag = entity.record_type, entity.path
    out: Any = entity.out_type
    page = msgspec.defstruct(f"{out.__name__}Page", [("data", list[out]), ("next_cursor", str | None)])
    one = "/{id}"

    def add(method: str, path: str, verb: str, service: Any, summary: str, **more: Any) -> None:
        add_route(router, method, path, service, Documentation(f"{verb}_{name}", tag, summary, **more))

    add("GET", "", "list", _list(entity), f"List {entity.path}", answer=page, query=_LIST_QUERY)
    add(
        "POST", "", "create", _create(entity), f"Create: {entity.doc}",
        body=entity.create_type, answer=out, status=201, idempotent=True,
    )  # fmt: skip
    add_bulk(router, entity)
    add("GET", one, "get", _get(entity), "Read one", answer=out)
    add(
        "PATCH", one, "update", _update(entity), "Change some fields", body=entity.patch_type, answer=out, if_match=True
    )
    add("DELETE", one, "delete", _delete(entity), "Delete; it can be restored", status=204, if_match=True)
    add(
        "POST",
        f"{one}/restore",
        "restore",
        _restore(entity),
        "Bring a deleted record back",
        answer=out,
        idempotent=True,
    )
    return router


def record_answer(entity: Entity, row: Mapping[str, Any], *, status: int = 200, location: bool = False) -> Answer:
    """Return a record with its ETag."""
    record = as_output(entity, row)
    headers = {"etag": f'"{row["version"]}"'}
    if location:
        headers["location"] = f"/api/v1/{entity.path}/{row['id']}"
    return Answer.of(record, status=status, **headers)


def as_output(entity: Entity, row: Mapping[str, Any]) -> Any:
    """Return a row as the msgspec type of the record type."""
    values = [*(row[name] for name in entity.names), row.get("plugins") or {}]
    if entity.parts is not None:
        values.append([as_output(entity.parts.entity, part) for part in row[entity.parts.name]])
    return entity.out_type(*values)


def _list(entity: Entity) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        plugins = scope.hooks.tenant.fields.of(entity.record_type, scope.hooks.tenant.enabled)
        wanted = listing.parse(entity, plugins, call.query)
        rows, cursor = listing.list_rows(scope, entity, wanted)
        parts.attach(scope, entity, rows)
        return Answer.of({"data": [as_output(entity, row) for row in rows], "next_cursor": cursor})

    return serve


def _create(entity: Entity) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        values, plugins = given(call.body)
        row = create.create(scope, entity, values, plugins)
        return record_answer(entity, with_plugins(scope, entity, row), status=201, location=True)

    return serve


def _get(entity: Entity) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        row = read.get(scope, entity, call.id())
        parts.attach(scope, entity, [row])
        return record_answer(entity, row)

    return serve


def _update(entity: Entity) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        values, plugins = given(call.body)
        row = change.update(scope, entity, call.id(), values, plugins, version=call.version)
        return record_answer(entity, with_plugins(scope, entity, row))

    return serve


def _delete(entity: Entity) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        change.delete(scope, entity, call.id(), version=call.version)
        return Answer.nothing()

    return serve


def _restore(entity: Entity) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        return record_answer(entity, with_plugins(scope, entity, change.restore(scope, entity, call.id())))

    return serve


def with_plugins(scope: Scope, entity: Entity, row: dict[str, Any]) -> dict[str, Any]:
    """Return a written row with all its plugins' fields and its parts, as a later read would answer it."""
    row["plugins"] = read.plugin_values(scope, entity, [row["id"]])[0]
    parts.attach(scope, entity, [row])
    return row
