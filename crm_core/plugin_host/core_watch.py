"""Proof that a plugin's migration has left core and platform alone: what they are, and that nobody wrote to them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from crm_core.db.names import plugin_schema
from crm_core.db.sqlite_ddl import under
from crm_core.db.sqlite_schema_policies import MigrationPolicy
from crm_core.errors import PluginError
from crm_core.plugin_host.catalogs import catalogs, written
from crm_core.plugin_host.fingerprint import changed_objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection

_NAMED = 3


@contextmanager
def unchanged(
    connection: Connection, plugin: str, label: str, doing: str = "its migration", done: str = "installed"
) -> Iterator[dict[str, frozenset[str]]]:
    """Raise PluginError if what runs inside touches anything but the plugin's own; the caller rolls it back.

    Whatever is outside its namespace counts: core, platform, other plugins, and the rest of the database. Afterwards
    the value of the block holds the catalogs as they are then.
    """
    own = plugin_schema(plugin)
    before, wrote = catalogs(connection), written(connection)
    refused: list[str] = []
    after: dict[str, frozenset[str]] = {}
    try:
        with _only_its_own(connection, plugin, refused):
            yield after
    except Exception as error:
        if refused:
            raise _not_its_own(label, doing, done, refused) from error
        raise
    after.update(catalogs(connection))
    rows = {f"rows of {schema}.{table}" for schema, table in written(connection) - wrote if schema != own}
    changed = [*changed_objects(before, after, but=own), *sorted(rows), *refused]
    if changed:
        raise _not_its_own(label, doing, done, changed)


def _not_its_own(label: str, doing: str, done: str, changed: Sequence[str]) -> PluginError:
    message = (
        f"{label}: {doing} changes what is not its own ({'; '.join(changed[:_NAMED])}); nothing was {done}. "
        "A plugin's migrations work in its own namespace only"
    )
    return PluginError(message, plugin=label)


@contextmanager
def _only_its_own(connection: Connection, plugin: str, refused: list[str]) -> Iterator[None]:
    """Let SQLite refuse what reaches outside the plugin's namespace, and note it; PostgreSQL has roles for that."""
    if connection.dialect.name != "sqlite":
        yield
        return
    policy = MigrationPolicy(plugin)
    try:
        with under(connection, policy):
            yield
    finally:
        # Also where the migration has caught the error and gone on.
        if policy.refused is not None:
            refused.append(policy.refused)
