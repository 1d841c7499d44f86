from __future__ import annotations

import asyncio
import secrets
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from crm_core.db.migrate import (
    LOCATIONS,
    MigrationFailed,
    MigrationStep,
    current,
    current_revision,
    in_transaction,
    migrate,
    migrate_plugin,
    script_directory,
    upgrade_core_connection,
    upgrade_plugin_connection,
)
from crm_core.db.migrations.scripts import DowngradeRefused
from crm_core.db.roles import as_plugin_owner
from crm_core.schema import core, platform
from crm_core.schema.row_security import row_security

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from tests.support.postgres import PostgresServer

_FIRST = {"core": "core_0001", "plat": "platform_0002"}

_LEDGER = '''
    """Points."""
    import sqlalchemy as sa
    from alembic import op

    revision, down_revision, branch_labels, depends_on = "ledger", None, None, None

    def upgrade():
        op.create_table(
            "ledger",
            sa.Column("tenant_id", sa.Uuid, nullable=False),
            sa.Column("record_id", sa.Uuid, nullable=False),
            sa.Column("points", sa.Integer, nullable=False),
            sa.PrimaryKeyConstraint("tenant_id", "record_id", name="pk_ledger"),
            sa.ForeignKeyConstraint(
                ["tenant_id", "record_id"],
                ["core.record.tenant_id", "core.record.id"],
                name="fk_ledger_record_id",
                ondelete="CASCADE",
            ),
            schema="plg_loyalty",
        )
        op.create_index("ix_ledger_points", "ledger", ["points"], schema="plg_loyalty")
'''
_REASON = '''
    """Why."""
    import sqlalchemy as sa
    from alembic import op

    revision, down_revision, branch_labels, depends_on = "reason", "ledger", None, None

    def upgrade():
        op.add_column("ledger", sa.Column("reason", sa.Text), schema="plg_loyalty")
        op.drop_index("ix_ledger_points", table_name="ledger", schema="plg_loyalty")
'''
_BROKEN = '''
    """Breaks half-way."""
    import sqlalchemy as sa
    from alembic import op

    revision, down_revision, branch_labels, depends_on = "broken", "reason", None, None

    def upgrade():
        op.create_table("second", sa.Column("id", sa.Integer, primary_key=True), schema="plg_loyalty")
        op.execute("INSERT INTO plg_loyalty.no_such_table VALUES (1)")
'''


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Give a function that makes an empty database and returns its URL, on each kind of database."""
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{tmp_path / secrets.token_hex(4)}.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    made: list[str] = []

    def create() -> str:
        name = f"crm_empty_{secrets.token_hex(4)}"
        server.execute(f"CREATE DATABASE {name} OWNER crm_app_test TEMPLATE template0")
        made.append(name)
        return server.url(name)

    yield create
    server.execute(*(f"DROP DATABASE {name}" for name in made))


@pytest.fixture
def loyalty(tmp_path: Path) -> Callable[..., str]:
    """Give a function that writes a plugin's revisions to a folder and returns its location."""

    def write(*revisions: str) -> str:
        location = tmp_path / secrets.token_hex(4)
        (location / "versions").mkdir(parents=True)
        for number, revision in enumerate(revisions):
            (location / "versions" / f"{number}.py").write_text(dedent(revision))
        return str(location)

    return write


