"""Schema changes on SQLite: the whole schema in one file, in transactions that can be rolled back.

Used for migrations only; requests run on sqlite3 without SQLAlchemy's engine.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteDDLCompiler
from sqlalchemy.sql.compiler import DDLCompiler

import crm_core.db.sqlite_batch  # noqa: F401 - Alembic takes what it does on SQLite from there
from crm_core.db.names import sqlite_text
from crm_core.db.sqlite_reflection import SingleFileReflection
from crm_core.db.sqlite_schema_policies import SchemaPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.schema import CreateIndex, ForeignKeyConstraint
    from sqlalchemy.sql.compiler import IdentifierPreparer

    from crm_core.db.sqlite_authorizer import Policy

__all__ = ["SingleFileDialect", "sqlite_engine", "under"]

T = TypeVar("T")

_PRAGMAS = ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000")


class _SingleFileDDLCompiler(SQLiteDDLCompiler):
    """Qualifies every name with its schema, across schemas too; `sqlite_text` then makes it part of the name."""

    def visit_foreign_key_constraint(self, constraint: ForeignKeyConstraint, **kw: Any) -> str:
        """Keep foreign keys between schemas, which are all in one file."""
        return DDLCompiler.visit_foreign_key_constraint(self, constraint, **kw)

    def define_constraint_remote_table(
        self, constraint: ForeignKeyConstraint, table: sa.Table, preparer: IdentifierPreparer
    ) -> str:
        """Name the table a foreign key points to with its schema."""
        del constraint
        return preparer.format_table(table)

    def visit_create_index(self, create: CreateIndex, *args: Any, **kw: Any) -> str:
        """Name the table with its schema; SQLite's own compiler leaves it out."""
        text = str(super().visit_create_index(create, *args, **kw))  # type: ignore[no-untyped-call]
        table = create.element.table
        if table is None:
            raise ValueError(f"index {create.element.name!r} belongs to no table: put it on one before creating it")
        unqualified = f" ON {self.preparer.format_table(table, use_schema=False)} ("
        return text.replace(unqualified, f" ON {self.preparer.format_table(table)} (", 1)


class SingleFileDialect(SingleFileReflection):
    """SQLite with all schemas in one file."""

    ddl_compiler = _SingleFileDDLCompiler
    supports_statement_cache = True


registry.register("sqlite.single_file", __name__, SingleFileDialect.__name__)


def sqlite_engine(path: str | Path, *, read_only: bool = False) -> sa.Engine:
    """Open a file for schema changes: real transactions, foreign keys on, names rewritten.

    Transactions begin with the write lock, so that two migrations of one file wait for each other instead of failing.
    A `read_only` engine takes no lock and cannot write.
    """
    engine = sa.create_engine(sa.URL.create("sqlite+single_file", database=str(path)), poolclass=sa.NullPool)
    sa.event.listen(engine, "connect", _prepare_reading if read_only else _prepare_writing)
    sa.event.listen(engine, "begin", _begin_reading if read_only else _begin_writing)
    sa.event.listen(engine, "before_cursor_execute", _rewrite_names, retval=True)
    return engine


@contextmanager
def under(connection: Connection, policy: Policy) -> Iterator[None]:
    """Let a policy decide what the connection's statements may do; the core's own holds again afterwards."""
    driver: Any = connection.connection.dbapi_connection

    def begin(*_: object) -> None:
        policy.begin()

    sa.event.listen(connection, "before_cursor_execute", begin)
    driver.set_authorizer(policy)
    try:
        yield
    finally:
        driver.set_authorizer(SchemaPolicy())
        sa.event.remove(connection, "before_cursor_execute", begin)


def _prepare_writing(connection: DBAPIConnection, _record: object) -> None:
    _prepare(connection, _PRAGMAS)


def _prepare_reading(connection: DBAPIConnection, _record: object) -> None:
    _prepare(connection, ("query_only=ON", "busy_timeout=10000"))


def _prepare(connection: Any, pragmas: tuple[str, ...]) -> None:
    # The driver would otherwise commit before schema changes; from here on only "begin" opens transactions.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.set_authorizer(SchemaPolicy())


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _rewrite_names(
    _connection: Connection, _cursor: object, statement: str, parameters: T, *_rest: object
) -> tuple[str, T]:
    return sqlite_text(statement), parameters
