"""What statements may do on SQLite, decided by SQLite itself while it prepares them: its authorizer calls a policy.

One callback stays in place, the ``Gate``, and asks the policy of the rights that hold. The driver keeps prepared
statements, and those ask nobody: whoever changes the policy must see to it that no statement runs under another one
than it was prepared under (see ``sqlite.SqliteConnection``). ``set_authorizer`` would see to that, too, but it makes
SQLite prepare every statement again.

SQLite asks before it reads or writes each table, naming the trigger or view it does so for, and calls what foreign keys
imply by the same names: reading the key of the row referred to, deleting the rows that refer.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, NamedTuple

from crm_core.db import denials
from crm_core.db.denials import FIELDS, VERSIONS
from crm_core.db.names import schema_on_sqlite, sqlite_schema_prefix
from crm_core.db.sqlite_functions import FUNCTIONS
from crm_core.errors import DatabaseError
from crm_core.schema import core, platform, record

if TYPE_CHECKING:
    from crm_core.db.rights import PluginRights
    from crm_core.errors import CrmError

__all__ = ["NEVER", "CorePolicy", "Denial", "Gate", "PluginPolicy", "Policy"]

NEVER = float("inf")

_READ, _SELECT, _FUNCTION, _RECURSIVE = (
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
)
WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
"""The actions that change rows."""

_ROWS = WRITES | {_READ, _SELECT, _FUNCTION, _RECURSIVE}
_CORE = _ROWS | {sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT}
FOREIGN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})
"""The functions that reach beyond the database; nobody needs them."""

ANCHOR = record.name
ANCHOR_KEY = frozenset({"tenant_id", "id"})
"""What every foreign key of a plugin refers to."""

_OURS = frozenset(
    sqlite_schema_prefix(table.schema or "core") + table.name
    for metadata in (core, platform)
    for table in metadata.tables.values()
)


class Denial(NamedTuple):
    """What was refused, as SQLite asked for it; ``inner`` is the trigger or view that wanted it."""

    action: int
    one: str | None
    two: str | None
    inner: str | None


class Policy:
    """The callback, which keeps what it refused: SQLite itself says only "not authorized"."""

    __slots__ = ("denial", "wide")

    def __init__(self) -> None:
        """Begin with nothing refused."""
        self.denial: Denial | None = None
        self.wide = False

    def begin(self) -> None:
        """Forget the last statement. ``wide`` is whether the present one has written what lets it reach further."""
        self.denial = None
        self.wide = False

    def __call__(self, action: int, one: str | None, two: str | None, _database: str | None, inner: str | None) -> int:
        """Answer SQLite; whatever is not allowed is refused."""
        if self.allows(action, one or "", two or "", inner):
            return sqlite3.SQLITE_OK
        if self.denial is None:
            self.denial = Denial(action, one, two, inner)
        return sqlite3.SQLITE_DENY

    def explains(self, error: sqlite3.DatabaseError) -> bool:
        """Tell whether the last statement failed because of what was refused; SQLite has several words for that."""
        if self.denial is None or isinstance(error, sqlite3.IntegrityError):
            return False
        # Statistics are also looked for by SQLite itself, which goes on without them.
        own_wish = (self.denial.one or "").startswith("sqlite_stat")
        return not own_wish or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH

    def allows(self, action: int, one: str, two: str, inner: str | None) -> bool:
        """Tell whether an action is allowed."""
        raise NotImplementedError

    def refusal(self, text: str) -> CrmError:
        """Return the error for the statement that was refused last."""
        raise NotImplementedError


class Gate:
    """What SQLite calls: it asks the policy in place, and whether the running statement's time is over."""

    __slots__ = ("deadline", "policy")

    def __init__(self, policy: Policy) -> None:
        """Begin with a policy and without a limit of time."""
        self.policy = policy
        self.deadline = NEVER

    def __call__(self, action: int, one: str | None, two: str | None, database: str | None, inner: str | None) -> int:
        """Answer whether an action is allowed."""
        return self.policy(action, one, two, database, inner)

    def is_late(self) -> bool:
        """Tell whether the running statement has to be stopped."""
        return time.monotonic() > self.deadline


