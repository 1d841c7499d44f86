"""Whether a statement may run in a plugin's migration: an allow-list over its syntax tree, before the database sees it.

Tables, columns, constraints, indexes, comments and rows, all in the plugin's own namespace; everything else is refused
with what to do instead, in the same words on both databases. What the database itself refuses comes after that.
"""

from __future__ import annotations

import re
from functools import lru_cache

from crm_core.db.names import sqlite_schema_prefix
from crm_core.db.sqlite_reflection import CATALOG_QUERIES
from crm_core.plugin_host.migrations.names import Names
from crm_core.plugin_host.migrations.refusal import Forbidden, refusal
from crm_core.plugin_host.migrations.words import Words, read

__all__ = ["require_allowed"]

# Forms that the parser does not know, and what they are short for.
_NAME = r'(?:\w+|"[^"]+")'
_PLACE = rf"{_NAME}(?:\.{_NAME}){{0,2}}"
_RENAMED_COLUMN = re.compile(
    rf"(ALTER\s+TABLE\s+{_PLACE}\s+RENAME)(\s+(?!(?:TO|COLUMN|CONSTRAINT)\s){_NAME}\s+TO\s+{_NAME})", re.IGNORECASE
)
_NO_COMMENT = re.compile(rf"(COMMENT\s+ON\s+(?:TABLE|COLUMN)\s+{_PLACE}\s+IS)\s+NULL", re.IGNORECASE)
_PRIVATE = ("plg_", "plat_")
_PRAGMA = re.compile(
    r"PRAGMA (?:table_info|table_xinfo|index_list|index_info|index_xinfo|foreign_key_list)"
    r"\(\"(?:sqlite_autoindex_)?(?P<name>\w+)\"\)"
)


def require_allowed(text: str, plugin: str, label: str, dialect: str) -> tuple[str, ...]:
    """Raise PluginError, in words for its author, if a statement has no place in a migration of the plugin.

    ``text`` is what the driver would get; ``dialect`` is "postgresql" or "sqlite". Returns the tables that it drops.
    """
    try:
        return _judge(text, Names(plugin, dialect))
    except Forbidden as forbidden:
        raise refusal(label, forbidden.what, forbidden.instead, text) from None


@lru_cache(maxsize=1024)
def _judge(text: str, names: Names) -> tuple[str, ...]:
    if names.on_sqlite and _looks_up(text, names):
        return ()
    from crm_core.plugin_host.migrations import tree  # noqa: PLC0415 - the parser is loaded for migrations only

    statement = read(text, on_sqlite=names.on_sqlite)
    return tree.judge(Words(statement.words, _readable(statement.text)), names)


def _readable(text: str) -> str:
    renamed = _RENAMED_COLUMN.fullmatch(text)
    if renamed:
        return f"{renamed[1]} COLUMN{renamed[2]}"
    uncommented = _NO_COMMENT.fullmatch(text)
    return f"{uncommented[1]} ''" if uncommented else text


def _looks_up(text: str, names: Names) -> bool:
    """Tell whether a statement asks SQLite what tables are like, as SQLAlchemy's inspector does."""
    if text in CATALOG_QUERIES:
        return True
    pragma = _PRAGMA.fullmatch(text)
    if pragma is None:
        return False
    # What the core's tables are like is no secret, and asked for with a reference to one of them.
    return pragma["name"].startswith(sqlite_schema_prefix(names.schema)) or not pragma["name"].startswith(_PRIVATE)
