"""Many staged writes sent as few: equal INSERTs of a run of new records become one call each.

A run are consecutive writes that only insert and that nobody guards. Inside a run, order matters between tables only
for foreign keys, so tables go in the order of their dependencies; rows of one table keep theirs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import Insert, Table

from crm_core.schema import core

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from crm_core.db.statements import Statement
    from crm_core.db.unit import RecordWrite, Write

# Below this, one statement per record costs fewer round trips than one call per table.
_WORTHWHILE = 8


def runs(staged: Iterable[RecordWrite]) -> Iterator[list[RecordWrite]]:
    """Split staged writes, in order, into runs to be merged and single writes to be sent as they are."""
    run: list[RecordWrite] = []
    tables: dict[Table, Statement] = {}
    for write in staged:
        inserts = _inserts(write)
        if inserts is None or any(
            tables.get(table, statement) is not statement for table, statement in inserts.items()
        ):
            yield from _whole_or_single(run)
            run, tables = [], {}
        if inserts is None:
            yield [write]
        else:
            run.append(write)
            tables |= inserts
    yield from _whole_or_single(run)


def merged(run: Iterable[RecordWrite]) -> list[tuple[Statement, list[Write]]]:
    """Return the writes of a run by statement, referenced tables first."""
    groups: dict[int, tuple[Statement, list[Write]]] = {}
    for record in run:
        for write in record.writes:
            groups.setdefault(id(write.statement), (write.statement, []))[1].append(write)
    ranks = _ranks()
    # Tables of plugins refer to the core's anchors only, so they come last.
    return sorted(groups.values(), key=lambda group: ranks.get(group[0].construct.table, len(ranks)))  # type: ignore[attr-defined]


def _whole_or_single(run: list[RecordWrite]) -> Iterator[list[RecordWrite]]:
    if len(run) >= _WORTHWHILE:
        yield run
    else:
        yield from ([write] for write in run)


def _inserts(record: RecordWrite) -> dict[Table, Statement] | None:
    """Return the INSERTs of a write by table; None where it is guarded, changes something, or inserts twice."""
    if record.on_stale is not None:
        return None
    found: dict[Table, Statement] = {}
    for write in record.writes:
        construct: Any = write.statement.construct
        if not isinstance(construct, Insert):
            return None
        if found.setdefault(construct.table, write.statement) is not write.statement:  # type: ignore[arg-type]
            return None
    return found


@lru_cache(maxsize=1)
def _ranks() -> Mapping[Any, int]:
    return {table: rank for rank, table in enumerate(core.sorted_tables)}
