"""Row security on PostgreSQL: a statement that forgets the tenant sees and writes nothing of any other.

It is the second wall. The first is that every statement names the tenant, which is all there is on SQLite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["OPEN_TABLES", "row_security"]

OPEN_TABLES = {"core.api_key", "plat.plugin_tenant", "plat.plugin_history"}
"""Read before the tenant of a request is known, or for all tenants at once when the server starts."""

# Worked off for all tenants by one process, which says so.
_MAINTAINED = {"core.outbox", "core.audit_pending", "plat.job", "plat.delivery", "plat.plugin_health"}

_SAME_TENANT = "tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid"
_MAINTENANCE = "current_setting('crm.maintenance', true) = 'on'"


def row_security(metadata: sa.MetaData) -> list[str]:
    """Give the PostgreSQL statements that turn row security on for the tables of tenants."""
    statements: list[str] = []
    for table in metadata.sorted_tables:
        if "tenant_id" not in table.c or table.fullname in OPEN_TABLES:
            continue
        statements += [
            f"ALTER TABLE {table.fullname} ENABLE ROW LEVEL SECURITY",
            # For the owner too: the server usually owns its tables.
            f"ALTER TABLE {table.fullname} FORCE ROW LEVEL SECURITY",
            _policy("tenant", table, _SAME_TENANT),
        ]
        if table.fullname in _MAINTAINED:
            statements.append(_policy("maintenance", table, _MAINTENANCE))
    return statements


def _policy(name: str, table: sa.Table, condition: str) -> str:
    return f"CREATE POLICY {name} ON {table.fullname} USING ({condition}) WITH CHECK ({condition})"
