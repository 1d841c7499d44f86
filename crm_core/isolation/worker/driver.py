"""A database driver that has no database: it hands each statement to the host and gives back what the host says.

It has what SQLAlchemy asks of a driver (PEP 249) and no more. A module can be such a driver; this is that module.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Execute = Callable[[str, Any], Mapping[str, Any]]

__all__ = ["Connection", "Cursor"]

# What PEP 249 wants to be named like this.
apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"
version = sqlite_version = sqlite3.sqlite_version
version_info = sqlite_version_info = sqlite3.sqlite_version_info
Binary = bytes


class Error(Exception):
    """What the host or its database said against a statement."""


class Warning(Error):  # noqa: A001 - the name is PEP 249's
    """Never raised; SQLAlchemy looks for the name."""


class InterfaceError(Error):
    """Never raised; SQLAlchemy looks for the name."""


class DatabaseError(Error):
    """A statement that was not executed."""


class DataError(DatabaseError):
    """Never raised; SQLAlchemy looks for the name."""


class OperationalError(DatabaseError):
    """Never raised; SQLAlchemy looks for the name."""


class IntegrityError(DatabaseError):
    """Never raised; SQLAlchemy looks for the name."""


class InternalError(DatabaseError):
    """Never raised; SQLAlchemy looks for the name."""


class ProgrammingError(DatabaseError):
    """Never raised; SQLAlchemy looks for the name."""


class NotSupportedError(DatabaseError):
    """Something that a migration in a worker cannot do."""


class Connection:
    """The one connection of a migration; its transaction is the host's."""

    def __init__(self, execute: Execute) -> None:
        """Send statements with this function."""
        self.send = execute
        self.isolation_level = ""
        self.autocommit = False
        self.running = False
        self.refused: Exception | None = None

    def cursor(self, *_: object) -> Cursor:
        """Return a cursor."""
        return Cursor(self)

    def commit(self) -> None:
        """Refuse: the host commits, when all is well."""
        self._refuse("commit")

    def rollback(self) -> None:
        """Refuse while revisions run; before and after there is nothing to do."""
        if self.running:
            self._refuse("roll back")

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _refuse(self, what: str) -> None:
        message = (
            f"a migration may not {what}: all revisions run in one transaction, which the host begins and ends;"
            " leave this out"
        )
        self.refused = self.refused or NotSupportedError(message)
        raise self.refused


class Cursor:
    """One statement and its rows."""

    arraysize = 1
    lastrowid = None

    def __init__(self, connection: Connection) -> None:
        """Belong to a connection."""
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1

    def execute(self, text: str, values: Sequence[Any] | Mapping[str, Any] | None = None) -> Cursor:
        """Let the host execute a statement."""
        try:
            answer = self._connection.send(text, dict(values) if isinstance(values, Mapping) else list(values or ()))
        except Exception as error:
            raise DatabaseError(str(error)) from error
        columns = answer["columns"]
        self.description = [(name, kind, None, None, None, None, None) for name, kind in columns] if columns else None
        self._rows = [tuple(row) for row in answer["rows"]]
        self.rowcount = answer["count"]
        return self

    def executemany(self, text: str, many: Iterable[Sequence[Any] | Mapping[str, Any]]) -> Cursor:
        """Let the host execute a statement for each of many rows."""
        changed = 0
        for values in many:
            self.execute(text, values)
            changed += max(self.rowcount, 0)
        self.rowcount = changed
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Return some rows."""
        count = self.arraysize if size is None else size
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        taken, self._rows = self._rows, []
        return taken

    def setinputsizes(self, *_: object) -> None:
        """Do nothing: parameters carry their types in the statement."""

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []
