"""Standing between a plugin's revisions and the database for the time they run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import sqlalchemy as sa

from crm_core.plugin_host.migrations.allowed import require_allowed
from crm_core.plugin_host.migrations.references import referring
from crm_core.plugin_host.migrations.refusal import ONE_TRANSACTION, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from crm_core.errors import PluginError

__all__ = ["only_allowed"]

# Each with what it is called in the message; savepoints are statements, and refused as such.
_OF_CONNECTION = {"commit": "commit", "rollback": "roll back", "begin": "begin a transaction"}
_OF_ENGINE = ("do_execute", "do_executemany", "do_execute_no_params")


@contextmanager
def only_allowed(connection: Connection, plugin: str, label: str) -> Iterator[None]:
    """Let nothing but allowed statements through to the database while what is inside runs.

    Every text is seen as the driver gets it, whichever way a revision sends it. A refusal cannot be swallowed: it is
    raised again at the end. A revision that takes the driver's own connection out of SQLAlchemy's is not seen; only
    plugins that are trusted run here in process, and the rights of the connection hold for them, too.
    """
    watch = _Watch(connection, plugin, label)
    listeners = list(watch.listeners())
    for target, name, function in listeners:
        sa.event.listen(target, name, function)
    try:
        yield
    finally:
        for target, name, function in reversed(listeners):
            sa.event.remove(target, name, function)
        if watch.refused is not None:
            raise watch.refused


class _Watch:
    """One migration of one plugin."""

    def __init__(self, connection: Connection, plugin: str, label: str) -> None:
        self.refused: PluginError | None = None
        self._connection = connection
        self._plugin = plugin
        self._label = label
        self._looking = False

    def listeners(self) -> Iterator[tuple[object, str, Callable[..., None]]]:
        """Yield whom to listen to, for what, and what to call."""
        engine = self._connection.engine
        for name in _OF_ENGINE:
            yield engine, name, self._no_values if name.endswith("no_params") else self._statement
        yield engine, "checkout", self._connect
        for name, what in _OF_CONNECTION.items():
            yield self._connection, name, self._transaction(what)

    def _no_values(self, _cursor: object, statement: str, _context: object) -> None:
        self._require(statement)

    def _statement(self, _cursor: object, statement: str, _values: object, _context: object) -> None:
        self._require(statement)

    def _connect(self, *_about: object) -> None:
        self._refuse("open a connection of its own", "use op.get_bind()")

    def _transaction(self, what: str) -> Callable[..., None]:
        def refuse(*_about: object) -> None:
            self._refuse(what, ONE_TRANSACTION)

        return refuse

    def _require(self, statement: str) -> None:
        if self._looking:
            return
        try:
            dropped = require_allowed(statement, self._plugin, self._label, self._connection.dialect.name)
        except Exception as refused:
            self._keep(refused)
            raise
        for table in dropped:
            self._require_alone(table, statement)

    def _require_alone(self, table: str, statement: str) -> None:
        """Refuse to drop a table that others refer to: SQLite would delete their rows, without a word."""
        self._looking = True
        try:
            others = referring(self._connection, self._plugin, table)
        finally:
            self._looking = False
        if others:
            self._refuse(
                f"drop {table} while {', '.join(others)} refers to it",
                "drop the reference first; on SQLite a batch drops the table, so add columns with op.add_column",
                statement,
            )

    def _refuse(self, what: str, instead: str, statement: str = "") -> NoReturn:
        refused = refusal(self._label, what, instead, statement)
        self._keep(refused)
        raise refused

    def _keep(self, refused: Exception) -> None:
        if self.refused is None:
            self.refused = refused  # type: ignore[assignment]
