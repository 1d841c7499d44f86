"""The verbs several record types have: score, move to another stage, merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter

from crm_core.http.crud import record_answer, with_plugins
from crm_core.http.openapi import Documentation
from crm_core.http.operations import Answer, Call, add_route
from crm_core.records import merging, read, stages
from crm_core.records.entity import Entity
from crm_core.records.hookable import frozen

if TYPE_CHECKING:
    from crm_core.records.scope import Scope


class ScoreOut(msgspec.Struct):
    """One plugin's score of a record, from 0 to 100, with its reasons."""

    plugin: str
    name: str
    value: int
    reasons: tuple[str, ...]


class ScoreAnswer(msgspec.Struct):
    """What the plugins say about a record; empty where none has anything to say."""

    scores: list[ScoreOut]


class MoveRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The stage to move to, of the pipeline the record is in, and why."""

    stage_id: UUID
    reason: str | None = None


class MergeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The record to give up, the version the winner must still have, and whether to fill its empty fields."""

    loser_id: UUID
    version: int | None = None
    fill: bool = True


def verb_router(entity: Entity) -> APIRouter:
    """Return a router with the verbs that fit the record type's fields."""
    router = APIRouter(prefix=f"/{entity.path}")

    def add(path: str, verb: str, service: Any, summary: str, **more: Any) -> None:
        documentation = Documentation(f"{verb}_{entity.record_type}", entity.path, summary, idempotent=True, **more)
        add_route(router, "POST", f"/{{id}}/{path}", service, documentation)

    add("score", "score", _score(entity), "Ask the plugins how good it is, and why", answer=ScoreAnswer)
    if "stage_id" in entity.by_name:
        add(
            "move-stage", "move", _move(entity), "Move it to another stage",
            body=MoveRequest, answer=entity.out_type, if_match=True,
        )  # fmt: skip
    if "merged_into_id" in entity.by_name:
        add(
            "merge", "merge", _merge(entity), "Take over all that another one has, which then goes to the bin",
            body=MergeRequest, answer=entity.out_type, if_match=True,
        )  # fmt: skip
    return router


def _score(entity: Entity) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        row = read.get(scope, entity, call.id())
        record = frozen(entity, {name: row[name] for name in entity.names}, row["plugins"])
        found = scope.hooks.collect("score", entity.record_type, record=record)
        return Answer.of(
            ScoreAnswer([ScoreOut(plugin.id, each.name, each.value, tuple(each.reasons)) for plugin, each in found])
        )

    return serve


def _move(entity: Entity) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        wanted: MoveRequest = call.body
        row = stages.move(scope, entity, call.id(), wanted.stage_id, reason=wanted.reason, version=call.version)
        return record_answer(entity, with_plugins(scope, entity, row))

    return serve


def _merge(entity: Entity) -> Any:
    def serve(scope: Scope, call: Call) -> Answer:
        wanted: MergeRequest = call.body
        version = call.version if wanted.version is None else wanted.version
        row = merging.merge(scope, entity, call.id(), wanted.loser_id, version=version, fill=wanted.fill)
        return record_answer(entity, with_plugins(scope, entity, row))

    return serve
