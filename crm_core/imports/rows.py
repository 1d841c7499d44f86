"""One row of a file through the services that the REST API uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.errors import CrmError, DatabaseError, InvalidInput, ReferenceNotFound
from crm_core.imports.plan import ABSENT
from crm_core.imports.refs import Ref
from crm_core.records.change import update
from crm_core.records.create import create

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crm_core.imports.plan import Draft, FieldPlan, Reading, RecordPlan
    from crm_core.imports.refs import Refs
    from crm_core.imports.templates import Row
    from crm_core.records.scope import Scope

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"
Done = tuple[str, str]


class RowFailed(Exception):
    """A row was refused: the record of the row that was, the field where it is known, and why."""

    def __init__(self, record: RecordPlan, field: FieldPlan | None, raw: Any, error: CrmError) -> None:
        """Keep what a report of it needs."""
        super().__init__(error.message)
        self.record, self.field, self.raw, self.error = record, field, raw, error


def apply(scope: Scope, refs: Refs, row: Row, readings: Sequence[Reading]) -> list[Done]:
    """Create or update the records of a row; return (record type, what was done) for each."""
    done: list[Done] = []
    for reading in readings:
        try:
            done.append((reading.record.entity.record_type, _one(scope, refs, reading)))
        except DatabaseError:
            raise
        except CrmError as error:
            raise RowFailed(reading.record, *_where(reading.record, row, error), error) from error
    return done


def _one(scope: Scope, refs: Refs, reading: Reading) -> str:
    record, ext_id, drafts = reading
    if ext_id is None:
        message = f"the id in {record.system} is empty; every record needs one"
        raise InvalidInput(message, field="ext_id")
    key = (record.system, ext_id)
    row_hash = record.hash(drafts)
    known = refs.known.get(key)
    record_type = record.entity.record_type
    if known is None:
        values, plugins = _all_values(record, refs, drafts)
        made = create(scope, record.entity, values, plugins)
        refs.add(scope, key, Ref(record_type, made["id"], row_hash))
        return CREATED
    if known.record_type != record_type:
        message = (
            f"{ext_id} in {record.system} is a {known.record_type} already; "
            f"use another system or ext_id for {record_type}"
        )
        raise InvalidInput(message, field="ext_id")
    if known.row_hash == row_hash:
        return UNCHANGED
    values, plugins = _all_values(record, refs, drafts)
    row_before = scope.uow.now
    changed = update(scope, record.entity, known.record_id, values, plugins)
    refs.change(scope, key, Ref(record_type, known.record_id, row_hash))
    return UPDATED if changed["updated_at"] == row_before else UNCHANGED


def _all_values(
    record: RecordPlan, refs: Refs, drafts: Sequence[Draft]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the values of a record with those of its parts, and its plugins' values."""
    values, plugins = _values(drafts[0], refs)
    if record.parts_name is not None:
        values[record.parts_name] = [
            {**own, "plugins": theirs} for own, theirs in (_values(each, refs) for each in drafts[1:])
        ]
    return values, plugins


def _values(draft: Draft, refs: Refs) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    plan = draft.plan
    values = dict(plan.constants)
    plugins = {plugin: dict(constants) for plugin, constants in plan.plugin_constants.items()}
    for each, raw in zip(plan.fields, draft.raws, strict=True):
        try:
            value = each.convert(raw) if each.ref is None or raw is None else _referred(refs, each.ref, raw)
        except CrmError as error:
            error.details = {**error.details, "field": each.name}
            raise
        if value is ABSENT:
            continue
        if each.plugin is None:
            values[each.name] = value
        else:
            plugins.setdefault(each.plugin, {})[each.name.rpartition(".")[2]] = value
    return values, plugins


def _referred(refs: Refs, ref: tuple[str, str], ext_id: str) -> Any:
    record_type, system = ref
    found = refs.known.get((system, ext_id))
    if found is None:
        message = f"no {record_type} is known as {ext_id} in {system}; import it first"
        raise ReferenceNotFound(message)
    if record_type not in {found.record_type, "record"}:
        message = f"{ext_id} in {system} is a {found.record_type}, not a {record_type}"
        raise ReferenceNotFound(message)
    return found.record_id


def _where(record: RecordPlan, row: Row, error: CrmError) -> tuple[FieldPlan | None, Any]:
    """Return the field that an error is about, where it says, and what the row has for it."""
    issues = error.details.get("issues", ())
    told = [error.details.get("field"), *error.details.get("fields", ()), *(issue["field"] for issue in issues)]
    # Of "lines[0].quantity" and "plugins.loyalty.tier" the field is what follows.
    names = {name.rpartition("].")[2].removeprefix("plugins.") for name in told if name}
    for plan in (record.main, *record.parts):
        for each in plan.fields:
            if each.name in names:
                return each, each.raw(row)
    return None, None
