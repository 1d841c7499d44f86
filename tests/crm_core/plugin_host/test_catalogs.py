from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_core import __version__
from crm_core.db.migrate import in_transaction
from crm_core.plugin_host.catalogs import catalogs, name_of, written
from crm_core.plugin_host.fingerprint import changed_objects
from crm_core.plugin_host.install import install, uninstall
from tests.support.books import books

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.catalogs import Lines
    from tests.support.plugins import MakePlugin


def read(url: str) -> Lines:
    return in_transaction(url, catalogs, read_only=True)


def changed_by(url: str, *statements: str, but: str = "") -> list[str]:
    """Return what is different after statements, in a transaction that keeps nothing."""

    def work(connection: Connection) -> list[str]:
        before = catalogs(connection)
        with connection.begin_nested() as savepoint:
            for statement in statements:
                connection.exec_driver_sql(statement)
            after = catalogs(connection)
            savepoint.rollback()
        assert catalogs(connection) == before
        return changed_objects(before, after, but=but)

    return in_transaction(url, work)


@pytest.fixture
def with_books(database_url: str, make_plugin: MakePlugin) -> str:
    install(database_url, [books(make_plugin)], "books", core_version=__version__, actor="tester")
    return database_url


def test_the_same_database_gives_the_same_lines(with_books: str) -> None:
    first = read(with_books)
    assert read(with_books) == first
    assert {"core", "plat", "plg_books"} <= first.keys()
    assert all("\n" not in line for lines in first.values() for line in lines)
    assert min(len(first["core"]), 150) == 150


def test_a_plugin_changes_nothing_but_its_own_scope(database_url: str, make_plugin: MakePlugin) -> None:
    before = read(database_url)
    install(database_url, [books(make_plugin)], "books", core_version=__version__, actor="tester")
    after = read(database_url)
    assert {scope for scope in before.keys() | after.keys() if before.get(scope) != after.get(scope)} == {"plg_books"}
    uninstall(database_url, "books", drop=True, actor="tester")
    assert read(database_url) == before


_TABLE = "CREATE TABLE plg_books.mine (tenant_id uuid, id uuid, FOREIGN KEY (tenant_id, id) REFERENCES {})"
_POSTGRESQL = {
    "ALTER TABLE core.account ADD COLUMN mine text": "column core.account.mine",
    "ALTER TABLE core.account ALTER COLUMN name DROP NOT NULL": "column core.account.name",
    "ALTER TABLE core.account ALTER COLUMN name SET DEFAULT 'x'": "column core.account.name",
    'ALTER TABLE core.account ALTER COLUMN name TYPE text COLLATE "POSIX"': "column core.account.name",
    "CREATE INDEX mine ON core.account (name)": "index core.account mine",
    "ALTER TABLE core.account ADD CONSTRAINT mine CHECK (version > 0)": "constraint core.account mine",
    "ALTER TABLE core.account DISABLE ROW LEVEL SECURITY": "relation core.account",
    "ALTER TABLE core.account NO FORCE ROW LEVEL SECURITY": "relation core.account",
    "DROP POLICY tenant ON core.account": "policy core.account tenant",
    "ALTER POLICY tenant ON core.account USING (true)": "policy core.account tenant",
    "CREATE RULE mine AS ON DELETE TO core.account DO INSTEAD NOTHING": "rule core.account mine",
    "GRANT SELECT ON core.account TO PUBLIC": "right of PUBLIC on relation core.account",
    "GRANT SELECT (name) ON core.account TO PUBLIC": "right of PUBLIC on column core.account.name",
    "GRANT CREATE ON SCHEMA core TO PUBLIC": "right of PUBLIC on schema core",
    "CREATE FUNCTION plat.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'": "function plat.mine()",
    "CREATE TABLE plat.mine (n int)": "relation plat.mine",
    "CREATE VIEW core.mine AS SELECT 1 AS n": "relation core.mine",
    "CREATE TYPE core.mine AS ENUM ('a')": "type core.mine",
    "CREATE SEQUENCE core.mine": "sequence core.mine",
    "CREATE STATISTICS core.mine ON name, version FROM core.account": "statistics core.account mine",
    "CREATE TABLE plat.mine () INHERITS (core.tenant)": "inheritance mine core.tenant",
    "SET LOCAL ROLE NONE; CREATE SCHEMA mine": "schema mine",
    (
        "CREATE TRIGGER mine BEFORE UPDATE ON core.account FOR EACH ROW "
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ): "trigger core.account mine",
    _TABLE.format("core.account"): "foreign key trigger core.account plg_books.mine mine_tenant_id_id_fkey",
    _TABLE.format("core.record"): "foreign key trigger core.record plg_books.mine mine_tenant_id_id_fkey",
}


