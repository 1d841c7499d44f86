"""Databases: connections, statements, units of work and migrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crm_core.db.connection import Database

_SQLITE = "sqlite:///"


async def open_database(url: str, *, pool_size: int = 16) -> Database:
    """Open the database behind the URL (``sqlite:///file`` or ``postgresql://…``)."""
    if url.startswith(_SQLITE):
        from crm_core.db.sqlite import SqliteDatabase  # noqa: PLC0415 - only the database in use is imported

        return SqliteDatabase(Path(url.removeprefix(_SQLITE)))
    if url.startswith("postgresql://"):
        from crm_core.db.postgres import PostgresDatabase  # noqa: PLC0415 - only the database in use is imported

        return await PostgresDatabase.open(url, pool_size=pool_size)
    message = f"database URL {url!r}: write sqlite:///<file> or postgresql://<user>:<password>@<host>/<database>"
    raise ValueError(message)
