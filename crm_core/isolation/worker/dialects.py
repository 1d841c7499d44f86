"""SQLAlchemy's dialects over the driver that has no database: they write what the host's drivers expect to get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import types
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.postgresql.base import PGExecutionContext

from crm_core.db.sqlite_ddl import SingleFileDialect
from crm_core.isolation.worker import driver

if TYPE_CHECKING:
    from types import ModuleType

    from sqlalchemy.engine import Connection

__all__ = ["RemotePostgreSQL", "RemoteSQLite"]

# The oldest that is supported: what its catalog has, the later ones have, too.
_POSTGRESQL = (15,)


class RemotePostgreSQL(PGDialect_asyncpg):
    """PostgreSQL as asyncpg wants it, without asyncpg."""

    is_async = False
    has_terminate = False
    supports_statement_cache = True
    supports_server_side_cursors = False
    # The host's connection gives JSON as text.
    supports_native_json_deserialization = False
    execution_ctx_cls = PGExecutionContext  # type: ignore[assignment]
    colspecs: Any = {**PGDialect_asyncpg.colspecs, types.JSON: JSON}  # noqa: RUF012 - SQLAlchemy declares it per instance

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """Use the driver without a database."""
        return driver

    def initialize(self, connection: Connection) -> None:
        """Ask nothing: a migration may not, and everything is known."""
        del connection
        self.server_version_info = _POSTGRESQL
        self.default_schema_name = "public"
        self._backslash_escapes = False

    def on_connect(self) -> None:
        """Set nothing up: the host has."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Leave it to the driver."""
        dbapi_connection.rollback()

    def is_disconnect(self, *_: object) -> bool:
        """Say no: a connection without a database cannot break."""
        return False


class RemoteSQLite(SingleFileDialect):
    """SQLite with all schemas in one file, which the host has open and in which it writes the names."""

    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """Use the driver without a database."""
        return driver

    def initialize(self, connection: Connection) -> None:
        """Ask nothing: a migration may not, and everything is known."""
        del connection
        self.server_version_info = driver.sqlite_version_info
        self.default_schema_name = "main"

    def on_connect(self) -> None:  # type: ignore[override]
        """Set nothing up: the host has."""


for _name, _class in (("postgresql.remote", RemotePostgreSQL), ("sqlite.remote", RemoteSQLite)):
    registry.register(_name, __name__, _class.__name__)
