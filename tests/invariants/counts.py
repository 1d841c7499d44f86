"""How many calls of the database each operation costs; ``python -m tests.invariants.counts`` writes the numbers down.

On PostgreSQL a call is a round trip, as the driver reports it: what opens transactions and savepoints and changes
rights travels in one of its own before the next statement, or with the commit. On SQLite, where nothing travels, it is
what the connection is asked for once; writes that go together count once, too.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crm_core.db.statements import POSTGRES
from crm_core.plugin_host.discovery import discover
from tests.support.app import run, running
from tests.support.databases import build_sqlite_template, prepare_template
from tests.support.postgres import PostgresServer, build_template, clone_database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    import httpx

FILE = Path(__file__).with_name("statement_counts.txt")
_HEAD = """\
# Calls of the database per operation, with warm caches: first on PostgreSQL, then on SQLite.
# `python -m tests.invariants.counts` rewrites this file; say in the commit why a number changed.
"""
_CALLS = frozenset({
    "fetch", "execute", "execute_many", "execute_together", "begin", "commit", "savepoint", "release", "rollback_to",
})  # fmt: skip
_ROWS = 50


class Counting:
    """A connection that counts what it is asked for."""

    def __init__(self, connection: Any, calls: Counter[str]) -> None:
        self._connection, self._calls = connection, calls

    def __getattr__(self, name: str) -> Any:
        if name in _CALLS and self._connection.dialect is not POSTGRES:
            self._calls[name] += 1
        return getattr(self._connection, name)

    def aside(self, function: Callable[[Any], Any]) -> Any:
        def counted(inner: Any) -> Any:
            with counting(inner, self._calls) as counter:
                return function(counter)

        return self._connection.aside(counted)


@contextmanager
def counting(connection: Any, calls: Counter[str]) -> Iterator[Counting]:
    """Give a connection that counts; PostgreSQL's driver does it itself."""
    if connection.dialect is not POSTGRES:
        yield Counting(connection, calls)
        return

    def note(record: Any) -> None:
        calls[record.query] += 1

    driver = connection._driver  # noqa: SLF001 - the one that knows
    driver.add_query_logger(note)
    try:
        yield Counting(connection, calls)
    finally:
        driver.remove_query_logger(note)


class CountingDatabase:
    """A database whose connections count."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def run(self, function: Callable[[Any], Any], **how: Any) -> Any:
        def counted(connection: Any) -> Any:
            with counting(connection, self.calls) as counter:
                return function(counter)

        return await self._database.run(counted, **how)


class Operation(NamedTuple):
    """An operation that is counted; ``send`` gets the ids of prepared records and a number of its own."""

    name: str
    send: Callable[[httpx.AsyncClient, Mapping[str, list[str]], int], Awaitable[httpx.Response]]


_LINES = [{"quantity": "1", "unit_price": "2"}] * 3
_LIST = {"limit": _ROWS}
OPERATIONS = (
    Operation("create account", lambda http, _, n: http.post("/accounts", json={"name": f"New {n}"})),
    Operation("get account", lambda http, ids, _: http.get(f"/accounts/{ids['accounts'][0]}")),
    Operation("list 50 accounts", lambda http, *_: http.get("/accounts", params=_LIST)),
    Operation(
        "patch account",
        lambda http, ids, n: http.patch(f"/accounts/{ids['accounts'][0]}", json={"website": f"{n}.example"}),
    ),
    Operation("delete account", lambda http, ids, n: http.delete(f"/accounts/{ids['accounts'][-n]}")),
    Operation("create sales order with 3 lines", lambda http, *_: http.post("/sales-orders", json={"lines": _LINES})),
    Operation("get sales order with 3 lines", lambda http, ids, _: http.get(f"/sales-orders/{ids['sales-orders'][0]}")),
    Operation("list 50 sales orders", lambda http, *_: http.get("/sales-orders", params=_LIST)),
    Operation("create lead", lambda http, _, n: http.post("/leads", json={"name": f"New {n}"})),
    Operation("get lead", lambda http, ids, _: http.get(f"/leads/{ids['leads'][0]}")),
    Operation("list 50 leads", lambda http, *_: http.get("/leads", params=_LIST)),
    Operation(
        "patch lead", lambda http, ids, n: http.patch(f"/leads/{ids['leads'][0]}", json={"company": f"Company {n}"})
    ),
)


async def count(url: str) -> dict[str, int]:
    """Return the calls of every operation, without plugins and with all shipped ones enabled."""
    plugins = discover()
    found: dict[str, int] = {}
    # Looking for changes of other processes depends on the clock.
    async with running(url, plugins=plugins, refresh_seconds=3600) as app:
        plain = await app.add_tenant("plain")
        tenants = {"": plain, f", {len(plugins)} plugins": app.tenant_id}
        counting: Any = CountingDatabase(app.runtime.database)
        app.runtime.database = counting
        for suffix, tenant_id in tenants.items():
            http = app.client(tenant_id=tenant_id)
            ids = await _records(http)
            for operation in OPERATIONS:
                for warm, number in ((False, 1), (True, 2)):
                    counting.calls.clear()
                    answer = await operation.send(http, ids, number)
                    assert answer.is_success, f"{operation.name}: {answer.text}"
                    if warm:
                        found[operation.name + suffix] = counting.calls.total()
    return found


async def _records(http: httpx.AsyncClient) -> dict[str, list[str]]:
    """Make enough records for full lists."""
    bodies: dict[str, dict[str, Any]] = {"accounts": {}, "leads": {}, "sales-orders": {"lines": _LINES}}
    ids = {}
    for path, body in bodies.items():
        named = [body if "lines" in body else {"name": f"{path} {number}"} for number in range(_ROWS)]
        answer = await http.post(f"/{path}/bulk", json={"operations": [{"create": each} for each in named]})
        ids[path] = [result["record"]["id"] for result in answer.json()["results"]]
    return ids


def written(postgresql: Mapping[str, int], sqlite: Mapping[str, int]) -> str:
    """Return the text of the committed file."""
    width = max(map(len, postgresql))
    lines = [f"{name:<{width}}  {number:>3} {sqlite[name]:>3}\n" for name, number in postgresql.items()]
    return _HEAD + "".join(lines)


def _main() -> None:
    with tempfile.TemporaryDirectory(prefix="crm-counts-") as folder:
        sqlite = Path(folder, "crm.db")
        build_sqlite_template(sqlite, prepare_template)
        server = PostgresServer.open(Path(folder))
        try:
            with clone_database(server, build_template(server, prepare_template)) as url:
                text = written(run(count(url)), asyncio.run(count(f"sqlite:///{sqlite.as_posix()}")))
        finally:
            server.close()
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _main()
