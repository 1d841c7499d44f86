from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from crm_core.records import listing, parts

if TYPE_CHECKING:
    from crm_core.db.connection import Connection
    from crm_core.records.scope import Scope
    from tests.support.app import BlockingClient


class Counting:
    """Passes everything on to a connection and counts the reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def fetch(self, *arguments: Any) -> Any:
        self.reads += 1
        return self._connection.fetch(*arguments)


def test_a_page_costs_one_statement_for_all_its_lines(client: BlockingClient) -> None:
    for count in (3, 0, 1, 5):
        client.made("/quotes", {"lines": [{"quantity": "1"}] * count})

    def read(scope: Scope) -> tuple[int, list[int]]:
        counting = Counting(scope.uow.connection)
        counted = replace(scope, uow=replace(scope.uow, connection=cast("Any", counting)))
        entity = scope.entity("quote")
        rows, _ = listing.list_rows(counted, entity, listing.parse(entity, {}, []))
        parts.attach(counted, entity, rows)
        return counting.reads, [len(row["lines"]) for row in rows]

    assert client.as_system(read) == (2, [3, 0, 1, 5])


def test_an_empty_page_reads_no_lines(client: BlockingClient) -> None:
    assert client.get("/quotes").json() == {"data": [], "next_cursor": None}
