"""Places in pipelines: where a new record starts, what a move to another stage entails, and its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, select

from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite, Write
from crm_core.errors import InvalidInput, ReferenceNotFound
from crm_core.records import change
from crm_core.records.entity import Rules
from crm_core.records.hookable import frozen
from crm_core.records.statements import INSERT_STAGE_EVENT, in_tenant
from crm_core.records.traces import changes, traces
from crm_core.schema import pipeline, stage
from plugin_sdk import Stage
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from decimal import Decimal
    from uuid import UUID

    from crm_core.errors import CrmError
    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope

_P, _S = pipeline.c, stage.c
_DEFAULT = "default"
_STAGES_OF = "stages of "
_PLACE = frozenset({"pipeline_id", "stage_id"})
_OF_PIPELINE = and_(_S.tenant_id == _P.tenant_id, _S.pipeline_id == _P.id)
# Ids grow with time, so the first pipeline is the oldest one.
_PLACES = Statement(
    select(
        *(_P.id, _P.pipeline_key, _P.active, _P.deleted_at),
        *(_S.id, _S.stage_key, _S.name, _S.category, _S.probability, _S.active, _S.deleted_at),
    )
    .select_from(pipeline.join(stage, _OF_PIPELINE))
    .where(in_tenant(_P.tenant_id), _P.record_type == bindparam("record_type"))
    .order_by(_P.id, _S.position, _S.id)
)
_ANY_STAGE = Statement(
    select(_S.stage_key, _P.pipeline_key, _P.record_type)
    .select_from(pipeline.join(stage, _OF_PIPELINE))
    .where(in_tenant(_S.tenant_id), _S.id == bindparam("stage_id", type_=_S.id.type))
)
_ANY_PIPELINE = Statement(
    select(_P.pipeline_key, _P.record_type).where(
        in_tenant(_P.tenant_id), _P.id == bindparam("pipeline_id", type_=_P.id.type)
    )
)


class Place(NamedTuple):
    """One stage; records can enter it while it and its pipeline are in use."""

    stage: Stage
    probability: Decimal | None
    usable: bool


class Places(NamedTuple):
    """The stages of one record type by id, in the order of pipelines and positions."""

    record_type: str
    by_id: Mapping[UUID, Place]

    def first(self, pipeline_id: UUID | None = None, category: str | None = None) -> Place | None:
        """Return the first stage to enter of a pipeline (None: of the default one, else of the oldest)."""
        usable = [place for place in self.by_id.values() if place.usable]
        if pipeline_id is None:
            usable.sort(key=lambda place: place.stage.pipeline_key != _DEFAULT)
            pipeline_id = usable[0].stage.pipeline_id if usable else None
        found = (
            place
            for place in usable
            if place.stage.pipeline_id == pipeline_id and category in {None, place.stage.category}
        )
        return next(found, None)

    def told(self) -> str:
        """Say which stages there are."""
        keys: dict[str, list[str]] = {}
        for place in self.by_id.values():
            if place.usable:
                keys.setdefault(place.stage.pipeline_key, []).append(place.stage.key)
        told = "; ".join(f"{name} ({', '.join(stages)})" for name, stages in keys.items())
        return f"pipelines of {self.record_type} and their stages: {told or 'none'}"


class Move(NamedTuple):
    """A record about to enter a stage: what the caller gives, the record as it stands, where from and where to."""

    now: dt.datetime
    given: Mapping[str, Any]
    current: Mapping[str, Any]
    before: Place | None
    place: Place

    def end(self, name: str, categories: frozenset[str]) -> dt.datetime | None:
        """Return when the record came to its end, None unless it now is in one of ``categories``.

        A move inside one category, from won to delivered for instance, keeps the time in the field ``name``.
        """
        category = self.place.stage.category
        if category not in categories:
            return None
        stayed = self.before is not None and self.before.stage.category == category
        return self.current.get(name) if stayed and self.current.get(name) else self.now


def places_of(scope: Scope, record_type: str, *, again: bool = False) -> Places:
    """Return every stage of a record type, also those no longer in use; one look per operation, or ``again``."""
    key = f"{_STAGES_OF}{record_type}"
    if again or key not in scope.memory:
        scope.memory[key] = _read_places(scope, record_type)
    found: Places = scope.memory[key]
    return found


def forget_places(scope: Scope) -> None:
    """Look again the next time: a pipeline or stage has changed."""
    for key in [key for key in scope.memory if key.startswith(_STAGES_OF)]:
        del scope.memory[key]


def _read_places(scope: Scope, record_type: str) -> Places:
    by_id: dict[UUID, Place] = {}
    for row in scope.uow.fetch(_PLACES, {"record_type": record_type}):
        pipeline_id, pipeline_key, used, binned, stage_id, key, name, category, probability, active, deleted_at = row
        usable = used and active and binned is None and deleted_at is None
        made = Stage(stage_id, key, name, category, pipeline_id, pipeline_key)
        by_id[stage_id] = Place(made, probability, usable)
    return Places(record_type, by_id)


def move(
    scope: Scope,
    entity: Entity,
    record_id: UUID,
    stage_id: UUID,
    *,
    reason: str | None = None,
    version: int | None = None,
) -> dict[str, Any]:
    """Move a record to another stage of its pipeline and return its row; as a change of ``stage_id``, with a reason."""
    key = _reason_key(record_id)
    scope.memory[key] = reason
    try:
        return change.update(scope, entity, record_id, {"stage_id": stage_id}, version=version)
    finally:
        del scope.memory[key]


class StagedRules(Rules):
    """The rules of a record type that moves through pipelines and carries a number."""

    def __init__(self, record_type: str) -> None:
        """Take the record type, which names its pipelines and its number series."""
        self.record_type = record_type

    def complete(self, scope: Scope, values: dict[str, Any]) -> None:
        """Give a new record its number and the place where it starts."""
        self._enter(scope, None, values, values, values["pipeline_id"])
        values["number"] = scope.numbers.take(scope.uow, self.record_type)

    def before_update(self, scope: Scope, old: Mapping[str, Any], values: dict[str, Any]) -> None:
        """Follow a change of stage, or of pipeline, which starts at the first stage of the new one."""
        scope.memory.pop(_place_key(old["id"]), None)
        if any(name in values and values[name] != old[name] for name in _PLACE):
            self._enter(scope, old, values, values, values.get("pipeline_id", old["pipeline_id"]))

    def settle(
        self,
        scope: Scope,
        old: Mapping[str, Any] | None,
        row: dict[str, Any],
        parts: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        """Follow a change of stage that plugins have made to what the caller gave."""
        del parts
        known = {**(old or {}), **scope.memory.pop(_place_key(row["id"]), {})}
        given = {name: value for name, value in row.items() if value != known.get(name)}
        if not _PLACE.isdisjoint(given):
            self._enter(scope, old, row, given, row["pipeline_id"])

    def entered(self, move: Move) -> Mapping[str, Any]:
        """Return the fields that follow from entering a stage; a record type overrides it."""
        del move
        return {}

    def written(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        """Note every stage that is entered: for process analysis, in the audit trail and for plugins."""
        before: Mapping[str, Any] = {name: old[name] if old else None for name in _PLACE}
        now = {name: new[name] for name in _PLACE}
        if now["stage_id"] is None or now["stage_id"] == before["stage_id"]:
            return
        uow = scope.uow
        event = {
            "tenant_id": scope.tenant_id,
            "id": new_id(),
            "record_type": self.record_type,
            "record_id": new["id"],
            "pipeline_id": new["pipeline_id"],
            "from_stage_id": before["stage_id"],
            "to_stage_id": new["stage_id"],
            "at": uow.now,
            "actor_id": scope.actor.principal_id,
            "reason": scope.memory.get(_reason_key(new["id"])),
        }
        entered = traces(uow, "enter_stage", self.record_type, new, changes(before, now))
        uow.stage(RecordWrite([Write(INSERT_STAGE_EVENT, event), *entered]))

    def _enter(
        self,
        scope: Scope,
        old: Mapping[str, Any] | None,
        values: dict[str, Any],
        given: Mapping[str, Any],
        pipeline_id: UUID | None,
    ) -> None:
        """Find the stage that is given or starts the pipeline; set it with what follows from it; ask the plugins."""
        for name in sorted(_PLACE & given.keys()) if old else ():
            if given[name] is None:
                message = f"{self.record_type}.{name} may not be emptied; move the record to another stage instead"
                raise InvalidInput(message, field=name)
        place = _find(scope, self.record_type, pipeline_id, given.get("stage_id"))
        if place is None:
            return
        before = places_of(scope, self.record_type).by_id.get(old["stage_id"]) if old else None
        current = {**(old or {}), **values}
        follows = {
            "pipeline_id": place.stage.pipeline_id,
            "stage_id": place.stage.id,
            "stage_since": scope.uow.now,
            **self.entered(Move(scope.uow.now, given, current, before, place)),
        }
        values |= follows
        scope.memory[_place_key(current["id"])] = follows
        self._ask(scope, {**(old or {}), **values}, before, place)

    def _ask(self, scope: Scope, row: Mapping[str, Any], before: Place | None, place: Place) -> None:
        """Let plugins refuse the move."""
        if scope.hooks.has("stage_transition", self.record_type):
            scope.hooks.issues(
                "stage_transition",
                self.record_type,
                record=frozen(scope.entity(self.record_type), row),
                from_stage=before.stage if before else None,
                to_stage=place.stage,
            )


def _find(scope: Scope, record_type: str, pipeline_id: UUID | None, stage_id: UUID | None) -> Place | None:
    """Return the stage to enter; None where the tenant has no pipeline for the record type and none is asked for."""
    places = places_of(scope, record_type)
    if stage_id is None:
        first = places.first(pipeline_id)
        if first is None and pipeline_id is not None:
            raise _no_pipeline(scope, places, pipeline_id)
        return first
    if stage_id not in places.by_id:
        places = places_of(scope, record_type, again=True)
    place = places.by_id.get(stage_id)
    if place is None or not place.usable or pipeline_id not in {None, place.stage.pipeline_id}:
        raise _misplaced(scope, places, pipeline_id, stage_id)
    return place


def _place_key(record_id: UUID) -> str:
    return f"place of {record_id}"


def _reason_key(record_id: UUID) -> str:
    return f"reason to move {record_id}"


def _no_pipeline(scope: Scope, places: Places, pipeline_id: UUID) -> CrmError:
    found = scope.uow.fetch_one(_ANY_PIPELINE, {"pipeline_id": pipeline_id})
    name = places.record_type
    if found is None:
        message = f"{name}: there is no pipeline {pipeline_id} in this tenant; {places.told()}"
        return ReferenceNotFound(message, record_type=name, field="pipeline_id", fields=["pipeline_id"])
    key, own = found
    why = f"is for {own}" if own != name else "is not in use or has no stage in use"
    return InvalidInput(f"{name}: pipeline {key!r} {why}; {places.told()}", record_type=name, field="pipeline_id")


def _misplaced(scope: Scope, places: Places, pipeline_id: UUID | None, stage_id: UUID) -> CrmError:
    """Say what is wrong with a stage: names it, its pipeline and that pipeline's record type."""
    name = places.record_type
    found = scope.uow.fetch_one(_ANY_STAGE, {"stage_id": stage_id})
    if found is None:
        message = f"{name}: there is no stage {stage_id} in this tenant; {places.told()}"
        return ReferenceNotFound(message, record_type=name, field="stage_id", fields=["stage_id"])
    key, pipeline_key, own = found
    if own != name:
        why = f"which is for {own}, not for {name}"
    elif pipeline_id is not None and places.by_id[stage_id].stage.pipeline_id != pipeline_id:
        wanted = scope.uow.fetch_one(_ANY_PIPELINE, {"pipeline_id": pipeline_id})
        why = f"not to pipeline {wanted[0] if wanted else pipeline_id!s} ({wanted[1] if wanted else 'unknown'})"
    else:
        why = "and one of the two is no longer in use"
    message = f"{name}: stage {key!r} belongs to pipeline {pipeline_key!r} of {own}, {why}; {places.told()}"
    return InvalidInput(message, record_type=name, field="stage_id")
