"""Running a plugin's migrations: in this process, or in its worker with every statement judged and executed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.db.migrate import (
    MigrationFailed,
    MigrationStep,
    current_revision,
    upgrade_connection,
    upgrade_plugin_connection,
)
from crm_core.db.roles.session import driver_text, sqlstate
from crm_core.errors import CrmError, PluginError
from crm_core.plugin_host.guard import safe_text
from crm_core.plugin_host.migrations.references import require_harmless
from crm_core.plugin_host.migrations.remote import serve
from crm_core.plugin_host.migrations.watch import only_allowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from plugin_sdk import Manifest

    # Location, schema, dialect, and what executes a statement; returns the revision reached.
    InWorker = Callable[[str, str, str, Callable[..., Any]], Any]

__all__ = ["migrate"]

# PostgreSQL's code for what a role has no right to.
_NOT_ALLOWED = "42501"


def migrate(connection: Connection, manifest: Manifest, location: str, in_worker: InWorker | None = None) -> None:
    """Bring a plugin's tables to the newest of the revisions in its package, in the caller's transaction.

    ``in_worker`` runs the revisions in the plugin's own process; without it they run in this one. Either way nothing
    but allowed statements reaches the database, and afterwards no reference may be without an index.
    """

    def upgrade(connection: Connection, schema: str, location: str, target: str) -> MigrationStep:
        with only_allowed(connection, manifest.id, manifest.label):
            if in_worker is None:
                return upgrade_connection(connection, schema, location, target)
            return _upgrade_in_worker(connection, manifest.label, schema, location, in_worker)

    try:
        upgrade_plugin_connection(connection, manifest.id, location, upgrade=upgrade)
    except CrmError:
        raise
    # An interrupt is the operator's own; whatever else ends the program here comes from the migration.
    except (Exception, SystemExit, GeneratorExit) as error:
        raise _failed(manifest, error) from error
    require_harmless(connection, manifest.id, manifest.label)


def _failed(manifest: Manifest, error: BaseException) -> PluginError:
    message = f"{manifest.label}: its migration failed: {safe_text(error)}; nothing of it was kept"
    if isinstance(error, sa.exc.DBAPIError) and sqlstate(error) == _NOT_ALLOWED:
        message = (
            f"{manifest.label}: its migration changes what is not its own ({driver_text(error)}:"
            f" {error.statement}); nothing was installed. A plugin's migrations work in its own namespace only"
        )
    return PluginError(message, plugin=manifest.label)


def _upgrade_in_worker(
    connection: Connection, label: str, schema: str, location: str, in_worker: InWorker
) -> MigrationStep:
    before = current_revision(connection, schema)
    reached = in_worker(location, schema, connection.dialect.name, serve(connection, label))
    after = current_revision(connection, schema)
    if after is None or after != reached:
        raise MigrationFailed(
            f"{label}: its worker says that {schema} is at {reached!r}, the database says {after!r}; leave the table"
            " of revisions to Alembic",
            schema=schema,
            before=before,
        )
    return MigrationStep(schema, before, after)
