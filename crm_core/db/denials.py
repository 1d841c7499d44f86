"""What a plugin is told when the database refuses, stops or loses its statement: the same on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_core.errors import CoreTransactionLost, PermissionDenied, StatementLimit

if TYPE_CHECKING:
    from crm_core.db.rights import PluginRights

__all__ = ["FIELDS", "VERSIONS", "lost", "no_function", "no_table", "only_rows", "too_large", "too_slow"]

_SHOWN = 40
_READING = "core records are read through ctx.api, or in ctx.sql with the capability core:read"
VERSIONS = "alembic_version"
"""The table of a plugin's namespace in which the host keeps which migrations have run."""
FIELDS = "_fields"
"""What the names of the tables end with in which the host keeps plugins' fields."""


def no_table(rights: PluginRights, doing: str, schema: str, table: str | None = None) -> PermissionDenied:
    """Return the refusal to read or write a table (``doing``), or anything at all in a schema."""
    what = f"{schema}.{table}" if schema and table else schema or table
    message = f"plugin {rights.label} may not {doing} {what}; {_instead(rights, doing, schema, table or '')}"
    return PermissionDenied(message, plugin=rights.label, table=what)


def only_rows(rights: PluginRights, text: str) -> PermissionDenied:
    """Return the refusal of a statement that does more than to read and write rows."""
    message = (
        f"plugin {rights.label} may not run {text[:_SHOWN]!r};"
        " its statements read and write rows: SELECT, INSERT, UPDATE, DELETE, MERGE or WITH"
    )
    return PermissionDenied(message, plugin=rights.label)


def no_function(rights: PluginRights, name: str) -> PermissionDenied:
    """Return the refusal of a function."""
    message = (
        f"plugin {rights.label} may not use the function {name};"
        " there are only functions that compute from their arguments alone"
    )
    return PermissionDenied(message, plugin=rights.label)


def too_slow(rights: PluginRights) -> StatementLimit:
    """Return the error for a statement that was stopped because of its running time."""
    message = (
        f"plugin {rights.label}: a statement ran longer than {rights.statement_ms} ms and was stopped;"
        " read fewer rows at once, add an index in a migration, or do the work in a job"
    )
    return StatementLimit(message, plugin=rights.label, limit_ms=rights.statement_ms)


def too_large(rights: PluginRights, what: str) -> StatementLimit:
    """Return the error for a statement, or a value in it, that is larger than the database takes."""
    message = f"plugin {rights.label}: a statement or value is too large: {what}; send less at a time"
    return StatementLimit(message, plugin=rights.label)


def lost(plugin: str, where: str, because: str = "") -> CoreTransactionLost:
    """Return the error for an operation whose transaction ended, or failed for good, while a plugin ran."""
    reason = f": {because}" if because else ""
    message = (
        f"the transaction ended while {plugin} ran in {where}{reason}; nothing of the operation was kept, send it again"
    )
    return CoreTransactionLost(message, plugin=plugin, hook=where)


def _instead(rights: PluginRights, doing: str, schema: str, table: str) -> str:
    """Return the supported way to what the plugin may have wanted."""
    if schema == rights.schema:
        fields = table.endswith(FIELDS)
        return "set fields through ctx.fields, which audits them" if fields else "the plugin host keeps it for itself"
    if schema == "core":
        reading = doing == "read"
        return _READING if reading else "core records are changed through ctx.api or by what a hook returns"
    if schema.startswith("plg_"):
        return "other plugins' tables are not reachable"
    return f"what the {'platform' if schema == 'plat' else 'database'} keeps for itself is not reachable"
