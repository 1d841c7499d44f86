"""What the unit of work needs of a database connection, the same on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeVar
    from uuid import UUID

    from sqlalchemy.engine import Dialect

    from crm_core.db.rights import PluginRights
    from crm_core.db.statements import Statement

    T = TypeVar("T")


class Connection(Protocol):
    """One connection, used by one operation at a time; every call blocks only that operation.

    ``waited`` is the time in seconds that calls have spent waiting while other operations went on.
    """

    dialect: Dialect
    waited: float

    @property
    def rights(self) -> PluginRights | None:
        """Whose rights statements have at the moment; None: the core's."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    @property
    def lost(self) -> bool:
        """Whether the transaction that was opened has ended by itself, or has failed: nothing of it can be kept."""
        ...

    def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Run a statement and return its rows with Python values."""
        ...

    def execute(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """Run a statement and return the number of rows it touched."""
        ...

    def execute_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement once per set of values, in as few round trips as the driver can."""
        ...

    def execute_together(self, writes: Sequence[tuple[Statement, Mapping[str, Any]]], *, guard: bool) -> bool:
        """Run several writes as one; with ``guard``, return False (nothing kept) if the first touches no row."""
        ...

    def begin(self) -> None:
        """Open a transaction."""
        ...

    def commit(self) -> None:
        """Commit it."""
        ...

    def rollback(self) -> None:
        """Roll it back; harmless without one."""
        ...

    def savepoint(self, name: str) -> None:
        """Open a savepoint."""
        ...

    def release(self, name: str) -> None:
        """Release a savepoint."""
        ...

    def rollback_to(self, name: str) -> None:
        """Roll back to a savepoint and release it."""
        ...

    def become(self, rights: PluginRights | None) -> None:
        """Run the statements that follow with a plugin's rights, inside the open transaction; None: with the core's.

        Rolling back to a savepoint brings back the rights that held when it was opened.
        """
        ...

    def aside(self, function: Callable[[Connection], T]) -> T:
        """Run a function in a short transaction of its own, so that nobody waits for this one to end.

        On SQLite, where one transaction writes at a time anyway, it joins the present one.
        """
        ...

    def call_in_thread(self, function: Callable[[], T]) -> T:
        """Run a function that may block where it stalls no other operation, and wait for it."""
        ...


class Database(Protocol):
    """A database: runs plain functions over a connection without stalling the event loop."""

    dialect: Dialect

    async def run(self, function: Callable[[Connection], T], *, tenant_id: UUID | None, write: bool) -> T:
        """Run ``function`` with a connection bound to the tenant (None: maintenance over all tenants)."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
