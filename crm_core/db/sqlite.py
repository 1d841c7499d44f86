"""SQLite through the standard library: one writer thread, a few reader threads, one file in WAL mode."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from crm_core.db import denials
from crm_core.db.sqlite_authorizer import NEVER, CorePolicy, Gate, PluginPolicy
from crm_core.db.statements import MARK, SQLITE
from crm_core.db.texts import lower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar
    from uuid import UUID

    from crm_core.db.connection import Connection
    from crm_core.db.rights import PluginRights
    from crm_core.db.sqlite_authorizer import Policy
    from crm_core.db.statements import Statement

    T = TypeVar("T")

_READERS = 4
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "temp_store=MEMORY")
# Larger than anything the core sends or keeps, far from what would stall or exhaust the process.
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 64 * 2**20,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 2**20,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 32_766,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
# Steps of SQLite's virtual machine between two looks at the clock: about a millisecond.
_STEPS = 10_000


class SqliteConnection:
    """One connection; it is used by one thread at a time.

    What its statements may do is decided by SQLite, which asks the policy of the rights that hold. Transactions and
    savepoints are the core's business whoever's rights hold.

    SQLite asks when it prepares a statement, and the driver keeps what is prepared by its text. Therefore the texts of
    each plugin's statements begin with a mark of their own: none of them is ever run with other rights than it was
    prepared with, and changing rights costs next to nothing, because nothing has to be prepared again.
    """

    dialect = SQLITE

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Open the file; ``read_only`` refuses writes by PRAGMA query_only, and never waits for a writer."""
        self._driver = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=1024)
        for pragma in (*_PRAGMAS, *(["query_only=ON"] if read_only else [])):
            self._driver.execute(f"PRAGMA {pragma}")
        for limit, most in _LIMITS.items():
            self._driver.setlimit(limit, most)
        self._driver.create_function("crm_lower", 1, lower, deterministic=True)
        self._opening = "BEGIN" if read_only else "BEGIN IMMEDIATE"
        self.waited = 0.0
        self.rights: PluginRights | None = None
        self._begun = False
        self._savepoints: list[tuple[str, PluginRights | None]] = []
        core = CorePolicy()
        self._sides: dict[PluginRights | None, tuple[Policy, str]] = {None: (core, "")}
        self._gate = Gate(core)
        self._entered: PluginRights | None = None
        self._mark = ""
        self._driver.set_authorizer(self._gate)
        self._driver.set_progress_handler(self._gate.is_late, _STEPS)

    @property
    def in_transaction(self) -> bool:
        """Tell what SQLite itself says: an interrupted write may have ended the transaction."""
        return self._driver.in_transaction

    @property
    def lost(self) -> bool:
        """Whether the transaction that was opened has ended without having been asked to."""
        return self._begun and not self._driver.in_transaction

    def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Run a statement and return its rows with Python values."""
        prepared = statement.on(SQLITE)
        bound = prepared.bind(values)
        marked = self._marked(prepared.text)
        try:
            rows = self._driver.execute(marked, bound).fetchall()
        except sqlite3.DatabaseError as error:
            self._explain(error, prepared.text)
            raise
        return prepared.decode(rows)

    def execute(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """Run a statement and return the number of rows it touched."""
        prepared = statement.on(SQLITE)
        bound = prepared.bind(values)
        marked = self._marked(prepared.text)
        try:
            return self._driver.execute(marked, bound).rowcount
        except sqlite3.DatabaseError as error:
            self._explain(error, prepared.text)
            raise

    def execute_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement once per set of values."""
        prepared = statement.on(SQLITE)
        marked = self._marked(prepared.text)
        try:
            self._driver.executemany(marked, (prepared.bind(each) for each in values))
        except sqlite3.DatabaseError as error:
            self._explain(error, prepared.text)
            raise

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
        """Open a transaction; if it may write, other processes' writers are waited for."""
        if self.lost:
            raise denials.lost("the core", "a service")
        self._say(self._opening)
        self._begun = True

    def commit(self) -> None:
        """Commit it."""
        self._say("COMMIT")
        self._ended()

    def rollback(self) -> None:
        """Roll it back; harmless without one. The core's rights hold again."""
        try:
            if self._driver.in_transaction:
                self._say("ROLLBACK")
        finally:
            self._ended()

    def savepoint(self, name: str) -> None:
        """Open a savepoint."""
        self._say(f"SAVEPOINT {name}")
        self._savepoints.append((name, self.rights))

    def release(self, name: str) -> None:
        """Release a savepoint."""
        self._close(name)
        self._say(f"RELEASE SAVEPOINT {name}")

    def rollback_to(self, name: str) -> None:
        """Roll back to a savepoint and release it; the rights that held when it was opened hold again."""
        self.rights = self._close(name)
        self._say(f"ROLLBACK TO SAVEPOINT {name}")
        self._say(f"RELEASE SAVEPOINT {name}")

    def become(self, rights: PluginRights | None) -> None:
        """Change whose rights statements have, from the next one on."""
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

    def _marked(self, text: str) -> str:
        """Let the next statement be decided by the policy of the rights that hold; returns its text as theirs."""
        rights = self.rights
        if rights is not self._entered:
            self._enter(rights)
        self._gate.policy.begin()
        if rights is not None:
            self._gate.deadline = time.monotonic() + rights.statement_ms / 1000
        return self._mark + text

    def _say(self, command: str) -> None:
        """Run a command about the transaction, which no plugin's policy allows."""
        if self._entered is not None:
            self._enter(None)
        self._driver.execute(command)

    def _enter(self, rights: PluginRights | None) -> None:
        if rights is not None and rights not in self._sides:
            self._sides[rights] = (PluginPolicy(rights), MARK.format(len(self._sides)))
        self._gate.policy, self._mark = self._sides[rights]
        self._gate.deadline = NEVER
        self._entered = rights

    def _explain(self, error: sqlite3.DatabaseError, text: str) -> None:
        """Raise what the driver's error means, if it is about rights and limits."""
        policy = self._gate.policy
        if policy.explains(error):
            raise policy.refusal(text) from error
        code = getattr(error, "sqlite_errorcode", None)
        if self.rights is None:
            return
        if code == sqlite3.SQLITE_INTERRUPT:
            raise denials.too_slow(self.rights) from error
        if code == sqlite3.SQLITE_TOOBIG:
            raise denials.too_large(self.rights, str(error)) from error

    def _close(self, name: str) -> PluginRights | None:
        while True:
            found, rights = self._savepoints.pop()
            if found == name:
                return rights

    def _ended(self) -> None:
        self._begun = False
        self._savepoints.clear()
        self.rights = None
        if self._entered is not None:
            self._enter(None)


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
