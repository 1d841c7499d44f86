"""A mapping that fits the file, the record types and the tenant's plugins: ready to be run over rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from crm_core.imports.templates import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from crm_core.imports.templates import Row
    from crm_core.records.entity import Entity


class _Absent:
    """The value of a field that the row leaves to its default."""


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field that depends on the row: ``raw`` is what the row says, ``convert`` makes the value of it.

    ``columns`` are the columns it comes from, for errors. ``ref`` is the system whose id ``raw`` is.
    """

    name: str
    columns: tuple[str, ...]
    raw: Callable[[Row], Any]
    convert: Callable[[Any], Any]
    plugin: str | None = None
    ref: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PartPlan:
    """The fields of a record or of a part of it: those that depend on the row, and those that never change."""

    fields: tuple[FieldPlan, ...]
    constants: Mapping[str, Any]
    plugin_constants: Mapping[str, Mapping[str, Any]]
    applies: Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """One record that each row makes, with the list ``parts_name`` of its parts."""

    entity: Entity
    system: str
    ext_id: Callable[[Row], str | None]
    main: PartPlan
    parts_name: str | None
    parts: tuple[PartPlan, ...]
    seed: str

    def drafts(self, row: Row) -> list[Draft]:
        """Return the record and then its parts, each with what the row says for its fields."""
        plans = (self.main, *(part for part in self.parts if part.applies(row)))
        return [Draft(plan, [each.raw(row) for each in plan.fields]) for plan in plans]

    def hash(self, drafts: Sequence[Draft]) -> str:
        """Return a hash that is another one when the row or this part of the mapping has changed."""
        return digest([self.seed, *(draft.raws for draft in drafts)])


class Draft(NamedTuple):
    """A record or part with what a row says for its fields."""

    plan: PartPlan
    raws: list[Any]


class Reading(NamedTuple):
    """What a row says of one record."""

    record: RecordPlan
    ext_id: str | None
    drafts: list[Draft]

    def ids(self) -> Iterator[tuple[str, str]]:
        """Yield every (system, id) that is spoken of."""
        if self.ext_id is not None:
            yield self.record.system, self.ext_id
        for plan, raws in self.drafts:
            for each, raw in zip(plan.fields, raws, strict=True):
                if each.ref is not None and raw is not None:
                    yield each.ref[1], raw


@dataclass(frozen=True, slots=True)
class Plan:
    """All records of a row, in order."""

    records: tuple[RecordPlan, ...]

    def read(self, row: Row) -> list[Reading]:
        """Return what a row says of each record it makes."""
        return [
            Reading(record, record.ext_id(row), record.drafts(row))
            for record in self.records
            if record.main.applies(row)
        ]
