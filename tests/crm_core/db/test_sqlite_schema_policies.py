from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from crm_core.db.sqlite_ddl import sqlite_engine, under
from crm_core.db.sqlite_schema_policies import MigrationPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TABLES = """
CREATE TABLE record (tenant_id TEXT, id TEXT, record_type TEXT, PRIMARY KEY (tenant_id, id));
CREATE TABLE account (id TEXT, name TEXT);
CREATE TABLE plg_other__t (id INTEGER PRIMARY KEY);
CREATE TABLE plg_loyalty__old (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT);
INSERT INTO record VALUES ('t', 'r', 'account');
"""


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    with sqlite3.connect(tmp_path / "crm.db") as raw:
        raw.executescript(_TABLES)
    raw.close()
    return sqlite_engine(tmp_path / "crm.db")


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def catalog(connection: sa.Connection) -> Any:
    return connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master ORDER BY name").all()


MIGRATION = [
    """
    CREATE TABLE plg_loyalty__a (
        tenant_id TEXT, id TEXT UNIQUE, points INTEGER DEFAULT 0 CHECK (points >= 0), PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, id) REFERENCES record (tenant_id, id) ON DELETE CASCADE)
    """,
    "CREATE INDEX plg_loyalty__ix ON plg_loyalty__a (lower(id), points) WHERE points > 0",
    "INSERT INTO plg_loyalty__a VALUES ('t', 'r', 1)",
    "ALTER TABLE plg_loyalty__a ADD COLUMN note TEXT DEFAULT 'x'",
    "ALTER TABLE plg_loyalty__a RENAME COLUMN note TO remark",
    "UPDATE plg_loyalty__a SET remark = 'y'",
    "INSERT INTO plg_loyalty__old (name) SELECT remark FROM plg_loyalty__a",
    "ALTER TABLE plg_loyalty__a DROP COLUMN remark",
    "CREATE TABLE plg_loyalty__b AS SELECT * FROM plg_loyalty__a",
    "DROP INDEX plg_loyalty__ix",
    "DELETE FROM plg_loyalty__b",
    "DROP TABLE plg_loyalty__b",
    "ALTER TABLE plg_loyalty__a RENAME TO plg_loyalty__c",
    "DROP TABLE plg_loyalty__old",
    "PRAGMA table_info('plg_loyalty__c')",
    "PRAGMA foreign_key_check('plg_loyalty__c')",
    "SELECT name FROM sqlite_master",
]


@pytest.mark.parametrize("analyzed", [False, True])
def test_a_migration_may_change_everything_of_its_own(connection: sa.Connection, analyzed: bool) -> None:  # noqa: FBT001 - a parameter
    if analyzed:
        connection.exec_driver_sql("ANALYZE")
    policy = MigrationPolicy("loyalty")
    with under(connection, policy):
        for sql in MIGRATION:
            connection.exec_driver_sql(sql)
    assert policy.refused is None
    assert [name for kind, name, _ in catalog(connection) if kind == "table" and name.startswith("plg_loyalty")] == [
        "plg_loyalty__c"
    ]


