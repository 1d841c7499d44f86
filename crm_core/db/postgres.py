"""PostgreSQL through asyncpg: plain functions run in a greenlet and wait on the event loop."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
from sqlalchemy.util import await_only, greenlet_spawn

from crm_core.db.controls import Controls
from crm_core.db.denials import only_rows
from crm_core.db.roles import Roles, quoted
from crm_core.db.roles.session import AT_CONNECT
from crm_core.db.statements import POSTGRES, merged_text
from crm_core.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from typing import TypeVar

    from crm_core.db.connection import Connection
    from crm_core.db.rights import PluginRights
    from crm_core.db.statements import Prepared, Statement

    T = TypeVar("T")

_SCOPE = "SELECT set_config('crm.tenant', $1, false), set_config('crm.maintenance', $2, false)"
# All a plugin's statement can be: nothing that changes the session, its rights or what there is.
_ROWS_ONLY = re.compile(r"[\s(]*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.IGNORECASE)


class _Driver(asyncpg.Connection):  # type: ignore[misc]
    """asyncpg's connection, remembering the tenant that row security is set to and the roles in use."""

    __slots__ = ("roles", "scope")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope: UUID | str | None = ""
        self.roles: Roles | None = None

    async def run(self, text: str, *values: Any) -> str:
        """Run one statement and return its status; unlike ``execute`` it takes no second one behind a semicolon."""
        _, status, _ = await self._execute(text, values, 0, None, return_status=True)
        return str(status.decode())


