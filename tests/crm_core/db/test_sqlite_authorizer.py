from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from crm_core.db.failures import translated
from crm_core.db.rights import PluginRights
from crm_core.db.sqlite import SqliteConnection
from crm_core.db.sqlite_functions import FUNCTIONS
from crm_core.db.statements import Statement
from crm_core.errors import DatabaseError, PermissionDenied, ReferenceNotFound
from crm_core.plugin_api import guarded
from tests.support.sqlite_plugins import LOYALTY, OF_OTHERS, add_plugins, ask, dump

if TYPE_CHECKING:
    from collections.abc import Iterator

READER = PluginRights("loyalty", "loyalty@1.0.0", frozenset({"account"}), frozenset({"account.website"}))


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


ROWS_OF_OTHERS = [
    "INSERT INTO account (id) VALUES ('x')",
    "INSERT INTO record VALUES ('a', 'b', 'c', 'd')",
    "INSERT INTO record SELECT 'a', 'b', 'c', 'd'",
    "INSERT INTO record VALUES ('a', 'b', 'c', 'd') ON CONFLICT DO UPDATE SET record_type = 'x'",
    "INSERT OR IGNORE INTO record VALUES ('a', 'b', 'c', 'd')",
    "REPLACE INTO record VALUES ('a', 'b', 'c', 'd')",
    "UPDATE record SET record_type = 'x'",
    "UPDATE OR REPLACE record SET record_type = 'x'",
    "UPDATE \"record\" SET record_type = 'x'",
    "UPDATE [record] SET record_type = 'x'",
    "UPDATE `record` SET record_type = 'x'",
    "UPDATE/**/main./**/ReCoRd SET record_type = 'x'",
    "UPDATE record SET record_type = s.id FROM (SELECT 1 AS id) s",
    "WITH w AS (SELECT 1) UPDATE record SET record_type = (SELECT * FROM w)",
    "WITH w AS (SELECT 1) DELETE FROM record",
    "DELETE FROM record",
    "DELETE FROM record RETURNING id",
    "DELETE FROM plat_epoch",
    "DELETE FROM plg_other__t",
    "INSERT INTO plg_other__t VALUES (1, 2, 3)",
    "INSERT INTO plg_loyalty__account_fields VALUES (1, 2, 3)",
    "DELETE FROM plg_loyalty__alembic_version",
    "EXPLAIN DELETE FROM record",
]
READING = [
    "SELECT id FROM record",
    "SELECT 1 FROM record",
    "SELECT count(*) FROM record",
    "SELECT id FROM account",
    "SELECT * FROM plat_epoch",
    "SELECT * FROM plg_other__t",
    "SELECT 1 FROM plg_other__t",
    "SELECT * FROM plg_loyalty__alembic_version",
    "SELECT l.id FROM plg_loyalty__ledger l JOIN account a ON a.id = l.record_id",
    "SELECT * FROM (SELECT * FROM account)",
    "SELECT (SELECT name FROM account)",
    "SELECT id FROM plg_loyalty__ledger WHERE EXISTS (SELECT 1 FROM account)",
    "WITH a AS (SELECT * FROM account) SELECT * FROM a",
    "SELECT id FROM plg_loyalty__ledger UNION SELECT id FROM record",
    "INSERT INTO plg_loyalty__ledger (tenant_id) SELECT name FROM account",
    "INSERT INTO plg_loyalty__ledger (tenant_id) SELECT record_type FROM record",
    "UPDATE plg_loyalty__ledger SET tenant_id = name FROM account",
    "DELETE FROM plg_loyalty__ledger WHERE id IN (SELECT version FROM account)",
    "INSERT INTO plg_loyalty__ledger (id) VALUES (7) RETURNING (SELECT name FROM account)",
    "SELECT name FROM sqlite_master",
    "SELECT count(*) FROM sqlite_master",
    "SELECT name FROM sqlite_schema",
    "SELECT name FROM sqlite_temp_master",
    "SELECT * FROM pragma_table_info('record')",
    "SELECT count(*) FROM pragma_table_list",
    "SELECT * FROM json_each('[1]')",
    "SELECT * FROM dbstat",
    "EXPLAIN SELECT * FROM account",
]
EVERYTHING_ELSE = [
    "CREATE TABLE plg_loyalty__more (id INTEGER)",
    "CREATE TABLE plg_loyalty__more AS SELECT 1",
    "CREATE TEMP TABLE record (id INTEGER)",
    "CREATE TEMP VIEW account AS SELECT 1",
    "CREATE TEMP TRIGGER plg_loyalty__x AFTER DELETE ON record BEGIN SELECT 1; END",
    "CREATE VIEW plg_loyalty__v AS SELECT 1",
    "CREATE TRIGGER plg_loyalty__x AFTER INSERT ON plg_loyalty__ledger BEGIN SELECT 1; END",
    "CREATE INDEX plg_loyalty__i ON plg_loyalty__ledger (points)",
    "CREATE VIRTUAL TABLE plg_loyalty__f USING fts5(a)",
    "DROP TABLE plg_loyalty__ledger",
    "DROP TABLE record",
    "DROP INDEX plg_loyalty__ix_entry",
    "ALTER TABLE plg_loyalty__ledger ADD COLUMN x",
    "ALTER TABLE plg_loyalty__ledger RENAME TO record2",
    "ALTER TABLE record RENAME COLUMN record_type TO x",
    "ATTACH 'elsewhere.db' AS e",
    "DETACH main",
    "ANALYZE",
    "REINDEX",
    "REINDEX plg_loyalty__ix_entry",
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT mine",
    "RELEASE sp1",
    "ROLLBACK TO sp1",
    "SELECT load_extension('x')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT printf('%.*c', 1000000, 'x')",
    "SELECT zeroblob(1000000)",
    "SELECT sqlite_compileoption_get(1)",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA query_only = OFF",
    "PRAGMA defer_foreign_keys = ON",
]


