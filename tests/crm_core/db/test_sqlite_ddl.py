from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from crm_core.db.sqlite_ddl import sqlite_engine
from crm_core.schema.metadata import core

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return sqlite_engine(tmp_path / "crm.db")


def _two_schemas() -> sa.MetaData:
    tables = sa.MetaData()
    sa.Table("parent", tables, sa.Column("id", sa.Integer, primary_key=True), schema="core")
    child = sa.Table(
        "child",
        tables,
        sa.Column("parent_id", sa.ForeignKey("core.parent.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("points", sa.Integer),
        schema="plg_loyalty",
    )
    sa.Index("ix_child_points", child.c.points, sqlite_where=child.c.points > 0)
    return tables


def _definitions(engine: sa.Engine) -> dict[str, str]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()) for name, sql in rows}


def test_schemas_share_a_file_and_keep_their_foreign_keys(engine: sa.Engine) -> None:
    tables = _two_schemas()
    with engine.begin() as connection:
        tables.create_all(connection)
    assert _definitions(engine) == {
        "parent": "CREATE TABLE parent ( id INTEGER NOT NULL, PRIMARY KEY (id) )",
        "plg_loyalty__child": "CREATE TABLE plg_loyalty__child ( parent_id INTEGER NOT NULL, points INTEGER,"
        " PRIMARY KEY (parent_id), FOREIGN KEY(parent_id) REFERENCES parent (id) ON DELETE CASCADE )",
        "plg_loyalty__ix_child_points": "CREATE INDEX plg_loyalty__ix_child_points ON plg_loyalty__child (points)"
        " WHERE points > 0",
    }
    with engine.begin() as connection:
        tables.create_all(connection)  # finds its tables and creates nothing
        for index in tables.tables["plg_loyalty.child"].indexes:
            index.drop(connection)
    assert set(_definitions(engine)) == {"parent", "plg_loyalty__child"}


def test_foreign_keys_between_schemas_hold(engine: sa.Engine) -> None:
    tables = _two_schemas()
    with engine.begin() as connection:
        tables.create_all(connection)
    child = tables.tables["plg_loyalty.child"]
    with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY constraint failed"), engine.begin() as connection:
        connection.execute(child.insert().values(parent_id=1, points=2))


def test_schema_changes_are_undone_with_their_transaction(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        with connection.begin() as transaction:
            _two_schemas().create_all(connection)
            transaction.rollback()
        assert sa.inspect(connection).dialect.has_table(connection, "parent", "core") is False
    assert _definitions(engine) == {}


def test_connections_are_set_up_for_safe_writing(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        answers = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            for pragma in ("foreign_keys", "journal_mode", "synchronous", "busy_timeout")
        }
    assert answers == {"foreign_keys": 1, "journal_mode": "wal", "synchronous": 2, "busy_timeout": 10000}


def test_a_reading_engine_cannot_write(engine: sa.Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        _two_schemas().create_all(connection)
    reading = sqlite_engine(tmp_path / "crm.db", read_only=True)
    with engine.begin(), reading.begin() as connection:  # beside a writer that holds the lock
        assert connection.exec_driver_sql("SELECT count(*) FROM core.parent").scalar() == 0
        with pytest.raises(sa.exc.OperationalError, match="attempt to write a readonly database"):
            connection.exec_driver_sql("DELETE FROM core.parent")


def test_the_whole_core_can_be_created_at_once(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        core.create_all(connection)
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
