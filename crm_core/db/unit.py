"""The unit of work: one operation of one actor, committed once at the edge or not at all.

Writes are staged first. A single record's writes that nobody needs to see before the end go to the
database as one autocommitted statement; anything more opens a transaction.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from crm_core.db.denials import lost
from crm_core.db.failures import translated
from crm_core.db.merging import merged, runs
from crm_core.errors import CoreTransactionLost
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from uuid import UUID

    from crm_core.actors import Actor
    from crm_core.db.connection import Connection
    from crm_core.db.rights import PluginRights
    from crm_core.db.statements import Statement


class Write(NamedTuple):
    """One staged statement with its values by parameter name."""

    statement: Statement
    values: Mapping[str, Any]


@dataclass(slots=True)
class RecordWrite:
    """The writes of one record: its own row first where it is guarded, then what goes with it.

    ``on_stale`` is called when the guarded first write touched no row; it returns the error to raise.
    """

    writes: list[Write]
    on_stale: Callable[[], Exception] | None = None


@dataclass(slots=True)
class UnitOfWork:
    """One operation: who, for which tenant, when, over which connection.

    ``announce`` makes this process forget what it remembers of keys, permissions and plugins.
    """

    connection: Connection
    actor: Actor
    request_id: str
    announce: Callable[[], None] = lambda: None
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    _staged: list[RecordWrite] = field(default_factory=list)
    _on_commit: list[Callable[[], None]] = field(default_factory=list)
    _savepoints: int = 0

    @property
    def tenant_id(self) -> UUID:
        """The tenant every statement of this operation is bound to."""
        return self.actor.tenant_id

    @property
    def begun(self) -> bool:
        """Whether anything has been written or a transaction opened: something that a failure could drop."""
        return bool(self._staged) or self.connection.in_transaction

    @property
    def for_core(self) -> Connection:
        """The connection with the core's rights, for statements that see what they must see without a flush."""
        self.require_alive()
        self._become(None)
        return self.connection

    def acting_as(self, actor: Actor) -> UnitOfWork:
        """Return the same unit of work with another actor of the same tenant (a plugin, for one)."""
        return replace(self, actor=actor)

    def stage(self, write: RecordWrite) -> None:
        """Keep the writes of one record for the next flush or the commit."""
        self._staged.append(write)

    def begin(self) -> None:
        """Open the transaction if it is not open yet; a second one would keep half an operation."""
        self.require_alive()
        if not self.connection.in_transaction:
            self.connection.begin()

    def flush(self) -> None:
        """Send staged writes inside the transaction, so that later statements see them."""
        if not self._staged:
            return
        self.begin()
        self._become(None)
        staged = list(self._staged)
        self._staged.clear()
        for run in runs(staged):
            if len(run) == 1:
                self._send(run[0])
            else:
                self._send_merged(run)

    def fetch(
        self, statement: Statement, values: Mapping[str, Any], rights: PluginRights | None = None
    ) -> list[Sequence[Any]]:
        """Run a read with the core's or a plugin's rights; it sees everything this unit has written."""
        self.require_alive()
        self.flush()
        self._become(rights)
        with translated(self.connection, ()):
            return self.connection.fetch(statement, {"tenant_id": self.tenant_id, **values})

    def fetch_one(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Run a read and return its first row, None without rows."""
        rows = self.fetch(statement, values)
        return rows[0] if rows else None

    def execute(self, statement: Statement, values: Mapping[str, Any], rights: PluginRights | None = None) -> int:
        """Run a write at once, inside the transaction; return the number of rows it touched."""
        self.flush()
        self.begin()
        self._become(rights)
        bound = {"tenant_id": self.tenant_id, **values}
        with translated(self.connection, (Write(statement, bound),)):
            return self.connection.execute(statement, bound)

    def execute_many(self, statement: Statement, values: Iterable[Mapping[str, Any]]) -> None:
        """Run a write once per set of values, inside the transaction."""
        self.flush()
        self.begin()
        self._become(None)
        with translated(self.connection, ()):
            self.connection.execute_many(statement, values)

    def commit(self) -> None:
        """Make everything durable, or raise and keep nothing."""
        self.require_alive()
        if len(self._staged) == 1 and not self.connection.in_transaction:
            self._send(self._staged.pop())
        else:
            self.flush()
            self._become(None)
            if self.connection.in_transaction:
                with translated(self.connection, ()):
                    self.connection.commit()
        callbacks = list(self._on_commit)
        self._on_commit.clear()
        for callback in callbacks:
            callback()

    def rollback(self) -> None:
        """Drop everything."""
        self._staged.clear()
        self._on_commit.clear()
        self.connection.rollback()

    def require_alive(self, plugin: str = "the core", where: str = "a service") -> None:
        """Raise unless the transaction that was opened is as good as ever; the plugin has run meanwhile, in that place.

        Nothing is done with an operation whose transaction is lost, not even by those who caught the error.
        """
        if self.connection.lost:
            raise lost(plugin, where)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once the operation is durable."""
        self._on_commit.append(callback)

    def attempt(self, function: Callable[[], Any]) -> Any:
        """Run ``function`` in a savepoint: what it wrote is dropped if it raises, the rest stays."""
        self.flush()
        self.begin()
        self._savepoints += 1
        name = f"sp{self._savepoints}"
        self.connection.savepoint(name)
        try:
            result = function()
            self.flush()
        except CoreTransactionLost:
            self._staged.clear()
            raise
        except BaseException:
            self._staged.clear()
            # Not there to go back to where what was said before it has failed: then all is lost.
            with translated(self.connection, ()):
                self.connection.rollback_to(name)
            raise
        self.connection.release(name)
        return result

    def _become(self, rights: PluginRights | None) -> None:
        """Let the next statement run with these rights; a plugin has none outside a transaction."""
        if self.connection.rights != rights:
            if rights is not None:
                self.begin()
            self.connection.become(rights)

    def _send_merged(self, run: Sequence[RecordWrite]) -> None:
        for statement, writes in merged(run):
            with translated(self.connection, writes):
                self.connection.execute_many(statement, (write.values for write in writes))

    def _send(self, write: RecordWrite) -> None:
        guard = write.on_stale is not None
        with translated(self.connection, write.writes):
            kept = self.connection.execute_together(write.writes, guard=guard)
        if not kept and write.on_stale is not None:
            raise write.on_stale()


def new_request_id() -> str:
    """Return an id for an operation that came with none."""
    return new_id().hex
