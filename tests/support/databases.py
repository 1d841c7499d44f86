"""What a prepared test database contains, and copies of it."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

from crm_core.db.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def prepare_template(url: str) -> None:
    """Fill an empty database that every test of this session gets a copy of: core and platform at this version.

    Called once per pytest process and kind of database with a URL without a driver, `sqlite:////…/template.db` or
    `postgresql://…` (application role, owner of the database). It must close every connection it opened: PostgreSQL
    does not copy a database that is in use, and SQLite's unfinished log would be left behind.
    """
    migrate(url)


def sqlite_database_url(file: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{file.as_posix()}"


def build_sqlite_template(file: Path, prepare: Callable[[str], None]) -> Path:
    """Create the file, let `prepare` fill it through its URL, and make sure the file alone is the database."""
    file.touch()
    prepare(sqlite_database_url(file))
    connection = sqlite3.connect(file, timeout=0)
    try:
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.close()
    if busy:
        raise RuntimeError(f"{file} is still in use after prepare_template; close the connections it opened")
    return file


def clone_sqlite(template: Path, file: Path) -> str:
    """Copy the template file and return the copy's URL."""
    shutil.copyfile(template, file)
    return sqlite_database_url(file)