class CorePolicy(Policy):
    """The core's own rights, which end at plugins' tables: what waits there must never run with them.

    It reads and writes rows only, of plugins' tables only those that hold fields; only foreign keys lead it to the
    others. A trigger, which somebody must have planted, reaches nothing but tables of its own plugin.
    """

    __slots__ = ()

    def allows(self, action: int, one: str, two: str, inner: str | None) -> bool:
        """Tell whether an action is allowed."""
        if action not in _CORE:
            return False
        if action == _FUNCTION:
            return two not in FOREIGN_FUNCTIONS
        if inner is not None and (stays := stays_inside(action, one, two, inner)) is not None:
            return stays
        if one.startswith("plg_"):
            return self.wide or one.endswith(FIELDS)
        if one == ANCHOR and action in WRITES:
            self.wide = True
        return True

    def refusal(self, text: str) -> CrmError:
        """Return the error for the statement that was refused last."""
        denial = self.denial
        if denial is not None and denial.inner is not None and stays_inside(*denial) is False:
            message = (
                f"{denial.inner} wanted to reach {shown(denial.one)} with the core's rights; nothing was changed."
                " It is no part of this product: remove it from the database (crm doctor shows it)"
            )
        else:
            what = shown(denial.one) if denial is not None and denial.one else text
            message = f"the core refused itself {what}: it reaches plugins' tables with the plugin's rights only"
        return DatabaseError(message)


class PluginPolicy(Policy):
    """The rights of one plugin: rows of its own tables, and what it may read of the core's."""

    __slots__ = ("_prefix", "_rights")

    def __init__(self, rights: PluginRights) -> None:
        """Keep whose rights these are."""
        super().__init__()
        self._rights = rights
        self._prefix = rights.prefix

    def allows(self, action: int, one: str, two: str, inner: str | None) -> bool:
        """Tell whether an action is allowed."""
        del inner  # as little is allowed to the plugin's triggers and views as to itself
        if action == _READ:
            return self._may_read(one, two)
        if action in WRITES:
            own = one.startswith(self._prefix) and one != self._prefix + VERSIONS and not one.endswith(FIELDS)
            self.wide = self.wide or own
            return own
        return action in {_SELECT, _RECURSIVE} or (action == _FUNCTION and two in FUNCTIONS)

    def _may_read(self, table: str, column: str) -> bool:
        if table.startswith(self._prefix):
            return table != self._prefix + VERSIONS
        if is_no_table(table, column):
            return True
        if table in self._rights.core_tables:
            return f"{table}.{column}" not in self._rights.core_hidden
        # What a foreign key asks when a row is written.
        return self.wide and table == ANCHOR and column in ANCHOR_KEY

    def refusal(self, text: str) -> CrmError:
        """Return the error for the statement that was refused last."""
        action, one, two, _ = self.denial or Denial(_SELECT, None, None, None)
        if action == _FUNCTION:
            return denials.no_function(self._rights, two or "")
        if action not in _ROWS or one is None or (action in WRITES and not schema_on_sqlite(one)):
            return denials.only_rows(self._rights, text)
        schema = schema_on_sqlite(one)
        table = one.removeprefix(sqlite_schema_prefix(schema)) if schema else one
        return denials.no_table(self._rights, "write" if action in WRITES else "read", schema, table)


def is_no_table(table: str, column: str) -> bool:
    """Tell whether SQLite asks for a WITH: by its name, where none of its columns is used."""
    return not column and table not in _OURS and schema_on_sqlite(table) == "core"


def stays_inside(action: int, one: str | None, two: str | None, inner: str | None) -> bool | None:
    """Tell whether what a trigger or view does stays inside the plugin that it is named after.

    None if it is neither of a plugin nor a trigger: ``inner`` may be the name of a WITH, which only reads.
    """
    schema = schema_on_sqlite(inner or "")
    if not schema.startswith("plg_"):
        return False if action in WRITES else None
    if action == _READ and one == ANCHOR:
        return two in ANCHOR_KEY
    return not one or one.startswith(sqlite_schema_prefix(schema))


def shown(name: str | None) -> str:
    """Return the name of a table as it is declared."""
    schema = schema_on_sqlite(name or "")
    return f"{schema}.{(name or '').removeprefix(sqlite_schema_prefix(schema))}" if schema else name or "nothing"
