"""Databases: connections, statements, units of work and migrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crm_core.db.urls import problem_of

if TYPE_CHECKING:
    from crm_core.db.connection import Database

_SQLITE = "sqlite:///"


async def open_database(url: str, *, pool_size: int = 16) -> Database:
    """Open the database behind the URL (``sqlite:///file`` or ``postgresql://…``)."""
    problem = problem_of(url)
    if problem is not None:
        raise ValueError(problem)
    if url.startswith(_SQLITE):
        from crm_core.db.sqlite import SqliteDatabase  # noqa: PLC0415 - only the database in use is imported

        return SqliteDatabase(Path(url.removeprefix(_SQLITE)))
    from crm_core.db.postgres import PostgresDatabase  # noqa: PLC0415 - only the database in use is imported

    return await PostgresDatabase.open(url, pool_size=pool_size)
