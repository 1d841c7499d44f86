from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from crm_core.db.rights import PluginRights
from crm_core.db.sqlite import SqliteConnection, SqliteDatabase
from crm_core.db.statements import Statement
from crm_core.errors import CoreTransactionLost, DatabaseError, PermissionDenied, StatementLimit
from tests.support.app import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crm_core.db.connection import Connection

LOYALTY = PluginRights("loyalty", "loyalty@1.0.0")
OTHER = PluginRights("other", "other@1.0.0")
HASTY = PluginRights("loyalty", "loyalty@1.0.0", statement_ms=1)
_OWN = Statement(text("SELECT id FROM plg_loyalty__t"))
_ADD = Statement(text("INSERT INTO plg_loyalty__t (id) VALUES (7)"))
_CORE = Statement(text("SELECT scope FROM plat_epoch"))
_NOTE = Statement(text("INSERT INTO plat_epoch (scope, value) VALUES ('note', 1)"))
_NOTES = Statement(text("SELECT count(*) FROM plat_epoch WHERE scope = 'note'"))
_COUNT = Statement(text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"))
_FILL = Statement(
    text(
        "INSERT INTO plg_loyalty__t (id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT -i FROM n"
    )
)


@pytest.fixture
def path(sqlite_url: str) -> Path:
    """Give a migrated file with a table of a plugin."""
    file = sqlite_url.removeprefix("sqlite:///")
    with sqlite3.connect(file) as raw:
        raw.execute("CREATE TABLE plg_loyalty__t (id INTEGER PRIMARY KEY)")
        raw.execute("DELETE FROM plat_epoch")
    raw.close()
    return Path(file)


@pytest.fixture
def connection(path: Path) -> Iterator[SqliteConnection]:
    """Open the file as the writer does."""
    opened = SqliteConnection(path, read_only=False)
    yield opened
    opened.close()


def holder(connection: SqliteConnection) -> str:
    """Tell whose rights hold by what SQLite allows."""
    if connection.rights is None:
        connection.fetch(_CORE, {})
        with pytest.raises(DatabaseError):
            connection.fetch(_OWN, {})
        return "core"
    for statement, allowed in ((_OWN, connection.rights == LOYALTY), (_CORE, False)):
        if allowed:
            connection.fetch(statement, {})
        else:
            with pytest.raises(PermissionDenied):
                connection.fetch(statement, {})
    return connection.rights.plugin


def test_rights_come_and_go_with_savepoints(connection: SqliteConnection) -> None:
    connection.begin()
    connection.savepoint("sp1")
    connection.become(LOYALTY)
    assert holder(connection) == "loyalty"
    connection.savepoint("sp2")
    connection.become(None)
    connection.savepoint("sp3")
    connection.become(OTHER)
    assert holder(connection) == "other"
    connection.release("sp3")
    assert holder(connection) == "other"
    connection.rollback_to("sp2")
    assert holder(connection) == "loyalty"
    connection.rollback_to("sp1")
    assert holder(connection) == "core"


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_the_end_of_a_transaction_gives_the_core_its_rights_back(connection: SqliteConnection, ending: str) -> None:
    connection.begin()
    connection.savepoint("sp1")
    connection.become(LOYALTY)
    connection.execute(_ADD, {})
    getattr(connection, ending)()
    assert not connection.in_transaction
    assert holder(connection) == "core"
    connection.rollback()
    assert holder(connection) == "core"


def test_rights_stay_after_an_error_until_they_are_taken(connection: SqliteConnection) -> None:
    connection.begin()
    connection.become(LOYALTY)
    connection.execute(_ADD, {})
    for statement, error in ((_CORE, PermissionDenied), (_ADD, sqlite3.IntegrityError), (_OWN, None)):
        if error is None:
            assert connection.fetch(statement, {}) == [(7,)]
        else:
            with pytest.raises(error):
                connection.execute(statement, {})
        assert holder(connection) == "loyalty"


def test_an_operation_that_ends_in_plugin_rights_leaves_none_behind(path: Path) -> None:
    def leave(connection: Connection) -> None:
        connection.begin()
        connection.become(LOYALTY)
        connection.fetch(_OWN, {})

    async def scenario() -> None:
        database = SqliteDatabase(path)
        try:
            for write in (True, False):
                await database.run(leave, tenant_id=None, write=write)
                for _ in range(4):  # one of the readers had the rights
                    assert await database.run(holder, tenant_id=None, write=write) == "core"  # type: ignore[arg-type]
        finally:
            await database.close()

    run(scenario())


def test_a_reader_with_a_plugin_waits_for_no_writer(path: Path) -> None:
    writing, read = threading.Event(), threading.Event()

    def write(connection: Connection) -> None:
        connection.begin()
        connection.execute(_NOTE, {})
        writing.set()
        assert read.wait(20)
        connection.commit()

    def look(connection: Connection) -> list[Any]:
        assert writing.wait(20)
        connection.begin()
        connection.become(LOYALTY)
        found = list(connection.fetch(_OWN, {}))
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute(_ADD, {})
        read.set()
        return found

    async def scenario() -> Any:
        database = SqliteDatabase(path)
        try:
            return await asyncio.gather(
                database.run(write, tenant_id=None, write=True), database.run(look, tenant_id=None, write=False)
            )
        finally:
            await database.close()

    assert run(scenario()) == [None, []]


def test_a_read_that_takes_too_long_ends_alone(connection: SqliteConnection) -> None:
    connection.begin()
    connection.execute(_NOTE, {})
    connection.become(HASTY)
    with pytest.raises(StatementLimit, match=r"plugin loyalty@1\.0\.0: a statement ran longer than 1 ms"):
        connection.fetch(_COUNT, {})
    assert (connection.in_transaction, connection.lost) == (True, False)
    connection.become(None)
    connection.commit()
    assert connection.fetch(_NOTES, {}) == [(1,)]


def test_a_write_that_takes_too_long_takes_the_transaction_with_it(connection: SqliteConnection) -> None:
    connection.begin()
    connection.execute(_NOTE, {})
    connection.savepoint("sp1")
    connection.become(HASTY)
    with pytest.raises(StatementLimit):
        connection.execute(_FILL, {})
    assert (connection.in_transaction, connection.lost) == (False, True)
    for again in (connection.begin, lambda: connection.execute_together([(_NOTE, {})], guard=False)):
        with pytest.raises(CoreTransactionLost):
            again()
    connection.rollback()
    assert (connection.lost, holder(connection)) == (False, "core")
    assert connection.fetch(_NOTES, {}) == [(0,)]


def test_the_core_s_statements_have_no_deadline(connection: SqliteConnection) -> None:
    long = Statement(
        text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 300000")
    )
    connection.begin()
    connection.become(HASTY)
    connection.become(None)
    assert len(connection.fetch(long, {})) == 300_000


def test_values_and_statements_have_a_size_that_they_may_have(connection: SqliteConnection) -> None:
    connection.begin()
    connection.become(LOYALTY)
    with pytest.raises(StatementLimit, match="too large: string or blob too big"):
        connection.fetch(Statement(text("SELECT replace(hex(randomblob(1000000)), '0', hex(randomblob(1000)))")), {})
    with pytest.raises(sqlite3.DatabaseError, match="too large"):
        connection.fetch(Statement(text(f"SELECT '{'x' * 2**20}'")), {})
    with pytest.raises(sqlite3.OperationalError, match="too many terms"):
        connection.fetch(Statement(text(" UNION ALL ".join(["SELECT 1"] * 101))), {})
