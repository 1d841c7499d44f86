from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.db.sqlite import SqliteConnection
from crm_core.errors import CrmError, DatabaseError, PermissionDenied
from tests.support.databases import clone_sqlite
from tests.support.sqlite_plugins import OF_OTHERS, OTHER, add_plugins, ask, dump

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(sqlite_url: str) -> Path:
    """Give a migrated file with the tables of two plugins."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    add_plugins(file)
    return file


@pytest.fixture
def connection(path: Path) -> Iterator[SqliteConnection]:
    """Open the file as the writer does."""
    opened = SqliteConnection(path, read_only=False)
    yield opened
    opened.close()


PLANTED = [
    "CREATE TRIGGER plg_loyalty__x AFTER DELETE ON plg_loyalty__ledger BEGIN UPDATE tenant SET name = 'stolen'; END",
    "CREATE TRIGGER plg_loyalty__x AFTER DELETE ON plg_loyalty__ledger BEGIN DELETE FROM plg_other__t; END",
    "CREATE TRIGGER plg_loyalty__x AFTER DELETE ON plg_loyalty__ledger BEGIN SELECT version FROM account; END",
    "CREATE TRIGGER harmless AFTER DELETE ON plg_loyalty__ledger BEGIN UPDATE tenant SET name = 'stolen'; END",
    "CREATE TRIGGER plg_x AFTER DELETE ON record BEGIN UPDATE tenant SET name = 'stolen'; END",
]


@pytest.mark.parametrize("trigger", PLANTED)
def test_a_planted_trigger_reaches_nothing_with_the_core_s_rights(path: Path, trigger: str) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute(trigger)
    raw.close()
    before = dump(path, *OF_OTHERS)
    connection = SqliteConnection(path, read_only=False)
    with pytest.raises(DatabaseError, match=r"(plg_\w+|harmless) wanted to reach [\w.]+ with the core's rights"):
        ask(connection, "DELETE FROM record", None)
    connection.rollback()
    with pytest.raises(PermissionDenied):
        ask(connection, f"DELETE FROM {trigger.split(' ON ')[1].split(maxsplit=1)[0]}")  # noqa: S608 - own names
    connection.close()
    assert dump(path, *OF_OTHERS) == before


def test_a_trigger_within_its_plugin_s_tables_may_run(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute(
            "CREATE TRIGGER plg_loyalty__x AFTER DELETE ON plg_loyalty__entry BEGIN"
            " INSERT INTO plg_loyalty__ledger (id) VALUES (old.id + 100); END"
        )
    raw.close()
    connection = SqliteConnection(path, read_only=False)
    ask(connection, "DELETE FROM plg_loyalty__entry")
    assert ask(connection, "SELECT id FROM plg_loyalty__ledger ORDER BY id") == [(1,), (101,)]
    connection.close()


def test_deleting_a_record_takes_plugins_rows_along(connection: SqliteConnection) -> None:
    ask(connection, "UPDATE plg_other__t SET record_id = 'r'", OTHER)
    ask(connection, "DELETE FROM record", None)
    assert ask(connection, "SELECT * FROM plg_loyalty__ledger") == []
    assert ask(connection, "SELECT * FROM plg_loyalty__entry") == []
    assert ask(connection, "SELECT * FROM plg_other__t", OTHER) == [(None, "x", None)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM plg_loyalty__ledger",
        "WITH w AS (SELECT * FROM plg_loyalty__ledger) SELECT * FROM w",
        "INSERT INTO plg_loyalty__ledger (id) VALUES (9)",
        "DELETE FROM plg_other__t",
        "CREATE TABLE more (id INTEGER)",
        "DROP TABLE account",
        "ATTACH 'elsewhere.db' AS e",
        "PRAGMA foreign_keys = OFF",
        "SELECT load_extension('x')",
    ],
)
def test_the_core_keeps_itself_from_what_it_never_does(connection: SqliteConnection, sql: str) -> None:
    with pytest.raises(DatabaseError, match="the core refused itself"):
        ask(connection, sql, None)


def test_the_core_reads_lists_and_fields(connection: SqliteConnection) -> None:
    listed = "WITH w AS (SELECT value FROM json_each('[\"r\"]')) SELECT id FROM record WHERE id IN (SELECT * FROM w)"
    assert ask(connection, listed, None) == [("r",)]
    assert ask(connection, "INSERT INTO plg_loyalty__account_fields VALUES (1, 2, 'gold')", None) == []
    assert ask(connection, "SELECT tier FROM plg_loyalty__account_fields", None) == [("gold",)]


_NAMES = st.sampled_from(
    [
        "record",
        "account",
        "tenant",
        "plg_loyalty__ledger",
        "plg_loyalty__entry",
        "plg_other__t",
        '"record"',
        "main.record",
    ]
)
_FOREIGN = re.compile(r"\b(record|account|tenant|plg_other__t)\b")
_COLUMNS = st.sampled_from(["id", "tenant_id", "record_id", "record_type", "name", "points", "1", "'x'", "NULL"])
_SELECTS = st.builds(
    "SELECT {} FROM {}{}".format, _COLUMNS, _NAMES, st.sampled_from(["", " WHERE 1", " WHERE 0", " LIMIT 1"])
)
_WITHS = st.one_of(st.just(""), st.builds("WITH w AS ({}) ".format, _SELECTS))
_STATEMENTS = st.one_of(
    _SELECTS,
    st.builds("{}INSERT INTO {} ({}) {}".format, _WITHS, _NAMES, _COLUMNS, _SELECTS),
    st.builds(
        "{}{} INTO {} ({}) VALUES ({}){}".format,
        _WITHS,
        st.sampled_from(["INSERT", "REPLACE", "INSERT OR REPLACE", "INSERT OR ROLLBACK", "INSERT OR IGNORE"]),
        _NAMES,
        _COLUMNS,
        _COLUMNS,
        st.sampled_from(["", " ON CONFLICT DO NOTHING", " RETURNING *"]),
    ),
    st.builds("{}UPDATE {} SET {} = {} FROM {}".format, _WITHS, _NAMES, _COLUMNS, _COLUMNS, _NAMES),
    st.builds("{}UPDATE {} SET {} = ({})".format, _WITHS, _NAMES, _COLUMNS, _SELECTS),
    st.builds("{}DELETE FROM {} WHERE {} IN ({})".format, _WITHS, _NAMES, _COLUMNS, _SELECTS),
    st.builds("DROP TABLE {}".format, _NAMES),
    st.builds("CREATE TEMP TABLE {} (id)".format, _NAMES),
    st.builds("ALTER TABLE {} ADD COLUMN zz".format, _NAMES),
    st.sampled_from(["COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT a", "RELEASE a", "PRAGMA foreign_keys=0", "VACUUM"]),
)


@pytest.fixture(scope="module")
def shared(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file for all examples: each is rolled back."""
    file = tmp_path_factory.mktemp("grammar") / "crm.db"
    clone_sqlite(sqlite_template, file)
    add_plugins(file)
    return file


def of_others(connection: SqliteConnection) -> list[object]:
    """Return the rows that are not the plugin's, as the transaction sees them."""
    rights = {table: OTHER if table.startswith("plg_other") else None for table in OF_OTHERS}
    return [ask(connection, f"SELECT * FROM {table}", whose) for table, whose in rights.items()]  # noqa: S608 - own names


@settings(max_examples=60, deadline=None)
@given(st.lists(_STATEMENTS, min_size=1, max_size=8))
def test_no_statement_of_a_plugin_reads_or_changes_a_row_of_anybody_else(shared: Path, statements: list[str]) -> None:
    connection = SqliteConnection(shared, read_only=False)
    before = of_others(connection)
    for sql in statements:
        try:
            ask(connection, sql)
        except (sqlite3.Error, CrmError):
            if connection.lost:
                connection.rollback()
            continue
        assert not (sql.startswith("SELECT") and _FOREIGN.search(sql))
    assert of_others(connection) == before
    connection.close()
