"""What a plugin's rights cost on PostgreSQL: a read with the core's rights and with a plugin's, in round trips.

Run it on a quiet machine: ``python -m tests.benchmarks.protection.postgres_scope``; it starts a server of its own. A
scope is what ``ctx.sql`` does in an open transaction: the plugin's rights, one statement, the core's rights, and then a
statement of the core, with which the change back travels. Rounds are interleaved, so that a machine that slows down
slows all of them; medians are printed, in microseconds.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from crm_core.db.postgres import PostgresDatabase
from crm_core.db.rights import PluginRights
from crm_core.db.statements import Statement
from crm_core.plugin_host.discovery import discover
from tests.support.app import run, running
from tests.support.databases import prepare_template
from tests.support.postgres import PostgresServer, build_template, clone_database

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crm_core.db.connection import Connection

_ROUNDS = 21
_CALLS = 50
_RIGHTS = PluginRights("loyalty", "loyalty@1.0.0")
_NOTHING = Statement(text("SELECT 1"))
_READ = Statement(text("SELECT points FROM plg_loyalty.ledger LIMIT 1"))
_TRIP, _PLAIN, _SCOPED = "a round trip", "two statements", "the same, one in a scope"


def _cases(connection: Connection) -> Mapping[str, Callable[[], object]]:
    """Return what is measured; every case leaves the core's rights and an open transaction behind."""

    def scoped() -> None:
        connection.become(_RIGHTS)
        connection.fetch(_READ, {})
        connection.become(None)
        connection.fetch(_NOTHING, {})

    def plain() -> None:
        connection.fetch(_NOTHING, {})
        connection.fetch(_NOTHING, {})

    return {_TRIP: lambda: connection.fetch(_NOTHING, {}), _PLAIN: plain, _SCOPED: scoped}


def _measure(connection: Connection) -> dict[str, float]:
    connection.begin()
    taken: dict[str, list[float]] = {}
    for _ in range(_ROUNDS):
        for name, case in _cases(connection).items():
            case()
            started = time.perf_counter()
            for _ in range(_CALLS):
                case()
            taken.setdefault(name, []).append((time.perf_counter() - started) / _CALLS * 1e6)
    connection.rollback()
    return {name: statistics.median(times) for name, times in taken.items()}


async def _in(url: str) -> dict[str, float]:
    """Install the shipped plugins, so that there are roles and tables, and measure."""
    async with running(url, plugins=discover()):
        database = await PostgresDatabase.open(url, pool_size=1)
        try:
            return await database.run(_measure, tenant_id=None, write=True)
        finally:
            await database.close()


def _main(folder: Path) -> None:
    server = PostgresServer.open(folder)
    try:
        with clone_database(server, build_template(server, prepare_template)) as url:
            found = run(_in(url))
    finally:
        server.close()
    for name, micros in found.items():
        sys.stdout.write(f"{name:<26}{micros:8.1f} µs\n")
    more = found[_SCOPED] - found[_PLAIN]
    sys.stdout.write(f"{'a scope':<26}{more:+8.1f} µs, {more / found[_TRIP]:.1f} round trips\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="crm-scope-") as place:
        _main(Path(place))