@pytest.mark.parametrize(("statement", "told"), _POSTGRESQL.items())
def test_on_postgresql_every_kind_of_change_shows(
    postgres_url: str, make_plugin: MakePlugin, statement: str, told: str
) -> None:
    install(postgres_url, [books(make_plugin)], "books", core_version=__version__, actor="tester")
    assert told in changed_by(postgres_url, *statement.split("; "), but="plg_books")


def test_a_plugins_keys_to_the_anchor_are_its_own_affair(postgres_url: str, make_plugin: MakePlugin) -> None:
    install(postgres_url, [books(make_plugin)], "books", core_version=__version__, actor="tester")
    allowed = _TABLE.format("core.record ON DELETE CASCADE")
    assert changed_by(postgres_url, allowed, but="plg_books") == []
    # Its triggers are still seen: on the plugin's own lines.
    assert any("foreign key trigger core.record plg_books.mine" in line for line in changed_by(postgres_url, allowed))


_SQLITE = {
    "ALTER TABLE account ADD COLUMN mine TEXT": "table account",
    "CREATE INDEX plg_books__mine ON account (name)": "index plg_books__mine",
    "DROP INDEX ix_account_name": "index ix_account_name",
    "CREATE TRIGGER plg_books__mine AFTER INSERT ON account BEGIN SELECT 1; END": "trigger plg_books__mine",
    "CREATE TABLE mine (n INTEGER)": "table mine",
    "CREATE VIEW plat_mine AS SELECT 1": "view plat_mine",
    "DROP TABLE plat_import_run": "table plat_import_run",
}


@pytest.mark.parametrize(("statement", "told"), _SQLITE.items())
def test_on_sqlite_every_kind_of_change_shows(sqlite_url: str, statement: str, told: str) -> None:
    assert told in changed_by(sqlite_url, statement, but="plg_books")


def test_analysing_a_database_is_no_change_of_it(sqlite_url: str) -> None:
    assert changed_by(sqlite_url, "ANALYZE") == []


def test_the_search_path_of_whoever_asks_makes_no_difference(postgres_url: str) -> None:
    def work(connection: Connection) -> None:
        before = catalogs(connection)
        connection.exec_driver_sql('SET LOCAL search_path = core, plat, "$user"')
        assert catalogs(connection) == before
        assert connection.exec_driver_sql("SHOW search_path").scalar() == 'core, plat, "$user"'

    in_transaction(postgres_url, work)


def test_rows_written_in_a_transaction_are_counted_by_postgresql(database_url: str) -> None:
    def work(connection: Connection) -> None:
        name = "plat.epoch" if connection.dialect.name == "postgresql" else "plat_epoch"
        assert written(connection) == frozenset()
        connection.exec_driver_sql(f"INSERT INTO {name} (scope, value) VALUES ('mine', 1)")  # noqa: S608 - of this test
        counted = {("plat", "epoch")} if connection.dialect.name == "postgresql" else set()
        assert written(connection) == counted

    in_transaction(database_url, work)


def test_a_line_begins_with_the_name_of_its_object() -> None:
    assert name_of('relation core.account: ["r", "a: [b"]') == "relation core.account"
