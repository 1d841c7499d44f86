"""What a plugin's rights cost on SQLite: the same statements with the core's rights and with a plugin's.

Run it on a quiet machine: ``python -m tests.benchmarks.protection.sqlite_scope``. A scope is what ``ctx.sql`` does: a
savepoint around a write, the plugin's rights, one statement, the core's rights, and then a statement of the core, which
pays for what the change of rights has cost. The same without a scope is asked by a connection without any policy.
Rounds are interleaved, so that a machine that slows down slows all of them; medians are printed, in microseconds.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from crm_core.db.rights import PluginRights
from crm_core.db.sqlite import SqliteConnection
from crm_core.db.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ROUNDS = 31
_CALLS = 1_000
_RIGHTS = PluginRights("loyalty", "loyalty@1.0.0")
_TABLES = """
CREATE TABLE record (tenant_id TEXT, id TEXT, record_type TEXT, PRIMARY KEY (tenant_id, id));
CREATE TABLE plg_loyalty__t (
    tenant_id TEXT, id TEXT, record_id TEXT, points INTEGER, PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, record_id) REFERENCES record (tenant_id, id) ON DELETE CASCADE
);
INSERT INTO record VALUES ('t', 'r', 'account');
INSERT INTO plg_loyalty__t VALUES ('t', 'a', 'r', 1);
"""
_OF_CORE = Statement(text("SELECT record_type FROM record WHERE tenant_id = 't' AND id = 'r'"))
_READ = Statement(text("SELECT points FROM plg_loyalty__t WHERE tenant_id = 't' AND id = 'a'"))
_WRITE = Statement(text("UPDATE plg_loyalty__t SET points = points + 1 WHERE tenant_id = 't' AND id = 'a'"))


def _free(path: Path) -> SqliteConnection:
    """Return a connection that refuses nothing and never looks whose statement it runs."""
    connection = SqliteConnection(path, read_only=False)
    connection._driver.set_authorizer(None)  # noqa: SLF001 - there is no other door
    connection._driver.set_progress_handler(None, 1)  # noqa: SLF001 - as above
    return connection


def _cases(connection: SqliteConnection, rights: PluginRights | None) -> Mapping[str, Callable[[], object]]:
    """Return what is measured; every case leaves the core's rights and an open transaction behind."""

    def read() -> None:
        connection.become(rights)
        connection.fetch(_READ, {})
        connection.become(None)
        connection.fetch(_OF_CORE, {})

    def write() -> None:
        connection.savepoint("sp1")
        connection.become(rights)
        connection.execute(_WRITE, {})
        connection.release("sp1")
        connection.become(None)
        connection.fetch(_OF_CORE, {})

    return {"a read, then the core": read, "a write in a savepoint, then the core": write}


def _measure(path: Path) -> list[tuple[str, float, float]]:
    """Return per case the microseconds without and with a scope."""
    times: dict[tuple[str, PluginRights | None], list[float]] = {}
    for _ in range(_ROUNDS):
        for rights in (None, _RIGHTS):
            connection = SqliteConnection(path, read_only=False) if rights else _free(path)
            connection.begin()
            for name, case in _cases(connection, rights).items():
                case()
                started = time.perf_counter()
                for _ in range(_CALLS):
                    case()
                times.setdefault((name, rights), []).append((time.perf_counter() - started) / _CALLS * 1e6)
            connection.rollback()
            connection.close()
    medians = {key: statistics.median(each) for key, each in times.items()}
    return [(name, median, medians[name, _RIGHTS]) for (name, rights), median in medians.items() if rights is None]


def _main(folder: Path) -> None:
    path = folder / "crm.db"
    raw = sqlite3.connect(path)
    raw.executescript(_TABLES)
    raw.close()
    for name, without, scoped in _measure(path):
        sys.stdout.write(f"{name:<40}{without:7.1f} µs, in a scope {scoped:7.1f} µs: {scoped - without:+6.1f} µs\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        _main(Path(place))
