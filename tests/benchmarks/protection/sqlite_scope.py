"""What a plugin's rights cost on SQLite: the same statements with the core's rights and with a plugin's.

Run it on a quiet machine: ``python tests/benchmarks/protection/sqlite_scope.py [rounds]``. A scope is what ``ctx.sql``
does: become the plugin, one statement, become the core; ``driver`` is the driver alone, without any policy. Each case
ends with a statement of the core, which SQLite has to prepare again after each change of the policy: that is most of
what a scope costs. Rounds are interleaved, so that a machine that slows down slows all of them; medians are printed, in
microseconds.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import text

from crm_core.db.rights import PluginRights
from crm_core.db.sqlite import SqliteConnection
from crm_core.db.statements import Statement

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
_OF_CORE = "SELECT record_type FROM record WHERE tenant_id = 't' AND id = 'r'"
_READ = "SELECT points FROM plg_loyalty__t WHERE tenant_id = 't' AND id = 'a'"
_WRITE = "UPDATE plg_loyalty__t SET points = points + 1 WHERE tenant_id = 't' AND id = 'a'"


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crm.db"
        with sqlite3.connect(path) as raw:
            raw.executescript(_TABLES)
        raw.close()
        cases = _cases(path)
        times = {name: [] for name in cases}
        for _ in range(rounds + 1):
            for name, case in cases.items():
                started = time.perf_counter()
                for _ in range(_CALLS):
                    case()
                times[name].append((time.perf_counter() - started) / _CALLS * 1e6)
    medians = {name: statistics.median(each[1:]) for name, each in times.items()}
    print(f"{'case':<44}{'µs':>8}{'scope':>8}")
    for name, median in medians.items():
        base = medians.get(name.replace("as the plugin", "as the core"))
        cost = "" if base is None or base == median else f"{median - base:8.1f}"
        print(f"{name:<44}{median:8.1f}{cost:>8}")


def _cases(path):
    """Return what is measured; every case leaves the core's rights and an open transaction behind."""
    connection = SqliteConnection(path, read_only=False)
    # Rights over the plugin's tables for nobody: the baseline asks the driver itself.
    driver = sqlite3.connect(path, isolation_level=None)
    reading, writing, core = (Statement(text(each)) for each in (_READ, _WRITE, _OF_CORE))
    connection.begin()

    def switch():
        connection.become(_RIGHTS)
        connection._install(_RIGHTS)  # noqa: SLF001 - become alone waits for a statement
        connection.become(None)
        connection._install(None)  # noqa: SLF001 - as above

    def scoped(call, statement):
        connection.become(_RIGHTS)
        call(statement, {})
        connection.become(None)
        connection.fetch(core, {})

    def attempted():
        connection.savepoint("sp1")
        connection.become(_RIGHTS)
        connection.execute(writing, {})
        connection.release("sp1")
        connection.become(None)
        connection.fetch(core, {})

    def plain(sql):
        connection._driver.execute(sql).fetchall()  # noqa: SLF001 - without the policy's names
        connection.fetch(core, {})

    del driver, plain
    return {
        "enter and leave, nothing else": switch,
        "one statement of the core": lambda: connection.fetch(core, {}),
        "scope with a read, then the core": lambda: scoped(connection.fetch, reading),
        "scope with a write, then the core": lambda: scoped(connection.execute, writing),
        "scope with a write in a savepoint, then core": attempted,
    }


if __name__ == "__main__":
    main()
