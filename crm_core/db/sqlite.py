"""SQLite through the standard library: one writer thread, a few reader threads, one file in WAL mode."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from crm_core.db.statements import SQLITE
from crm_core.db.texts import lower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar
    from uuid import UUID

    from crm_core.db.connection import Connection
    from crm_core.db.rights import PluginRights
    from crm_core.db.statements import Statement

    T = TypeVar("T")

_READERS = 4
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "temp_store=MEMORY")


class SqliteConnection:
    """One connection; it is used by one thread at a time."""

    dialect = SQLITE

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Open the file; ``read_only`` refuses writes by PRAGMA query_only."""
        self._driver = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=1024)
        for pragma in (*_PRAGMAS, *(["query_only=ON"] if read_only else [])):
            self._driver.execute(f"PRAGMA {pragma}")
        self._driver.create_function("crm_lower", 1, lower, deterministic=True)
        self.waited = 0.0
        self.rights: PluginRights | None = None

    @property
    def in_transaction(self) -> bool:
        """Tell what SQLite itself says: an interrupted write may have ended the transaction."""
        return self._driver.in_transaction

    def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Run a statement and return its rows with Python values."""
        prepared = statement.on(SQLITE)
        return prepared.decode(self._driver.execute(prepared.text, prepared.bind(values)).fetchall())

    def execute(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """Run a statement and return the number of rows it touched."""
        prepared = statement.on(SQLITE)
        return self._driver.execute(prepared.text, prepared.bind(values)).rowcount

    def execute_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement once per set of values."""
        prepared = statement.on(SQLITE)
        self._driver.executemany(prepared.text, (prepared.bind(each) for each in values))

    def execute_together(self, writes: Sequence[tuple[Statement, Mapping[str, Any]]], *, guard: bool) -> bool:
        """Run several writes in the open transaction, or in one of their own."""
        if self.in_transaction:
            return self._each(writes, guard=guard)
        self.begin()
        try:
            kept = self._each(writes, guard=guard)
        except BaseException:
            self.rollback()
            raise
        if kept:
            self.commit()
        else:
            self.rollback()
        return kept

    def _each(self, writes: Sequence[tuple[Statement, Mapping[str, Any]]], *, guard: bool) -> bool:
        for index, (statement, values) in enumerate(writes):
            if not self.execute(statement, values) and guard and index == 0:
                return False
        return True

    def begin(self) -> None:
        """Open a transaction that may write; other processes' writers are waited for."""
        self._driver.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit it."""
        self._driver.execute("COMMIT")

    def rollback(self) -> None:
        """Roll it back; harmless without one."""
        if self._driver.in_transaction:
            self._driver.execute("ROLLBACK")

    def savepoint(self, name: str) -> None:
        """Open a savepoint."""
        self._driver.execute(f"SAVEPOINT {name}")

    def release(self, name: str) -> None:
        """Release a savepoint."""
        self._driver.execute(f"RELEASE SAVEPOINT {name}")

    def rollback_to(self, name: str) -> None:
        """Roll back to a savepoint and release it."""
        self._driver.execute(f"ROLLBACK TO SAVEPOINT {name}")
        self._driver.execute(f"RELEASE SAVEPOINT {name}")

    def become(self, rights: PluginRights | None) -> None:
        """Change whose rights statements have."""
        self.rights = rights

    def aside(self, function: Callable[[Connection], T]) -> T:
        """Run it in the present transaction: nobody else can write meanwhile."""
        if not self.in_transaction:
            self.begin()
        return function(self)

    def call_in_thread(self, function: Callable[[], T]) -> T:
        """Run it here: this already is a worker thread."""
        return function()

    def close(self) -> None:
        """Close the file."""
        self._driver.close()


class SqliteDatabase:
    """One file: writes wait their turn in one thread, so that no client ever meets a locked database."""

    dialect = SQLITE

    def __init__(self, path: Path) -> None:
        """Open the file, which must have been migrated."""
        self._writer = SqliteConnection(path, read_only=False)
        self._readers: queue.SimpleQueue[SqliteConnection] = queue.SimpleQueue()
        for _ in range(_READERS):
            self._readers.put(SqliteConnection(path, read_only=True))
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="crm-writer")
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="crm-reader")

    async def run(self, function: Callable[[Connection], T], *, tenant_id: UUID | None, write: bool) -> T:
        """Run ``function`` in the writer thread or in a reader thread."""
        del tenant_id
        loop = asyncio.get_running_loop()
        context = copy_context()
        if write:
            return await loop.run_in_executor(self._writing, context.run, self._write, function)
        return await loop.run_in_executor(self._reading, context.run, self._read, function)

    def _write(self, function: Callable[[Connection], T]) -> T:
        try:
            return function(self._writer)
        finally:
            self._writer.rollback()

    def _read(self, function: Callable[[Connection], T]) -> T:
        connection = self._readers.get()
        try:
            return function(connection)
        finally:
            connection.rollback()
            self._readers.put(connection)

    async def close(self) -> None:
        """Finish what is running and close the file."""
        self._writing.shutdown()
        self._reading.shutdown()
        self._writer.close()
        while not self._readers.empty():
            self._readers.get().close()