def _catalog(connection: Connection) -> set[tuple[Any, ...]]:
    """Say everything a database knows about its tables, version tables left out."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master")
        found = {(kind, name, table, " ".join((sql or "").split())) for kind, name, table, sql in rows}
    else:
        found = {tuple(row) for query in _POSTGRESQL_CATALOG for row in connection.exec_driver_sql(query)}
    return {row for row in found if not any("alembic_version" in str(value) for value in row)}


_POSTGRESQL_CATALOG = (
    """SELECT 'column', c.oid::regclass::text, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace::regnamespace::text ~ '^(core|plat|plg_.*)$' AND c.relkind = 'r' AND a.attnum > 0
        AND NOT a.attisdropped""",
    """SELECT 'constraint', conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace::regnamespace::text ~ '^(core|plat|plg_.*)$'""",
    """SELECT 'index', pg_get_indexdef(oid)
        FROM pg_class WHERE relnamespace::regnamespace::text ~ '^(core|plat|plg_.*)$' AND relkind = 'i'""",
    """SELECT 'table', oid::regclass::text, relrowsecurity, relforcerowsecurity
        FROM pg_class WHERE relnamespace::regnamespace::text ~ '^(core|plat|plg_.*)$' AND relkind = 'r'""",
    """SELECT 'policy', schemaname, tablename, policyname, permissive, roles::text, cmd, qual, with_check
        FROM pg_policies""",
)


def _create_from_models(connection: Connection) -> None:
    for metadata in (core, platform):
        if connection.dialect.name == "postgresql":
            connection.execute(sa.schema.CreateSchema(str(metadata.schema)))
        metadata.create_all(connection)
        if connection.dialect.name == "postgresql":
            for statement in row_security(metadata):
                connection.exec_driver_sql(statement)


def test_a_migrated_database_is_what_the_tables_say(empty_database: Callable[[], str]) -> None:
    migrated, modelled = empty_database(), empty_database()
    migrate(migrated)
    in_transaction(modelled, _create_from_models)
    found, expected = in_transaction(migrated, _catalog), in_transaction(modelled, _catalog)
    assert found - expected == set(), "the migrations make what the tables do not say"
    assert expected - found == set(), "the tables say what the migrations do not make: write a migration"
    assert len(found) > 200


def test_migrating_reports_what_it_did_and_a_second_time_does_nothing(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    assert current(url) == {"core": None, "plat": None}
    first = migrate(url)
    assert first.steps == (MigrationStep("core", None, "core_0001"), MigrationStep("plat", None, "platform_0002"))
    assert first.changed
    assert current(url) == _FIRST
    before = in_transaction(url, _catalog)
    assert not migrate(url).changed
    assert in_transaction(url, _catalog) == before


def test_asking_for_the_revision_creates_no_file(tmp_path: Path) -> None:
    assert current(f"sqlite:///{tmp_path / 'none.db'}") == {"core": None, "plat": None}
    assert list(tmp_path.iterdir()) == []


def test_version_tables_are_where_their_schema_is(sqlite_url: str) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert {"alembic_version", "plat_alembic_version", "account", "plat_plugin"} <= tables
    connection.close()


def test_going_back_is_refused(database_url: str, loyalty: Callable[..., str]) -> None:
    location = loyalty(_LEDGER, _REASON)
    migrate_plugin(database_url, "loyalty", location)
    for target in ("ledger", "base"):
        with pytest.raises(
            MigrationFailed, match=f"plg_loyalty is at reason and cannot go to {target}: .* only forward"
        ):
            migrate_plugin(database_url, "loyalty", location, target=target)
    assert in_transaction(database_url, lambda connection: current_revision(connection, "plg_loyalty")) == "reason"


@pytest.mark.parametrize("schema", ["core", "plat"])
def test_every_revision_refuses_to_be_undone(schema: str) -> None:
    scripts = script_directory(LOCATIONS[schema])
    for script in scripts.walk_revisions():
        with pytest.raises(DowngradeRefused, match=f"revision {script.revision} cannot be undone"):
            script.module.downgrade()


def test_a_database_from_a_newer_version_is_left_alone(database_url: str) -> None:
    def from_the_future(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE plat.alembic_version SET version_num = 'platform_9999'")

    in_transaction(database_url, from_the_future)
    with pytest.raises(MigrationFailed, match=r"migrating plat from platform_9999 .*use that version or restore"):
        migrate(database_url)
    assert current(database_url) == {"core": "core_0001", "plat": "platform_9999"}


def test_a_plugin_has_its_own_tables_and_history(database_url: str, loyalty: Callable[..., str]) -> None:
    step = migrate_plugin(database_url, "loyalty", loyalty(_LEDGER, _REASON), target="ledger")
    assert step == MigrationStep("plg_loyalty", None, "ledger")
    assert migrate_plugin(database_url, "loyalty", loyalty(_LEDGER, _REASON)).after == "reason"
    assert current(database_url) == _FIRST

    def look(connection: Connection) -> tuple[set[str], set[tuple[Any, ...]]]:
        with as_plugin_owner(connection, "loyalty"):
            rows = connection.exec_driver_sql("SELECT * FROM plg_loyalty.ledger")
        return set(rows.keys()), {row for row in _catalog(connection) if "ix_ledger_points" in str(row)}

    columns, indexes = in_transaction(database_url, look)
    assert columns == {"tenant_id", "record_id", "points", "reason"}
    assert indexes == set()


def test_a_plugins_rows_hang_on_records_of_the_same_tenant(database_url: str, loyalty: Callable[..., str]) -> None:
    migrate_plugin(database_url, "loyalty", loyalty(_LEDGER))

    def orphan(connection: Connection) -> None:
        with as_plugin_owner(connection, "loyalty"):
            connection.exec_driver_sql(
                "INSERT INTO plg_loyalty.ledger"
                " VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1)"
            )

    with pytest.raises(sa.exc.IntegrityError):
        in_transaction(database_url, orphan)


def test_a_failing_revision_takes_the_whole_call_back(database_url: str, loyalty: Callable[..., str]) -> None:
    before = in_transaction(database_url, _catalog)
    with pytest.raises(sa.exc.DBAPIError, match="no_such_table"):
        migrate_plugin(database_url, "loyalty", loyalty(_LEDGER, _REASON, _BROKEN))
    assert in_transaction(database_url, _catalog) == before
    assert in_transaction(database_url, lambda connection: current_revision(connection, "plg_loyalty")) is None


def test_core_and_plugin_can_share_one_transaction(
    empty_database: Callable[[], str], loyalty: Callable[..., str]
) -> None:
    def both(location: str) -> Callable[[Connection], str | None]:
        def run(connection: Connection) -> str | None:
            upgrade_core_connection(connection)
            return upgrade_plugin_connection(connection, "loyalty", location).after

        return run

    url = empty_database()
    with pytest.raises(sa.exc.DBAPIError, match="no_such_table"):
        in_transaction(url, both(loyalty(_LEDGER, _REASON, _BROKEN)))
    assert in_transaction(url, _catalog) == set()
    assert in_transaction(url, both(loyalty(_LEDGER, _REASON))) == "reason"
    assert current(url) == _FIRST


def test_a_connection_without_a_transaction_is_refused() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(MigrationFailed, match="begin a transaction first"):
        upgrade_core_connection(connection)
    engine.dispose()


def test_a_folder_that_is_not_there_is_named(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationFailed, match=r"migrating plg_loyalty from nothing to head with .*gone"):
        migrate_plugin(sqlite_url, "loyalty", str(tmp_path / "gone"))


def test_two_heads_are_an_error_that_names_them(database_url: str, loyalty: Callable[..., str]) -> None:
    fork = _REASON.replace('"reason", "ledger"', '"fork", "ledger"')
    with pytest.raises(MigrationFailed, match=r"migrating plg_loyalty from nothing to head .*[Mm]ultiple head"):
        migrate_plugin(database_url, "loyalty", loyalty(_LEDGER, _REASON, fork))


@pytest.mark.parametrize("plugin_id", ["Loyalty", "acme-loyalty", "a__b"])
def test_a_plugin_id_that_cannot_name_a_schema_is_refused(sqlite_url: str, plugin_id: str) -> None:
    with pytest.raises(ValueError, match=f"plugin id '{plugin_id}' cannot name a schema"):
        migrate_plugin(sqlite_url, plugin_id, "unused")


@pytest.mark.parametrize("url", ["mysql://x", "", "sqlite://crm.db", "postgresql+asyncpg:///x"])
def test_other_urls_are_refused_with_what_to_write(url: str) -> None:
    for function in (migrate, current):
        with pytest.raises(MigrationFailed, match="write sqlite:///<file> or postgresql://"):
            function(url)


def test_two_at_once_do_the_work_once(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(migrate, [url, url]))
    assert sorted(report.changed for report in reports) == [False, True]
    assert current(url) == _FIRST


def test_reading_the_revision_waits_for_nobody(database_url: str) -> None:
    def meanwhile(_connection: Connection) -> dict[str, str | None]:
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(current, database_url).result(timeout=8)

    assert in_transaction(database_url, meanwhile) == _FIRST


def test_the_running_event_loop_is_named_when_it_is_in_the_way(postgres_url: str) -> None:
    async def inside() -> None:
        with pytest.raises(MigrationFailed, match=r"a migration would block: use asyncio\.to_thread"):
            current(postgres_url)
        assert await asyncio.to_thread(current, postgres_url) == _FIRST

    asyncio.run(inside())


def test_a_new_sqlite_database_takes_little_time_from_start_to_end(tmp_path: Path) -> None:
    program = (
        "import sys, time; from crm_core.db.migrate import migrate; migrate(sys.argv[1]);"
        " assert 'asyncpg' not in sys.modules; print(time.process_time())"
    )
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'crm.db'}"]
    seconds = min(float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(2))
    assert seconds < 1.5
