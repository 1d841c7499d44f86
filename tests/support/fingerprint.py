"""What a database is, apart from plugins: equal before and after anything that is done to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.db.migrate import in_transaction
from crm_core.plugin_host.catalogs import catalogs

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def core_fingerprint(url: str) -> list[str]:
    """Return every object of the core's and the platform's schemas, whatever plugins there are."""

    def read(connection: Connection) -> list[str]:
        found = catalogs(connection)
        lines = [*found["core"], *found["plat"]]
        assert len(lines) > 50, "this is no database of the product"
        return sorted(lines)

    return in_transaction(url, read, read_only=True)


def plugin_objects(url: str, plugin: str) -> list[str]:
    """Return the names of everything that exists in a plugin's namespace."""

    def read(connection: Connection) -> list[str]:
        if connection.dialect.name == "postgresql":
            query = """
                SELECT c.relkind::text || ' ' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 UNION ALL SELECT 'schema' FROM pg_namespace WHERE nspname = $1
            """
            rows: Any = connection.exec_driver_sql(query, (f"plg_{plugin}",))
        else:
            query = "SELECT type || ' ' || name FROM sqlite_master WHERE name LIKE ? OR tbl_name LIKE ?"
            rows = connection.exec_driver_sql(query, (f"plg_{plugin}__%", f"plg_{plugin}__%"))
        return sorted(row[0] for row in rows)

    return in_transaction(url, read, read_only=True)


def platform_rows(url: str, table: sa.Table) -> list[dict[str, Any]]:
    """Return the rows of a table of the platform."""
    return in_transaction(
        url, lambda connection: [dict(row) for row in connection.execute(sa.select(table)).mappings()], read_only=True
    )
