"""Reading what tables are like on SQLite, where a schema is the beginning of a table's name.

SQLAlchemy's dialect looks for a schema in a file of its own. This one looks in the one file there is, and tells names
as they are declared, so that an inspector and Alembic's batch operations work as on PostgreSQL.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from crm_core.db.names import SQLITE_PREFIXES, sqlite_schema_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

__all__ = ["CATALOG_QUERIES", "SingleFileReflection", "logical_name"]

_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
_TABLE_TEXT = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
_INDEX_TEXT = "SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?"

CATALOG_QUERIES = frozenset({_HAS_TABLE, _TABLES, _TABLE_TEXT, _INDEX_TEXT})
"""The statements by which it reads the catalog, besides pragmas about single tables and indexes."""

_OF_INDEX = {"index_info", "index_xinfo"}
_AUTOMATIC = "sqlite_autoindex"
_CONDITION = re.compile(r"\)\s+WHERE\s+(.+)", re.IGNORECASE | re.DOTALL)


class SingleFileReflection(SQLiteDialect_pysqlite):
    """SQLite's dialect with all schemas in one file, as far as it reads the catalog."""

    supports_statement_cache = True

    def has_table(self, connection: Connection, table_name: str, schema: str | None = None, **_kw: Any) -> bool:
        """Look for a table by the name it has in the file."""
        return connection.exec_driver_sql(_HAS_TABLE, (_physical(schema, table_name),)).first() is not None

    def get_table_names(self, connection: Connection, schema: str | None = None, **_kw: Any) -> list[str]:  # type: ignore[override]
        """Return the tables of a schema."""
        names = connection.exec_driver_sql(_TABLES).scalars().all()
        return [table for owner, table in map(logical_name, names) if owner == (schema or "core")]

    def get_view_names(self, connection: Connection, schema: str | None = None, **_kw: Any) -> list[str]:  # type: ignore[override]
        """There are no views."""
        del connection, schema
        return []

    def get_temp_table_names(self, connection: Connection, **_kw: Any) -> list[str]:  # type: ignore[override]
        """There are no temporary tables."""
        del connection
        return []

    def get_temp_view_names(self, connection: Connection, **_kw: Any) -> list[str]:  # type: ignore[override]
        """There are no temporary views."""
        del connection
        return []

    def get_foreign_keys(  # type: ignore[override]
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[dict[str, Any]]:
        """Return a table's references with the schemas they lead to."""
        found = super().get_foreign_keys(connection, table_name, schema=schema, **kw)  # type: ignore[no-untyped-call]
        keys = [dict(key) for key in found]
        for key in keys:
            key["referred_schema"], key["referred_table"] = logical_name(key["referred_table"])
        return keys

    def get_indexes(  # type: ignore[override]
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[dict[str, Any]]:
        """Return a table's indexes by their declared names; those of keys only if asked for."""
        automatic = kw.get("include_auto_indexes", False)
        if not self.has_table(connection, table_name, schema):
            raise sa.exc.NoSuchTableError(f"{schema}.{table_name}" if schema else table_name)
        found = []
        for _, name, unique, _, partial, *_ in self._get_table_pragma(connection, "index_list", table_name, schema):
            if name.startswith(_AUTOMATIC) and not automatic:
                continue
            columns = [row[2] for row in self._get_table_pragma(connection, "index_info", name)]
            if None in columns:
                sa.util.warn(f"index {name} has an expression, which cannot be read back: make it anew after a batch")
                continue
            where = {"sqlite_where": _condition(connection, name)} if partial else {}
            logical = name if name.startswith(_AUTOMATIC) else name.removeprefix(_physical(schema, ""))
            found.append({"name": logical, "column_names": columns, "unique": unique, "dialect_options": where})
        return sorted(found, key=lambda index: str(index["name"]))

    def _get_table_sql(self, connection: Connection, table_name: str, schema: str | None = None, **_kw: Any) -> str:
        text = connection.exec_driver_sql(_TABLE_TEXT, (_physical(schema, table_name),)).scalar()
        if text is None:
            raise sa.exc.NoSuchTableError(f"{schema}.{table_name}" if schema else table_name)
        return str(text)

    def _get_table_pragma(
        self, connection: Connection, pragma: str, table_name: str, schema: str | None = None
    ) -> Sequence[Any]:
        # The catalog tells an index by the name it has in the file.
        name = table_name if pragma in _OF_INDEX else _physical(schema, table_name)
        quoted = self.identifier_preparer.quote_identifier(name)
        return connection.exec_driver_sql(f"PRAGMA {pragma}({quoted})").all()


def logical_name(name: str) -> tuple[str, str]:
    """Return schema and name of a table by the name it has in the file."""
    for schema, prefix in SQLITE_PREFIXES.items():
        if prefix and name.startswith(prefix):
            return schema, name.removeprefix(prefix)
    if name.startswith("plg_") and "__" in name:
        schema, _, table = name.partition("__")
        return schema, table
    return "core", name


def _physical(schema: str | None, name: str) -> str:
    return (sqlite_schema_prefix(schema) if schema else "") + name


def _condition(connection: Connection, index: str) -> sa.TextClause:
    text = connection.exec_driver_sql(_INDEX_TEXT, (index,)).scalar()
    match = _CONDITION.search(str(text))
    if match is None:
        raise ValueError(f"index {index} is partial, but its text has no condition: {text}")
    return sa.text(match[1].replace(":", "\\:"))