@pytest.mark.parametrize("sql", [*ROWS_OF_OTHERS, *READING, *EVERYTHING_ELSE])
def test_whatever_is_not_rows_of_its_own_is_refused(connection: SqliteConnection, path: Path, sql: str) -> None:
    before = dump(path, *OF_OTHERS)
    connection.begin()
    connection.savepoint("sp1")
    with pytest.raises(PermissionDenied, match=r"^plugin loyalty@1\.0\.0 may not "):
        ask(connection, sql)
    connection.become(None)
    connection.release("sp1")
    connection.commit()
    assert dump(path, *OF_OTHERS) == before


def test_every_pragma_is_refused(connection: SqliteConnection) -> None:
    raw = sqlite3.connect(":memory:")
    names = [name for (name,) in raw.execute("SELECT name FROM pragma_pragma_list")]
    raw.close()
    assert len(names) > 50
    connection.begin()
    for name in names:
        for sql in (f"PRAGMA {name}", f"PRAGMA main.{name}", f"PRAGMA {name} = 1", f"PRAGMA {name}('record')"):
            with pytest.raises(PermissionDenied, match=r"may not run ['\"]PRAGMA"):
                ask(connection, sql)


@pytest.mark.parametrize("rights", [None, LOYALTY])
def test_no_other_file_is_written(path: Path, rights: PluginRights | None) -> None:
    connection = SqliteConnection(path, read_only=False)
    connection.become(rights)
    for sql in ("VACUUM", "VACUUM INTO 'copy.db'", f"ATTACH '{path.parent}/elsewhere.db' AS e"):
        with pytest.raises(DatabaseError if rights is None else PermissionDenied):
            connection.fetch(Statement(text(sql)), {})
    connection.close()
    assert {file.name for file in path.parent.iterdir()} == {"crm.db"}


def test_its_own_rows_are_its_own(connection: SqliteConnection) -> None:
    assert ask(connection, "SELECT id, points FROM plg_loyalty__ledger") == [(1, 10)]
    ask(connection, "INSERT INTO plg_loyalty__ledger VALUES ('t', 2, 'r', 5), (NULL, 3, NULL, 6)")
    ask(connection, "INSERT INTO plg_loyalty__ledger (id) VALUES (2) ON CONFLICT (id) DO UPDATE SET points = 50")
    ask(connection, "REPLACE INTO plg_loyalty__ledger (id, points) VALUES (3, 7)")
    ask(connection, "UPDATE plg_loyalty__ledger SET record_id = 'r', tenant_id = 't' WHERE id = 3")
    ask(connection, "INSERT INTO plg_loyalty__entry (id, ledger) SELECT id + 10, id FROM plg_loyalty__ledger")
    ask(connection, "DELETE FROM plg_loyalty__ledger WHERE id = 1")
    assert ask(connection, "SELECT id, points FROM plg_loyalty__ledger ORDER BY id") == [(2, 50), (3, 7)]
    assert ask(connection, "SELECT ledger FROM plg_loyalty__entry ORDER BY 1") == [(2,), (3,)]
    assert ask(connection, "WITH w AS (SELECT id FROM plg_loyalty__ledger LIMIT 5) SELECT count(*) FROM w") == [(2,)]
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT count(*) FROM n"
    assert ask(connection, counting) == [(9,)]
    assert ask(connection, "SELECT tier FROM plg_loyalty__account_fields") == []


