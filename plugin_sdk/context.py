"""What a hook can reach: the context, and through it the core's services, own tables and own fields.

A context belongs to one hook call. Kept beyond it, every use raises ``NotAllowed``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from plugin_sdk.records import Record


class Page(NamedTuple):
    """Some records of a list, and the cursor for the next page (None at the end)."""

    records: tuple[Record, ...]
    next_cursor: str | None


class Api(Protocol):
    """The core's services, called as the plugin: validated, permitted by its capabilities, audited.

    Every method may raise ``NotAllowed`` (a capability is missing), ``NotFound``, ``Rejected`` (with the
    issues) or ``VersionConflict``.
    """

    def get(self, record_type: str, record_id: UUID) -> Record:
        """Return one record."""
        ...

    def list(
        self,
        record_type: str,
        filters: Mapping[str, Any] | None = None,
        *,
        sort: str = "id",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Return one page; ``filters`` and ``sort`` are those of the REST API: ``{"name[contains]": "x"}``."""
        ...

    def create(self, record_type: str, values: Mapping[str, Any]) -> Record:
        """Create a record and return it as stored."""
        ...

    def update(
        self, record_type: str, record_id: UUID, values: Mapping[str, Any], *, version: int | None = None
    ) -> Record:
        """Change some fields; with ``version``, only if the record still has it."""
        ...

    def delete(self, record_type: str, record_id: UUID) -> None:
        """Delete a record (softly: it can be restored)."""
        ...


class Fields(Protocol):
    """The plugin's own fields on core records, kept in the plugin's namespace."""

    def get(self, record_type: str, record_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Any]]:
        """Return the stored values by record id; records without values are left out."""
        ...

    def set(self, record_type: str, record_id: UUID, values: Mapping[str, Any]) -> None:
        """Store some of the plugin's fields of one record; audited, the record's version stays."""
        ...


class Sql(Protocol):
    """SQLAlchemy Core statements over the plugin's own tables, in the transaction of the hook call.

    Statements are built from tables of ``plugin_sdk.db``; textual SQL is refused. Tables of the core and
    of other plugins cannot be written.
    """

    def execute(self, statement: Any) -> int:
        """Run an INSERT, UPDATE or DELETE over own tables; return the number of rows."""
        ...

    def rows(self, statement: Any) -> list[Mapping[str, Any]]:
        """Run a SELECT and return its rows as mappings."""
        ...

    def scalar(self, statement: Any) -> Any:
        """Run a SELECT and return the first column of its first row, None without rows."""
        ...


class Context(Protocol):
    """Who asks, for which tenant, and what the plugin may reach while it answers."""

    @property
    def tenant_id(self) -> UUID:
        """The tenant of the operation."""
        ...

    @property
    def actor_id(self) -> UUID | None:
        """The principal who asked; None when the core itself did (jobs, deliveries)."""
        ...

    @property
    def plugin(self) -> str:
        """The plugin's own id."""
        ...

    @property
    def request_id(self) -> str:
        """The id of the request or job, the same in log, audit and error."""
        ...

    @property
    def now(self) -> datetime:
        """The time of the operation (aware, UTC), the same for all hooks of it."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The tenant's settings of this plugin, checked against the manifest, defaults filled in."""
        ...

    @property
    def api(self) -> Api:
        """The core's services."""
        ...

    @property
    def sql(self) -> Sql:
        """Own tables."""
        ...

    @property
    def fields(self) -> Fields:
        """Own fields on core records."""
        ...

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines carry tenant, plugin@version and request."""
        ...
