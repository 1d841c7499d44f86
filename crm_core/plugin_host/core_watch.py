"""Proof that a plugin's migration has left core and platform alone: what they are, and that nobody wrote to them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crm_core.db.names import plugin_schema, sqlite_schema_prefix
from crm_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    SELECT c.relname, x.rulename
    FROM pg_rewrite x JOIN pg_class c ON c.oid = x.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('core', 'plat')
    """,
    """
    SELECT n.nspname, p.proname, pg_get_functiondef(p.oid)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('core', 'plat')
    """,
    # Rows written in this very transaction.
    """
    SELECT schemaname, relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables
    WHERE schemaname IN ('core', 'plat') AND n_tup_ins + n_tup_upd + n_tup_del > 0
    """,
)
_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master"
# Codes of SQLite's authorizer: delete, insert and update of rows.
_WRITES = {9, 18, 23}


@contextmanager
def unchanged(connection: Connection, plugin: str, label: str) -> Iterator[None]:
    """Raise PluginError if what runs inside touches anything of core or platform; the caller rolls it back."""
    before = catalog(connection, plugin)
    written: set[str] = set()
    with _watching(connection, plugin, written):
        yield
    changed = sorted({" ".join(row[1:3]) for row in before ^ catalog(connection, plugin)} | written)
    if changed:
        message = (
            f"{label}: its migration changes what is not its own ({'; '.join(changed[:3])}); nothing was installed. "
            "A plugin's migrations work in its own namespace only"
        )
        raise PluginError(message, plugin=label)


@contextmanager
def _watching(connection: Connection, plugin: str, written: set[str]) -> Iterator[None]:
    """Note the tables outside the plugin's namespace whose rows are written; on SQLite only, see ``_POSTGRESQL``."""
    if connection.dialect.name != "sqlite":
        yield
        return
    prefix = sqlite_schema_prefix(plugin_schema(plugin))
    driver: Any = connection.connection.dbapi_connection

    def note(code: int, table: str | None, *_rest: object) -> int:
        if code in _WRITES and table and not table.startswith((prefix, "sqlite_")):
            written.add(f"rows of {table}")
        return 0

    driver.set_authorizer(note)
    try:
        yield
    finally:
        driver.set_authorizer(None)


def catalog(connection: Connection, plugin: str) -> set[tuple[str, ...]]:
    """Return every object of core and platform, and on SQLite of all plugins but this one."""
    if connection.dialect.name == "postgresql":
        found = [(str(place), *row) for place, sql in enumerate(_POSTGRESQL) for row in connection.exec_driver_sql(sql)]
        return {tuple(map(str, row)) for row in found}
    prefix = sqlite_schema_prefix(plugin_schema(plugin))
    rows = connection.exec_driver_sql(_SQLITE).all()
    return {tuple(map(str, row)) for row in rows if not row[2].startswith(prefix)}
