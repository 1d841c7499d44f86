"""The numbers people see, taken in blocks so that writers never wait for each other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from crm_core.db.statements import SQLITE, Statement
from crm_core.schema import number_series

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from crm_core.db.connection import Connection
    from crm_core.db.unit import UnitOfWork

_BLOCK = 20
_PATTERNS = {
    "lead": "L-{:06d}",
    "opportunity": "O-{:06d}",
    "quote": "Q-{:06d}",
    "sales_order": "SO-{:06d}",
    "ticket": "T-{:06d}",
}
_KEY = (
    number_series.c.tenant_id == bindparam("key_tenant", type_=number_series.c.tenant_id.type),
    number_series.c.series == bindparam("key_series"),
)
_TAKE = Statement(
    update(number_series)
    .where(*_KEY)
    .values(next_value=number_series.c.next_value + bindparam("count", type_=number_series.c.next_value.type))
)
_READ = Statement(select(number_series.c.next_value, number_series.c.pattern).where(*_KEY))
# Another process may start the same series at the same moment.
_ADD = Statement(insert(number_series).on_conflict_do_nothing(), ["tenant_id", "series", "pattern", "next_value"])


class Numbers:
    """Hands out numbers of this process's blocks; a number is never given twice, gaps are possible."""

    def __init__(self) -> None:
        """Start without any block."""
        self._blocks: dict[tuple[UUID, str], tuple[int, int, str]] = {}
        self._lock = threading.Lock()

    def take(self, uow: UnitOfWork, series: str) -> str:
        """Return the next number of the series, written in its pattern."""
        if uow.connection.dialect is SQLITE:
            first, pattern = _reserve(uow.for_core, uow.tenant_id, series, 1)
            return pattern.format(first)
        key = (uow.tenant_id, series)
        with self._lock:
            block = self._blocks.get(key)
            if block is not None and block[0] < block[1]:
                self._blocks[key] = (block[0] + 1, block[1], block[2])
                return block[2].format(block[0])
        first, pattern = uow.connection.aside(lambda side: _reserve(side, uow.tenant_id, series, _BLOCK))
        with self._lock:
            self._blocks[key] = (first + 1, first + _BLOCK, pattern)
        return pattern.format(first)


def _reserve(connection: Connection, tenant_id: UUID, series: str, count: int) -> tuple[int, str]:
    if not connection.in_transaction:
        connection.begin()
    values: Mapping[str, Any] = {"key_tenant": tenant_id, "key_series": series, "count": count}
    if not connection.execute(_TAKE, values):
        pattern = _PATTERNS.get(series, "{:06d}")
        connection.execute(_ADD, {"tenant_id": tenant_id, "series": series, "pattern": pattern, "next_value": 1})
        connection.execute(_TAKE, values)
    next_value, pattern = connection.fetch(_READ, values)[0]
    return next_value - count, pattern
