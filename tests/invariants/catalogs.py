"""Everything a database's catalog says about the tables of core and platform, to be compared before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_core.db.migrate import in_transaction
from crm_core.db.names import sqlite_schema_prefix

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_SCHEMAS = ("core", "plat")
_OF = f"n.nspname IN {_SCHEMAS}"
_TABLE = "JOIN pg_class c ON c.oid = x.{} JOIN pg_namespace n ON n.oid = c.relnamespace WHERE " + _OF
_POSTGRESQL = (
    f"SELECT nspname, nspacl::text FROM pg_namespace n WHERE {_OF}",
    "SELECT n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl::text, c.reloptions::text, "
    f"c.relpersistence FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OF}",
    "SELECT c.relname, x.attnum, x.attname, format_type(x.atttypid, x.atttypmod), x.attnotnull, x.attisdropped, "
    "x.attcollation::regcollation::text, x.attacl::text, pg_get_expr(d.adbin, d.adrelid) "
    "FROM pg_attribute x LEFT JOIN pg_attrdef d ON d.adrelid = x.attrelid AND d.adnum = x.attnum "
    + _TABLE.format("attrelid"),
    "SELECT c.relname, x.conname, pg_get_constraintdef(x.oid), x.convalidated FROM pg_constraint x "
    + _TABLE.format("conrelid"),
    "SELECT c.relname, pg_get_indexdef(x.indexrelid), x.indisvalid FROM pg_index x " + _TABLE.format("indrelid"),
    # A foreign key that refers to the anchor adds internal triggers to it, which only it can set off.
    "SELECT c.relname, pg_get_triggerdef(x.oid), x.tgenabled FROM pg_trigger x "
    + _TABLE.format("tgrelid")
    + " AND (NOT x.tgisinternal OR x.tgconstrrelid IN (SELECT oid FROM pg_class WHERE relnamespace IN "
    + f"(SELECT oid FROM pg_namespace n WHERE {_OF})))",
    "SELECT c.relname, x.polname, x.polcmd, pg_get_expr(x.polqual, x.polrelid), pg_get_expr(x.polwithcheck, x.polrelid) "
    "FROM pg_policy x " + _TABLE.format("polrelid"),
    "SELECT c.relname, pg_get_ruledef(x.oid) FROM pg_rewrite x " + _TABLE.format("ev_class"),
    f"SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OF}",
    "SELECT evtname, evtevent FROM pg_event_trigger",
    "SELECT x.inhrelid::regclass::text, x.inhparent::regclass::text FROM pg_inherits x " + _TABLE.format("inhparent"),
)


def fingerprint(url: str) -> frozenset[tuple[str, ...]]:
    """Return the lines of the catalog that concern core and platform."""
    return in_transaction(url, _lines, read_only=True)


def _lines(connection: Connection) -> frozenset[tuple[str, ...]]:
    if connection.dialect.name == "postgresql":
        rows = [(str(place), *row) for place, sql in enumerate(_POSTGRESQL) for row in connection.exec_driver_sql(sql)]
    else:
        prefixes = tuple(sqlite_schema_prefix(schema) for schema in _SCHEMAS)
        found = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master").all()
        rows = [tuple(row) for row in found if row[2].startswith(prefixes)]
    assert rows, "a fingerprint of nothing proves nothing"
    return frozenset(tuple(map(str, row)) for row in rows)
