"""Keep PostgreSQL's statistics in step with tables that an import fills from empty.

Plans made for empty tables are kept by the connection and by foreign keys, and read whole indexes when the tables have
grown. The database's own upkeep notices after a minute, too late for an import and never where it is turned off.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import text

from crm_core.db.statements import POSTGRES, Statement
from crm_core.schema import external_ref, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crm_core.imports.plan import Plan
    from crm_core.records.scope import Scope

_FIRST = 500
_GROWTH = 4


class Upkeep:
    """Tells after which batches the statistics are due: early, and then whenever the import has grown fourfold."""

    def __init__(self, plan: Plan) -> None:
        """Start at the first rows of a process."""
        self._tables = dict.fromkeys(_tables(plan))
        self._due = _FIRST

    def due(self, rows: int) -> Callable[[Scope], None] | None:
        """Return the operation to run after so many rows, None where none is due."""
        if rows < self._due:
            return None
        self._due = rows * _GROWTH
        return self._analyze

    def _analyze(self, scope: Scope) -> None:
        if scope.uow.connection.dialect is not POSTGRES:
            return
        for table in self._tables:
            # Only a table's owner may do it: the function is the owner's.
            scope.uow.fetch(_statement(table), {})


def _tables(plan: Plan) -> Iterator[str]:
    yield from (record.fullname, external_ref.fullname)
    for each in plan.records:
        yield each.entity.table.fullname
        if each.parts_name is not None and each.entity.parts is not None:
            yield each.entity.parts.entity.table.fullname


@lru_cache(maxsize=64)
def _statement(table: str) -> Statement:
    return Statement(text(f"SELECT plat.analyze('{table}')"))
