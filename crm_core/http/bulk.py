"""Bulk create and update: many records in one request and one transaction, failures reported by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec

from crm_core.errors import CrmError, DatabaseError, InvalidInput
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.http.problems import problem_of
from crm_core.records import change, create, parts, read
from crm_core.records.entity import Entity, given

if TYPE_CHECKING:
    from fastapi import APIRouter

    from crm_core.records.scope import Scope

MAX_OPERATIONS = 1000


def add_bulk(router: APIRouter, entity: Entity) -> None:
    """Add ``POST /<path>/bulk`` to the router of a record type."""
    name = entity.out_type.__name__
    change_type = msgspec.defstruct(
        f"{name}BulkUpdate",
        [("id", UUID), ("version", int | None, None), ("set", entity.patch_type)],
        forbid_unknown_fields=True,
        kw_only=True,
    )
    operation = msgspec.defstruct(
        f"{name}BulkOperation",
        [("create", entity.create_type | None, None), ("update", change_type | None, None)],
        forbid_unknown_fields=True,
    )
    limits = msgspec.Meta(min_length=1, max_length=MAX_OPERATIONS)
    request = msgspec.defstruct(
        f"{name}BulkRequest", [("operations", Annotated[list[msgspec.Raw], limits])], forbid_unknown_fields=True
    )
    shown = msgspec.defstruct(
        f"{name}Bulk",
        [("operations", Annotated[list[operation], limits])],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
    )
    result = msgspec.defstruct(
        f"{name}BulkResult",
        [
            ("row", int),
            ("status", int),
            ("record", entity.out_type | None, None),
            ("error", dict[str, Any] | None, None),
        ],
    )
    answer = msgspec.defstruct(f"{name}BulkAnswer", [("results", list[result])])  # type: ignore[valid-type]
    decoder = msgspec.json.Decoder(operation)

    def serve(scope: Scope, call: Call) -> Answer:
        scope.actor.require(entity.record_type, "read")
        results = [_one(scope, entity, decoder, row, raw) for row, raw in enumerate(call.body.operations)]
        _add_records(scope, entity, results)
        return Answer.of({"results": results})

    summary = f"Create and update many {entity.path}; rows that fail are reported and leave nothing"
    documentation = Documentation(
        f"bulk_{entity.record_type}", entity.path, summary, body=request, shown=shown, answer=answer, idempotent=True
    )
    add_route(router, "POST", "/bulk", serve, documentation)


def _one(
    scope: Scope, entity: Entity, decoder: msgspec.json.Decoder[Any], row: int, raw: msgspec.Raw
) -> dict[str, Any]:
    """Do one operation in a savepoint; return its result or its problem."""
    try:
        operation = _decoded(decoder, raw)
        done, status = scope.uow.attempt(lambda: _do(scope, entity, operation))
    except DatabaseError:
        raise
    except CrmError as error:
        return {"row": row, "status": error.status, "error": problem_of(error, scope.uow.request_id)}
    return {"row": row, "status": status, "record": done}


def _decoded(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw) -> Any:
    try:
        operation = decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message = f"the operation does not fit: {error}"
        raise InvalidInput(message) from None
    if (operation.create is None) == (operation.update is None):
        message = 'write either {"create": {…}} or {"update": {"id": …, "set": {…}}}'
        raise InvalidInput(message)
    return operation


def _do(scope: Scope, entity: Entity, operation: Any) -> tuple[dict[str, Any], int]:
    if operation.create is not None:
        values, plugins = given(operation.create)
        return create.create(scope, entity, values, plugins), 201
    wanted = operation.update
    values, plugins = given(wanted.set)
    return change.update(scope, entity, wanted.id, values, plugins, version=wanted.version), 200


def _add_records(scope: Scope, entity: Entity, results: list[dict[str, Any]]) -> None:
    """Put the records as a later read would answer them into the results."""
    from crm_core.http.crud import as_output  # noqa: PLC0415 - crud builds on this module

    done = [result for result in results if "record" in result]
    values = read.plugin_values(scope, entity, [result["record"]["id"] for result in done])
    parts.attach(scope, entity, [result["record"] for result in done])
    for result, own in zip(done, values, strict=True):
        result["record"] = as_output(entity, {**result["record"], "plugins": own})
