"""The context of a plugin in a worker: the SDK's protocols over questions to the host.

The host answers each question with the very methods that a plugin in its own process calls, so that every check,
audit event and budget is the same. Nothing here protects anything: it is the plugin's own process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from crm_core.isolation.values import decode
from plugin_sdk import NotAllowed, Page, Record

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from crm_core.isolation.protocol import Facts

_DEFAULT_LIMIT = 50


class Host(Protocol):
    """The way to the host while a call is running."""

    def ask(self, kind: str, *arguments: Any) -> Any:
        """Send a question and return its answer, or raise the error that it ended with."""
        ...

    def log(self, level: int, text: str) -> None:
        """Send a line for the log."""
        ...


class WorkerContext:
    """See ``plugin_sdk.Context``; every use after its call has ended raises NotAllowed."""

    def __init__(self, host: Host, plugin: str, label: str, facts: Facts) -> None:
        self._host = host
        self._plugin = plugin
        self._label = label
        self._facts = facts
        self._settings: Mapping[str, Any] | None = None
        self._alive = True

    def close(self) -> None:
        """End the context with its call."""
        self._alive = False

    def ask(self, kind: str, *arguments: Any) -> Any:
        """Ask the host, as long as the call runs."""
        self._check_alive()
        return self._host.ask(kind, *arguments)

    def line(self, level: int, text: str) -> None:
        """Send a line for the log, as long as the call runs."""
        self._check_alive()
        self._host.log(level, text)

    @property
    def tenant_id(self) -> UUID:
        """The tenant of the operation."""
        self._check_alive()
        return self._facts.tenant_id

    @property
    def actor_id(self) -> UUID | None:
        """The principal who asked."""
        self._check_alive()
        return self._facts.actor_id

    @property
    def plugin(self) -> str:
        """The plugin's own id."""
        self._check_alive()
        return self._plugin

    @property
    def request_id(self) -> str:
        """The id of the request or job."""
        self._check_alive()
        return self._facts.request_id

    @property
    def now(self) -> datetime:
        """The time of the operation."""
        self._check_alive()
        return self._facts.now

    @property
    def settings(self) -> Mapping[str, Any]:
        """The tenant's settings of this plugin."""
        self._check_alive()
        if self._settings is None:
            self._settings = decode(self._facts.settings)
        return self._settings

    @property
    def api(self) -> WorkerApi:
        """The core's services, as this plugin."""
        self._check_alive()
        return WorkerApi(self)

    @property
    def sql(self) -> WorkerSql:
        """Own tables."""
        self._check_alive()
        return WorkerSql(self, self._label)

    @property
    def fields(self) -> WorkerFields:
        """Own fields."""
        self._check_alive()
        return WorkerFields(self)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines the host writes."""
        self._check_alive()
        from crm_core.isolation.worker.lines import logger_to  # noqa: PLC0415 - few calls log, and every worker starts

        return logger_to(self.line)

    def _check_alive(self) -> None:
        if not self._alive:
            message = f"plugin {self._label} used a context after its hook call had ended; never keep ctx"
            raise NotAllowed(message)


class WorkerApi:
    """See ``plugin_sdk.Api``."""

    def __init__(self, context: WorkerContext) -> None:
        self._ask = context.ask

    def get(self, record_type: str, record_id: UUID) -> Record:
        """Return one record."""
        record: Record = self._ask("api.get", record_type, record_id)
        return record

    def list(
        self,
        record_type: str,
        filters: Mapping[str, Any] | None = None,
        *,
        sort: str = "id",
        limit: int = _DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> Page:
        """Return one page of records."""
        page: Page = self._ask("api.list", record_type, dict(filters or {}), sort, limit, cursor)
        return page

    def create(self, record_type: str, values: Mapping[str, Any]) -> Record:
        """Create a record."""
        record: Record = self._ask("api.create", record_type, values)
        return record

    def update(
        self, record_type: str, record_id: UUID, values: Mapping[str, Any], *, version: int | None = None
    ) -> Record:
        """Change some fields of a record."""
        record: Record = self._ask("api.update", record_type, record_id, values, version)
        return record

    def delete(self, record_type: str, record_id: UUID) -> None:
        """Delete a record softly."""
        self._ask("api.delete", record_type, record_id)


class WorkerFields:
    """See ``plugin_sdk.Fields``."""

    def __init__(self, context: WorkerContext) -> None:
        self._ask = context.ask

    def get(self, record_type: str, record_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Any]]:
        """Return stored values by record id."""
        values: Mapping[UUID, Mapping[str, Any]] = self._ask("fields.get", record_type, list(record_ids))
        return values

    def set(self, record_type: str, record_id: UUID, values: Mapping[str, Any]) -> None:
        """Store some values of one record."""
        self._ask("fields.set", record_type, record_id, values)


class WorkerSql:
    """See ``plugin_sdk.Sql``; statements travel as what they are made of, never as text."""

    def __init__(self, context: WorkerContext, label: str) -> None:
        self._ask = context.ask
        self._label = label

    def execute(self, statement: Any) -> int:
        """Run an INSERT, UPDATE or DELETE over own tables."""
        from crm_core.isolation.worker import sql  # noqa: PLC0415 - SQLAlchemy only for plugins with tables

        count: int = self._ask("sql.execute", sql.encoded(statement, self._label, write=True))
        return count

    def rows(self, statement: Any) -> list[Mapping[str, Any]]:
        """Run a SELECT and return its rows."""
        from crm_core.isolation.statements import outgoing  # noqa: PLC0415 - as above
        from crm_core.isolation.worker import sql  # noqa: PLC0415 - as above

        rows = self._ask("sql.rows", sql.encoded(statement, self._label, write=False))
        return outgoing.results(statement, rows)

    def scalar(self, statement: Any) -> Any:
        """Run a SELECT and return one value."""
        rows = self.rows(statement)
        return next(iter(rows[0].values())) if rows else None
