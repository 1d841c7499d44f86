"""With whose rights statements run: the core's, or those of one plugin."""

from __future__ import annotations

from dataclasses import dataclass

from crm_core.db.names import plugin_schema, sqlite_schema_prefix

__all__ = ["PluginRights"]


@dataclass(frozen=True, slots=True)
class PluginRights:
    """The rights of one plugin: its own namespace, and what it may read of the core.

    ``core_hidden`` are columns of ``core_tables`` ("table.column") that it may not read all the same.
    ``statement_ms`` and ``lock_ms`` limit each of its statements and how long one waits for a lock.
    """

    plugin: str
    label: str
    core_tables: frozenset[str] = frozenset()
    core_hidden: frozenset[str] = frozenset()
    statement_ms: int = 2000
    lock_ms: int = 1000

    @property
    def schema(self) -> str:
        """The plugin's schema on PostgreSQL."""
        return plugin_schema(self.plugin)

    @property
    def prefix(self) -> str:
        """What the plugin's tables begin with on SQLite."""
        return sqlite_schema_prefix(self.schema)