class PostgresConnection:
    """One connection; its methods are called from a greenlet or from a worker thread of one operation."""

    dialect = POSTGRES

    def __init__(self, driver: _Driver, database: PostgresDatabase) -> None:
        """Wrap a connection that belongs to this operation until it ends."""
        self._driver = driver
        self._database = database
        self._loop = database.loop
        self._threads = database.threads
        self._loop_thread = threading.get_ident()
        self._controls = Controls(driver.roles)
        self._failed = False
        self.waited = 0.0

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open for the operation, said to the server or not yet."""
        return self._controls.in_transaction

    @property
    def lost(self) -> bool:
        """Whether a statement has failed since the last savepoint there was: the server takes no other one."""
        return self._failed

    @property
    def rights(self) -> PluginRights | None:
        """Whose rights the next statement has."""
        return self._controls.rights

    def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Run a statement and return its rows with Python values."""
        prepared = self._ready(statement.on(POSTGRES))
        return prepared.decode(self._wait(self._driver.fetch(prepared.text, *prepared.bind(values))))

    def execute(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """Run a statement and return the number of rows it touched."""
        prepared = self._ready(statement.on(POSTGRES))
        status: str = self._wait(self._driver.run(prepared.text, *prepared.bind(values)))
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0

    def execute_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement once per set of values, pipelined."""
        prepared = self._ready(statement.on(POSTGRES))
        self._wait(self._driver.executemany(prepared.text, [prepared.bind(each) for each in values]))

    def execute_together(self, writes: Sequence[tuple[Statement, Mapping[str, Any]]], *, guard: bool) -> bool:
        """Run several writes as one statement, in one round trip (two where a guard meets an open transaction)."""
        if guard and self.in_transaction:
            # A failing guard must leave the transaction usable: its savepoint may be somebody else's.
            if not self.execute(*writes[0]):
                return False
            writes, guard = writes[1:], False
            if not writes:
                return True
        prepared = tuple(self._ready(statement.on(POSTGRES)) for statement, _ in writes)
        values = [value for item, (_, given) in zip(prepared, writes, strict=True) for value in item.bind(given)]
        try:
            self._wait(self._driver.fetch(merged_text(prepared, guard), *values))
        except asyncpg.DivisionByZeroError:
            if guard:
                return False
            raise
        return True

    def begin(self) -> None:
        """Open a transaction, with the next statement."""
        self._controls.begin()

    def commit(self) -> None:
        """Commit it."""
        text = self._controls.committing()
        if text is None:
            self._ended()
            return
        # Only an answer ends it: a COMMIT that was cancelled may have left the transaction open.
        status = self._wait(self._driver.execute(text))
        self._ended()
        if status != "COMMIT":
            message = f"COMMIT answered {status}: the transaction had failed before and nothing of it was kept"
            raise asyncpg.InFailedSQLTransactionError(message)

    def rollback(self) -> None:
        """Roll it back; harmless without one."""
        text = self._controls.rolling_back()
        self._ended()
        if text is not None and not self._driver.is_closed():
            self._wait(self._driver.execute(text))

    def savepoint(self, name: str) -> None:
        """Open a savepoint, with the next statement."""
        self._controls.savepoint(name)

    def release(self, name: str) -> None:
        """Release a savepoint, with the next statement."""
        self._controls.release(name)

    def rollback_to(self, name: str) -> None:
        """Roll back to a savepoint and release it; the rights that held when it was opened hold again."""
        text = self._controls.rollback_to(name)
        if text is not None:
            self._wait(self._driver.execute(text))
            self._failed = False

    def become(self, rights: PluginRights | None) -> None:
        """Change whose rights statements have, with the next one."""
        self._controls.become(rights)

    def aside(self, function: Callable[[Connection], T]) -> T:
        """Run it on another connection, in a transaction that commits at once."""

        def committed(connection: Connection) -> T:
            connection.begin()
            value = function(connection)
            connection.commit()
            return value

        scope = self._driver.scope
        tenant_id = scope if isinstance(scope, UUID) else None
        result: T = self._wait(self._database.run_aside(committed, tenant_id))
        return result

    def call_in_thread(self, function: Callable[[], T]) -> T:
        """Run a function in a worker thread while the event loop serves other requests."""
        if threading.get_ident() != self._loop_thread:
            return function()
        context = copy_context()
        result: T = self._wait(_as_coroutine(self._loop.run_in_executor(self._threads, context.run, function)))
        return result

    def _ended(self) -> None:
        self._controls.ended()
        self._failed = False

    def _ready(self, prepared: Prepared) -> Prepared:
        """Return a statement that may run, and has everything said that has to be said before it."""
        if self.rights is not None and not _ROWS_ONLY.match(prepared.text):
            raise only_rows(self.rights, prepared.text)
        waiting = self._controls.take()
        if waiting is not None:
            self._wait(self._driver.execute(waiting))
        return prepared

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        started = time.perf_counter()
        try:
            if threading.get_ident() == self._loop_thread:
                return await_only(coroutine)
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        except asyncpg.PostgresError:
            self._failed = self.in_transaction
            raise
        finally:
            self.waited += time.perf_counter() - started


async def _as_coroutine(future: asyncio.Future[T]) -> T:
    """Wait for a worker thread, to its end also when cancelled: until then it may use the connection."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        raise


class PostgresDatabase:
    """A pool of connections to one PostgreSQL database."""

    dialect = POSTGRES

    def __init__(self, pool: asyncpg.Pool[Any], side_pool: asyncpg.Pool[Any]) -> None:
        """Use ``open`` instead; the pools must come from there."""
        self._pool = pool
        self._side_pool = side_pool
        self.loop = asyncio.get_running_loop()
        self.threads = ThreadPoolExecutor(8, thread_name_prefix="crm-hook")

    @classmethod
    async def open(cls, url: str, *, pool_size: int) -> PostgresDatabase:
        """Connect; nothing is reset between uses, because the unit of work always ends its transaction."""
        return cls(await _pool(url, pool_size), await _pool(url, 2))

    async def run(self, function: Callable[[Connection], T], *, tenant_id: UUID | None, write: bool) -> T:
        """Run ``function`` in a greenlet; reads and writes alike."""
        del write
        return await self._run(self._pool, function, tenant_id)

    async def run_aside(self, function: Callable[[Connection], T], tenant_id: UUID | None) -> T:
        """Run ``function`` on a connection kept for short transactions, which cannot be used up by requests."""
        return await self._run(self._side_pool, function, tenant_id)

    async def _run(self, pool: asyncpg.Pool[Any], function: Callable[[Connection], T], tenant_id: UUID | None) -> T:
        async with pool.acquire() as proxy:
            driver: _Driver = proxy._con  # noqa: SLF001 - the proxy hides the attribute of our own class
            if driver.scope != tenant_id:
                driver.scope = ""
                await driver.fetch(_SCOPE, str(tenant_id or ""), "" if tenant_id else "on")
                driver.scope = tenant_id
            connection = PostgresConnection(driver, self)
            try:
                return await greenlet_spawn(function, connection)
            finally:
                # The driver knows best: a statement that was cancelled may have opened or ended the transaction.
                if not driver.is_closed() and driver.is_in_transaction():
                    await driver.execute("ROLLBACK")

    async def close(self) -> None:
        """Close every connection."""
        self.threads.shutdown(wait=False)
        await self._side_pool.close()
        await self._pool.close()


async def _pool(url: str, size: int) -> asyncpg.Pool[Any]:
    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        init=_take_role,
        reset=_keep,
        connection_class=_Driver,
        statement_cache_size=1024,
        server_settings={"application_name": "crm-core", "jit": "off", "timezone": "UTC", "search_path": "pg_catalog"},
    )


async def _take_role(driver: _Driver) -> None:
    """Act as the server's role where core and platform belong to roles; the login itself need not have any rights."""
    found = await driver.fetchrow(AT_CONNECT)
    if found is None:
        return
    roles = Roles(found[0])
    if not found[1]:
        message = (
            f"the login {found[2]} may not act as {roles.app}, which reads and writes the tables;"
            f" run crm harden --login {found[2]}, or let a superuser say: GRANT {roles.app} TO {found[2]}"
        )
        raise DatabaseError(message)
    await driver.execute(f"SET ROLE {quoted(roles.app)}")
    driver.roles = roles


async def _keep(_: Any) -> None:
    """Leave the connection as it is when it returns to the pool."""
