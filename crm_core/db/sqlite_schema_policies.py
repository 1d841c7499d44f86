"""What may be done to the schema on SQLite: by the core, and by one plugin's migration; see ``sqlite_authorizer``."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from crm_core.db.names import plugin_schema, sqlite_schema_prefix
from crm_core.db.sqlite_authorizer import (
    ANCHOR,
    ANCHOR_KEY,
    FOREIGN_FUNCTIONS,
    WRITES,
    Policy,
    is_no_table,
    shown,
    stays_inside,
)
from crm_core.errors import DatabaseError

if TYPE_CHECKING:
    from crm_core.db.sqlite_authorizer import Denial

__all__ = ["MigrationPolicy", "SchemaPolicy"]

_FILES = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})
# What SQLite reads and writes itself when a table changes. It refuses whoever names them in a statement.
_CATALOG = frozenset({"sqlite_master", "sqlite_temp_master", "sqlite_schema", "sqlite_temp_schema"})
_STATISTICS = ("sqlite_stat1", "sqlite_stat4")
_AUTOMATIC = "sqlite_autoindex_"
_READING_PRAGMAS = frozenset(
    "table_info table_xinfo index_list index_info index_xinfo foreign_key_list foreign_key_check".split()  # noqa: SIM905 - as above
)
# Where SQLite puts the name of the table that a change of the schema is about; the other is an index's or trigger's.
_ABOUT_ONE = frozenset({sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_VIEW})
_ABOUT_TWO = frozenset({sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_DROP_INDEX, sqlite3.SQLITE_DROP_TRIGGER})
_COMPUTING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE})


class SchemaPolicy(Policy):
    """The core's rights where it changes the schema and moves plugins' data: all but other files and planted traps."""

    __slots__ = ()

    def allows(self, action: int, one: str, two: str, inner: str | None) -> bool:
        """Tell whether an action is allowed."""
        if action in _FILES:
            return False
        if action == sqlite3.SQLITE_FUNCTION:
            return two not in FOREIGN_FUNCTIONS
        return inner is None or stays_inside(action, one, two, inner) is not False

    def refusal(self, text: str) -> DatabaseError:
        """Return the error for what was refused."""
        return DatabaseError(f"{_told(self.denial)} is not done with the core's rights: {text}")


class MigrationPolicy(Policy):
    """The rights of a plugin's migration: tables, indexes and rows with the plugin's prefix.

    The last line behind the check of a migration's statements. What was refused is kept to the end, whether or not the
    migration catches the error.
    """

    __slots__ = ("_automatic", "_prefix")

    def __init__(self, plugin: str) -> None:
        """Keep whose migration it is."""
        super().__init__()
        self._prefix = sqlite_schema_prefix(plugin_schema(plugin))
        self._automatic = _AUTOMATIC + self._prefix

    def begin(self) -> None:
        """Begin another statement."""
        self.wide = False

    def allows(self, action: int, one: str, two: str, inner: str | None) -> bool:
        """Tell whether an action is allowed."""
        if inner is not None and stays_inside(action, one, two, inner) is False:
            return False
        if action == sqlite3.SQLITE_READ:
            return self._may_read(one, two)
        if action in WRITES:
            return self._may_write(action, one)
        if action == sqlite3.SQLITE_FUNCTION:
            return two not in FOREIGN_FUNCTIONS
        return action in _COMPUTING or self._may_change(action, one, two)

    def refusal(self, text: str) -> DatabaseError:
        """Return the error for what was refused."""
        return DatabaseError(f"{_told(self.denial)} is not the plugin's own: {text}")

    @property
    def refused(self) -> str | None:
        """What was refused since the beginning."""
        return _told(self.denial) if self.denial is not None else None

    def _may_read(self, table: str, column: str) -> bool:
        if table.startswith(self._prefix) or table in _CATALOG or table in _STATISTICS or is_no_table(table, column):
            return True
        return self.wide and table == ANCHOR and column in ANCHOR_KEY

    def _may_write(self, action: int, table: str) -> bool:
        if table.startswith(self._prefix):
            self.wide = True
            return True
        return table in _CATALOG or (action == sqlite3.SQLITE_DELETE and table in _STATISTICS)

    def _may_change(self, action: int, one: str, two: str) -> bool:
        if action == sqlite3.SQLITE_PRAGMA:
            return one in _READING_PRAGMAS
        if action == sqlite3.SQLITE_ALTER_TABLE:
            return two.startswith(self._prefix)
        if action == sqlite3.SQLITE_REINDEX:
            return one.startswith((self._prefix, self._automatic))
        if action in _ABOUT_ONE:
            return one.startswith(self._prefix)
        return action in _ABOUT_TWO and two.startswith(self._prefix) and one.startswith((self._prefix, self._automatic))


_CODES = {name.removeprefix("SQLITE_"): code for name, code in vars(sqlite3).items() if name.startswith("SQLITE_")}
_ABOUT_NAMES = {
    code: name.replace("_", " ")
    for name, code in _CODES.items()
    if name.startswith(("CREATE_", "DROP_")) or name in {"ALTER_TABLE", "REINDEX"}
}
_ABOUT_WORDS = {_CODES[name]: name for name in ("ATTACH", "DETACH", "PRAGMA", "TRANSACTION", "SAVEPOINT", "ANALYZE")}


def _told(denial: Denial | None) -> str:
    """Return what was refused in words."""
    if denial is None:
        return "nothing"
    action, one, two, _ = denial
    if action in WRITES:
        return f"rows of {shown(one)}"
    if action == sqlite3.SQLITE_READ:
        return f"reading {shown(one)}"
    if action == sqlite3.SQLITE_FUNCTION:
        return f"the function {two}"
    if action not in _ABOUT_NAMES:
        return f"{_ABOUT_WORDS.get(action, f'action {action}')} {one}"
    place = f" on {shown(two)}" if action in _ABOUT_TWO else ""
    return f"{_ABOUT_NAMES[action]} {shown(two if action == sqlite3.SQLITE_ALTER_TABLE else one)}{place}"
