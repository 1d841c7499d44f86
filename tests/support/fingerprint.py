"""What a database is, apart from plugins: equal before and after anything that is done to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.db.migrate import in_transaction

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_POSTGRESQL = (
    """
    SELECT n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('core', 'plat')
    """,
    """
    SELECT c.relname, x.attname, format_type(x.atttypid, x.atttypmod), x.attnotnull, x.attnum
    FROM pg_attribute x JOIN pg_class c ON c.oid = x.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('core', 'plat')
    """,
    """
    SELECT c.relname, x.conname, pg_get_constraintdef(x.oid)
    FROM pg_constraint x JOIN pg_class c ON c.oid = x.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('core', 'plat')
    """,
    # The triggers of foreign keys that refer to the anchor stand for those keys and come with each plugin's table.
    """
    SELECT c.relname, x.tgname, pg_get_triggerdef(x.oid), x.tgenabled
    FROM pg_trigger x JOIN pg_class c ON c.oid = x.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('core', 'plat') AND NOT x.tgisinternal
    """,
    """
    SELECT c.relname, x.polname, x.polcmd, pg_get_expr(x.polqual, x.polrelid), pg_get_expr(x.polwithcheck, x.polrelid)
    FROM pg_policy x JOIN pg_class c ON c.oid = x.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('core', 'plat')
    """,
    """
    SELECT c.relname, pg_get_indexdef(x.indexrelid)
    FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('core', 'plat')
    """,
)


def core_fingerprint(url: str) -> list[str]:
    """Return every object of the core's and the platform's schemas, whatever plugins there are."""

    def read(connection: Connection) -> list[str]:
        if connection.dialect.name == "postgresql":
            found = [tuple(row) for sql in _POSTGRESQL for row in connection.exec_driver_sql(sql)]
        else:
            rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master")
            found = [tuple(row) for row in rows if not row[2].startswith("plg_")]
        assert len(found) > 50, "this is no database of the product"
        return sorted(map(repr, found))

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
