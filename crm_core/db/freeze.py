"""For developers of the core: write the first migration of the core and the platform from the tables.

`python -m crm_core.db.freeze` is for the time before the first release. A released script is never written again:
later changes are scripts of their own, written by hand, and this module refuses to run once there are any.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from crm_core.db.names import sqlite_text
from crm_core.db.sqlite_ddl import SingleFileDialect
from crm_core.schema import core, platform
from crm_core.schema.row_security import row_security

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa
    from sqlalchemy.engine import Dialect

__all__ = ["freeze", "postgresql_script", "sqlite_script"]

_MIGRATIONS = Path(__file__).parent / "migrations"
_FIRST = "0001_initial"


def postgresql_script(metadata: sa.MetaData) -> str:
    """Give the tables, indexes and row security for PostgreSQL; the schema exists before a migration runs."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return _script([*_tables(metadata, dialect), *row_security(metadata)])


def sqlite_script(metadata: sa.MetaData) -> str:
    """Give the tables and indexes for SQLite."""
    return _script([sqlite_text(statement) for statement in _tables(metadata, SingleFileDialect())])


def freeze(target: Path = _MIGRATIONS) -> list[Path]:
    """Write the first scripts of both, and return their paths."""
    written: list[Path] = []
    for name, metadata in (("core", core), ("platform", platform)):
        versions = target / name / "versions"
        later = sorted(file.name for file in versions.glob("*.sql") if not file.name.startswith(_FIRST))
        if later:
            raise RuntimeError(
                f"{versions} has migrations after {_FIRST} ({later[0]}): write the change as the next one"
            )
        for dialect, script in (("postgresql", postgresql_script(metadata)), ("sqlite", sqlite_script(metadata))):
            file = versions / f"{_FIRST}.{dialect}.sql"
            file.write_text(script, encoding="utf-8")
            written.append(file)
    return written


def _tables(metadata: sa.MetaData, dialect: Dialect) -> Iterator[str]:
    for table in metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=dialect))


def _script(statements: list[str]) -> str:
    # Trailing blanks and tabs would be changed by editors, and a changed script is a broken promise.
    tidy = ("\n".join(line.rstrip() for line in statement.strip().splitlines()) for statement in statements)
    return "".join(f"{statement.expandtabs(4)};\n\n" for statement in tidy).rstrip("\n") + "\n"


if __name__ == "__main__":
    freeze()
