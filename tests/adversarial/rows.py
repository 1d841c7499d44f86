"""Every row and every definition of a database outside the attacking plugin's own, read past the core."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from tests.adversarial.catalog import ON_POSTGRES, ON_SQLITE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Rows = dict[str, frozenset[str]]
_OWN = "plg_attacker"
CATALOG = "catalog"
_TABLES = """
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND (n.nspname IN ('core', 'plat') OR n.nspname LIKE 'plg\\_%') ORDER BY 1
"""


def all_rows(url: str, other_tenant: str) -> Rows:
    """Return the rows of every table as JSON texts; of the attacker's own tables only another tenant's.

    What the database's catalog says of everything else is a table among them, named ``CATALOG``.
    """
    read = _of_sqlite(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else asyncio.run(_of_postgres(url))
    return {
        table: frozenset(row for row in rows if not table.startswith(_OWN) or other_tenant in row)
        for table, rows in read.items()
        if "alembic_version" not in table
    }


def _of_sqlite(file: str) -> Mapping[str, list[str]]:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        names = [name for (name,) in connection.execute(query)]
        read = {name: [_text(row) for row in connection.execute(f'SELECT * FROM "{name}"')] for name in names}  # noqa: S608 - as below
        return read | {CATALOG: [_text(row) for row in connection.execute(ON_SQLITE)]}
    finally:
        connection.close()


async def _of_postgres(url: str) -> Mapping[str, list[str]]:
    connection = await asyncpg.connect(url)
    try:
        names = [row[0] for row in await connection.fetch(_TABLES)]
        read = {name: [_text(row) for row in await connection.fetch(f"SELECT * FROM {name}")] for name in names}  # noqa: S608 - the catalog's own names
        return read | {CATALOG: [_text(row) for query in ON_POSTGRES for row in await connection.fetch(query)]}
    finally:
        await connection.close()


def _text(row: Iterable[object]) -> str:
    # SQLite keeps ids as 32 digits.
    return json.dumps([value.hex if isinstance(value, UUID) else str(value) for value in row])
