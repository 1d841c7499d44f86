"""Names on SQLite, where one file has no schemas: the schema becomes part of the table's name.

`core.account` is `account`, `plat.job` is `plat_job`, and `plg_loyalty.ledger` is `plg_loyalty__ledger`. This is done
to the text of statements, in this one place, so that tables, queries and plugins are written once for both databases.
"""

from __future__ import annotations

import re

__all__ = ["SQLITE_PREFIXES", "plugin_schema", "schema_on_sqlite", "sqlite_schema_prefix", "sqlite_text"]

SQLITE_PREFIXES = {"core": "", "plat": "plat_"}

_PLUGIN_SCHEMA = re.compile(r"plg_[a-z0-9]+(?:_[a-z0-9]+)*")
# What SQLite keeps of itself; json_each and json_tree are functions in the place of a table.
_OF_SQLITE = ("sqlite_", "pragma_", "json_")
# PostgreSQL cuts longer names off without a word.
_LONGEST_SCHEMA = 63
# Text in quotes and comments is matched first and left alone; a qualifier follows neither a name nor another dot.
_TOKEN = re.compile(
    r"""
      '(?:[^']|'')*'
    | --[^\n]*
    | /\*.*?\*/
    | (?P<quoted>"(?P<inner>(?:[^"]|"")*)")(?P<quoted_dot>\s*\.)?
    | (?<![\w$.:@])(?P<schema>core|plat|plg_\w+)\s*\.\s*(?P<next>"?)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


def plugin_schema(plugin_id: str) -> str:
    """Return the schema a plugin's tables are in, or raise if its id cannot name one on both databases."""
    schema = f"plg_{plugin_id}"
    if not _PLUGIN_SCHEMA.fullmatch(schema) or len(schema) > _LONGEST_SCHEMA:
        raise ValueError(
            f"plugin id {plugin_id!r} cannot name a schema: use lower case letters, digits and single underscores,"
            f" at most {_LONGEST_SCHEMA - len('plg_')} characters"
        )
    return schema


def sqlite_schema_prefix(schema: str) -> str:
    """Return what a schema's tables and indexes begin with on SQLite."""
    prefix = SQLITE_PREFIXES.get(schema)
    if prefix is not None:
        return prefix
    # Two underscores end a plugin's name, so that no plugin's table can be taken for another's.
    if _PLUGIN_SCHEMA.fullmatch(schema):
        return f"{schema}__"
    raise ValueError(
        f"schema {schema!r} has no name on SQLite: use core, plat, or plg_ and a plugin's id"
        " in lower case letters, digits and single underscores"
    )


def schema_on_sqlite(name: str) -> str:
    """Return the schema of the table, index or trigger that has this name on SQLite; "" for SQLite's own."""
    if name.startswith("plg_"):
        schema, separator, _ = name.partition("__")
        return schema if separator and _PLUGIN_SCHEMA.fullmatch(schema) else ""
    if name.startswith("plat_"):
        return "plat"
    return "" if name.startswith(_OF_SQLITE) else "core"


def sqlite_text(sql: str) -> str:
    """Rewrite the schema-qualified names in a statement to SQLite's."""
    return _TOKEN.sub(_rewrite, sql)


def _rewrite(match: re.Match[str]) -> str:
    schema = match["schema"]
    if schema is not None:
        if match["next"]:
            raise ValueError(_quoted_message(match.string, match.start()))
        return sqlite_schema_prefix(schema.lower())
    if match["quoted_dot"] and (match["inner"] in SQLITE_PREFIXES or match["inner"].startswith("plg_")):
        raise ValueError(_quoted_message(match.string, match.start()))
    return match[0]


def _quoted_message(sql: str, position: int) -> str:
    excerpt = sql[position : position + 60]
    return f"quoted table name at {excerpt!r}: schemas and tables have names that need no quotes; remove them"