REFUSED = {
    "CREATE TABLE more (id TEXT)": "CREATE TABLE core.more",
    "CREATE TABLE plg_other__more (id TEXT)": "CREATE TABLE plg_other.more",
    "CREATE INDEX plg_loyalty__i ON account (name)": "CREATE INDEX plg_loyalty.i on core.account",
    "CREATE INDEX evil ON plg_loyalty__old (name)": "CREATE INDEX core.evil on plg_loyalty.old",
    "CREATE VIEW plg_loyalty__v AS SELECT 1": "CREATE VIEW plg_loyalty.v",
    "CREATE TRIGGER plg_loyalty__t AFTER DELETE ON record BEGIN SELECT 1; END": "CREATE TRIGGER plg_loyalty.t",
    "CREATE TEMP TABLE plg_loyalty__x (id TEXT)": "CREATE TEMP TABLE plg_loyalty.x",
    "CREATE VIRTUAL TABLE plg_loyalty__f USING fts5(a)": "CREATE VTABLE plg_loyalty.f",
    "CREATE TABLE plg_loyalty__copy AS SELECT * FROM account": "reading core.account",
    "CREATE TABLE plg_loyalty__copy AS SELECT id FROM record": "reading core.record",
    "ALTER TABLE account ADD COLUMN x TEXT": "ALTER TABLE core.account",
    "ALTER TABLE plg_other__t ADD COLUMN x TEXT": "ALTER TABLE plg_other.t",
    "DROP TABLE account": "DROP TABLE core.account",
    "DROP TABLE plg_other__t": "DROP TABLE plg_other.t",
    "INSERT INTO account VALUES ('a', 'b')": "rows of core.account",
    "UPDATE account SET name = 'x'": "rows of core.account",
    "DELETE FROM record": "rows of core.record",
    "DELETE FROM plg_other__t": "rows of plg_other.t",
    "SELECT name FROM account": "reading core.account",
    "SELECT id FROM record": "reading core.record",
    "INSERT INTO plg_loyalty__old (name) SELECT name FROM account": "reading core.account",
    "ATTACH ':memory:' AS e": "ATTACH :memory:",
    "PRAGMA writable_schema = ON": "PRAGMA writable_schema",
    "PRAGMA foreign_keys = OFF": "PRAGMA foreign_keys",
    "COMMIT": "TRANSACTION COMMIT",
    "SAVEPOINT mine": "SAVEPOINT BEGIN",
    "ANALYZE": "CREATE TABLE sqlite_stat1",
    "SELECT load_extension('x')": "the function load_extension",
}


@pytest.mark.parametrize(("sql", "told"), REFUSED.items())
def test_a_migration_may_do_nothing_else(connection: sa.Connection, sql: str, told: str) -> None:
    before = catalog(connection)
    policy = MigrationPolicy("loyalty")
    with under(connection, policy), pytest.raises(sa.exc.DatabaseError):
        connection.exec_driver_sql(sql)
    assert policy.refused == told
    assert catalog(connection) == before


@pytest.mark.parametrize(
    "sql",
    ["UPDATE sqlite_master SET sql = 'x'", "DELETE FROM sqlite_master", "INSERT INTO sqlite_master (name) VALUES (1)"],
)
def test_the_catalog_changes_only_with_what_it_tells_of(connection: sa.Connection, sql: str) -> None:
    with (
        under(connection, MigrationPolicy("loyalty")),
        pytest.raises(sa.exc.OperationalError, match="may not be modified"),
    ):
        connection.exec_driver_sql(sql)


def test_a_refusal_stays_known_where_the_migration_catches_the_error(connection: sa.Connection) -> None:
    policy = MigrationPolicy("loyalty")
    with under(connection, policy):
        with pytest.raises(sa.exc.DatabaseError):
            connection.exec_driver_sql("DELETE FROM account")
        connection.exec_driver_sql("DELETE FROM plg_loyalty__old")
    assert policy.refused == "rows of core.account"
    connection.exec_driver_sql("DELETE FROM account")  # with the core's rights again


@pytest.mark.parametrize("read_only", [False, True])
def test_the_core_opens_no_other_file(tmp_path: Path, engine: sa.Engine, read_only: bool) -> None:  # noqa: FBT001 - a parameter
    del engine
    opened = sqlite_engine(tmp_path / "crm.db", read_only=read_only)
    for sql in ("ATTACH ':memory:' AS e", "SELECT load_extension('x')"):
        with opened.begin() as connection, pytest.raises(sa.exc.DatabaseError, match="not authorized"):
            connection.exec_driver_sql(sql)


def test_a_planted_trigger_does_not_use_the_core_s_rights(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TRIGGER plg_loyalty__x AFTER INSERT ON plg_loyalty__old BEGIN DELETE FROM account; END"
    )
    with pytest.raises(sa.exc.DatabaseError, match="not authorized"):
        connection.exec_driver_sql("INSERT INTO plg_loyalty__old (name) VALUES ('x')")
