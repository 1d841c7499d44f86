"""A batch of rows in one transaction: all at once, and where rows fail, without these alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from crm_core.errors import CrmError, DatabaseError, InvalidInput
from crm_core.imports.reader import Misfit
from crm_core.imports.refs import Refs
from crm_core.imports.rows import Done, RowFailed, apply
from crm_core.imports.templates import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crm_core.imports.plan import Plan
    from crm_core.records.scope import Scope


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one row was not imported; ``column`` and ``value`` where they are known."""

    line: int
    record_type: str
    field: str
    column: str
    value: str
    code: str
    reason: str


@dataclass(slots=True)
class Result:
    """What became of the rows of a batch."""

    rows: int = 0
    done: Counter[Done] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many rows failed; one may have failed for several reasons."""
        return len({failure.line for failure in self.failures})


def import_batch(scope: Scope, plan: Plan, rows: Sequence[Row | Misfit]) -> Result:
    """Import rows; each either with all its records or not at all."""
    result = Result(rows=len(rows))
    result.failures += [
        Failure(each.line, "", "", "", "", "invalid_row", each.reason) for each in rows if isinstance(each, Misfit)
    ]
    parts: list[Sequence[Row]] = [[each for each in rows if isinstance(each, Row)]]
    while parts:
        part = parts.pop()
        if part:
            parts += reversed(_attempt(scope, plan, part, result))
    result.failures.sort(key=lambda failure: failure.line)
    return result


def _attempt(scope: Scope, plan: Plan, rows: Sequence[Row], result: Result) -> list[Sequence[Row]]:
    """Import rows in one savepoint; where that fails return the parts to try, in order."""
    refs = Refs()
    readings = [plan.read(row) for row in rows]
    refs.load(scope, chain.from_iterable(reading.ids() for of_row in readings for reading in of_row))
    reached = 0
    done: list[Done] = []

    def run() -> None:
        nonlocal reached
        for reached, (row, of_row) in enumerate(zip(rows, readings, strict=True)):  # noqa: B007 - read after a failure
            done.extend(apply(scope, refs, row, of_row))
        reached = -1

    try:
        scope.uow.attempt(run)
    except DatabaseError:
        raise
    except (RowFailed, CrmError, ValueError) as error:
        # What services remember may name records that are gone with the savepoint.
        scope.memory.clear()
        if len(rows) == 1:
            result.failures += _failures(plan, rows[0], error)
            return []
        # A flush inside the attempt may have failed for an earlier row: the rows before are tried without this one,
        # and halved where they fail again.
        if reached > 0 and isinstance(error, RowFailed):
            return [rows[:reached], rows[reached : reached + 1], rows[reached + 1 :]]
        middle = max(1, len(rows) // 2) if reached != 0 else 1
        return [rows[:middle], rows[middle:]]
    result.done.update(done)
    return []


def _failures(plan: Plan, row: Row, error: Exception) -> list[Failure]:
    if not isinstance(error, RowFailed):
        return [_unplaced(plan, row, error)]
    record_type = error.record.entity.record_type
    issues: Sequence[dict[str, Any]] = error.error.details.get("issues", ())
    name = error.field.name if error.field else str(error.error.details.get("field") or "")
    columns = "+".join(error.field.columns) if error.field else ""
    value = _shown(error.raw)
    if len(issues) > 1:
        return [
            Failure(row.line, record_type, issue["field"] or "", "", "", issue["code"], issue["message"])
            for issue in issues
        ]
    return [Failure(row.line, record_type, name, columns, value, error.error.code, error.error.message)]


def _unplaced(plan: Plan, row: Row, error: Exception) -> Failure:
    """Return the failure of a write that the database refused: the column is found by the field it names."""
    if not isinstance(error, CrmError):
        error = InvalidInput(f"a value cannot be stored: {error}")
    record_type = str(error.details.get("record_type", ""))
    fields = set(error.details.get("fields", ()))
    for record in plan.records:
        for each in record.main.fields:
            if record.entity.record_type == record_type and each.name in fields:
                columns = "+".join(each.columns)
                return Failure(
                    row.line, record_type, each.name, columns, _shown(each.raw(row)), error.code, error.message
                )
    return Failure(row.line, record_type, " ".join(sorted(fields)), "", "", error.code, error.message)


def _shown(raw: Any) -> str:
    if raw is None:
        return ""
    return " / ".join(map(str, raw)) if isinstance(raw, tuple) else str(raw)