def test_what_may_be_read_of_the_core_is_named_in_the_rights(connection: SqliteConnection) -> None:
    assert ask(connection, "SELECT name FROM account", READER) == []
    assert ask(connection, "SELECT count(*) FROM account", READER) == [(0,)]
    for sql in ("SELECT website FROM account", "SELECT * FROM account", "SELECT id FROM record", "DELETE FROM account"):
        with pytest.raises(PermissionDenied):
            ask(connection, sql, READER)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "DELETE FROM account",
            "write core.account; core records are changed through ctx.api or by what a hook returns",
        ),
        (
            "SELECT name FROM account",
            "read core.account; core records are read through ctx.api, or in ctx.sql with the capability core:read",
        ),
        ("SELECT * FROM plat_epoch", "read plat.epoch; what the platform keeps for itself is not reachable"),
        ("SELECT * FROM plg_other__t", "read plg_other.t; other plugins' tables are not reachable"),
        ("SELECT sql FROM sqlite_master", "read sqlite_master; what the database keeps for itself is not reachable"),
        (
            "DELETE FROM plg_loyalty__account_fields",
            "write plg_loyalty.account_fields; set fields through ctx.fields, which audits them",
        ),
        ("SELECT * FROM plg_loyalty__alembic_version", "read plg_loyalty.alembic_version; the plugin host keeps it"),
        (
            "PRAGMA foreign_keys = OFF",
            "run 'PRAGMA foreign_keys = OFF'; its statements read and write rows: SELECT, INSERT, ",
        ),
        ("SELECT load_extension('x')", "use the function load_extension; there are only functions that compute"),
    ],
)
def test_a_refusal_names_plugin_object_and_the_supported_way(connection: SqliteConnection, sql: str, told: str) -> None:
    with pytest.raises(PermissionDenied) as caught, translated(connection, ()):
        ask(connection, sql)
    assert caught.value.message.startswith(f"plugin loyalty@1.0.0 may not {told}")
    assert caught.value.details["plugin"] == "loyalty@1.0.0"


def test_a_kept_statement_of_the_core_is_asked_about_again(connection: SqliteConnection) -> None:
    update = "UPDATE record SET record_type = 'changed'"
    for _ in range(3):
        ask(connection, update, None)
        ask(connection, "SELECT id FROM record", None)
        with pytest.raises(PermissionDenied):
            ask(connection, update)
        with pytest.raises(PermissionDenied):
            ask(connection, "SELECT id FROM record")
    with pytest.raises(PermissionDenied):
        ask(connection, "SELECT name FROM account")
    assert ask(connection, "SELECT name FROM account", READER) == []
    with pytest.raises(PermissionDenied):
        ask(connection, "SELECT name FROM account")


def test_a_kept_write_does_not_let_a_read_reach_further(connection: SqliteConnection) -> None:
    reference = "INSERT INTO plg_loyalty__ledger (tenant_id, record_id) VALUES ('t', 'r')"
    for _ in range(2):
        ask(connection, reference)
        with pytest.raises(PermissionDenied, match=r"read core\.record"):
            ask(connection, "SELECT id FROM record")


def test_the_driver_would_run_a_kept_statement_if_two_rights_shared_a_text(path: Path) -> None:
    """Show the trap, so that nobody takes the marks away."""
    allowed = [True]
    raw = sqlite3.connect(path)
    raw.set_authorizer(lambda *_: sqlite3.SQLITE_OK if allowed[0] else sqlite3.SQLITE_DENY)
    raw.execute("SELECT id FROM record").fetchall()
    allowed[0] = False
    assert raw.execute("SELECT id FROM record").fetchall() == [("r",)]
    raw.close()


def test_a_dangling_reference_is_told_as_one(connection: SqliteConnection) -> None:
    with pytest.raises(ReferenceNotFound), translated(connection, ()):
        ask(connection, "INSERT INTO plg_loyalty__ledger (tenant_id, record_id) VALUES ('x', 'y')")
    assert connection.rights == LOYALTY


def test_statistics_of_an_operator_s_analyze_do_no_harm(path: Path) -> None:
    raw = sqlite3.connect(path)
    raw.execute("ANALYZE")
    connection = SqliteConnection(path, read_only=False)
    reference = "INSERT INTO plg_loyalty__ledger (tenant_id, record_id) VALUES ('t', 'r')"
    ask(connection, reference)
    connection.become(None)
    connection.commit()
    raw.execute("CREATE INDEX plg_loyalty__late ON plg_loyalty__ledger (points)")
    ask(connection, reference)  # reads the schema anew, with the plugin's rights
    assert ask(connection, "SELECT count(*) FROM plg_loyalty__ledger") == [(3,)]
    with pytest.raises(PermissionDenied):
        ask(connection, "SELECT * FROM sqlite_stat1")
    connection.close()
    raw.close()


def test_the_functions_of_ctx_sql_that_sqlite_has_are_allowed(connection: SqliteConnection) -> None:
    raw = sqlite3.connect(":memory:")
    there = {name for (name,) in raw.execute("SELECT DISTINCT name FROM pragma_function_list")}
    raw.close()
    assert guarded._FUNCTIONS & there <= FUNCTIONS  # noqa: SLF001 - the two lists must fit
    operators = (
        "SELECT lower('A') LIKE lower('a'), json_quote(json_extract('{\"a\": 1}', '$.a')), '{\"a\": 2}' ->> 'a',"
        " CAST(strftime('%Y', '2026-01-02') AS INTEGER), floor(1.5), datetime('2026-01-02', 'localtime') > ''"
    )
    assert ask(connection, operators) == [(1, "1", 2, 2026, 1.0, 1)]
