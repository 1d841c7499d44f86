"""What the drivers complain about, told in the core's own words, the same for every database."""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKeyConstraint, Insert, Table, Update, bindparam, select

from crm_core.db.denials import FIELDS, VERSIONS, lost, no_function, no_table, too_slow
from crm_core.db.statements import SQLITE, Statement
from crm_core.errors import (
    CoreTransactionLost,
    CrmError,
    DatabaseError,
    Duplicate,
    InvalidInput,
    PermissionDenied,
    ReferenceNotFound,
    StatementLimit,
)
from crm_core.schema import core, platform, record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from crm_core.db.connection import Connection
    from crm_core.db.rights import PluginRights
    from crm_core.db.unit import Write

# A transaction that has failed, and a savepoint that it never had because of that.
_FAILED_BEFORE = {"25P02", "3B001"}
_DATA = "22"
_NO_RIGHT = re.compile(r"permission denied for (?P<kind>table|view|schema|function) (?P<name>\w+)")
_NO_ROLE = re.compile(r'role "[^"]*" does not exist')
_KEY = re.compile(r"Key \((?P<columns>[^)]*)\)=")


@contextmanager
def translated(connection: Connection, writes: Sequence[Write]) -> Iterator[None]:
    """Turn constraint violations, refusals and lost connections and transactions into errors of the core."""
    if connection.dialect is SQLITE:
        try:
            yield
        except CoreTransactionLost:
            raise
        except (sqlite3.Error, CrmError) as error:
            if connection.lost:
                # SQLite has rolled everything back with the statement: it was a write that was stopped, for one.
                raise lost(_who(connection), "a statement", str(error)) from error
            if isinstance(error, CrmError):
                raise
            raise _of_sqlite(connection, writes, error) from error
    else:
        import asyncpg  # noqa: PLC0415 - only where PostgreSQL is in use

        try:
            yield
        except asyncpg.IntegrityConstraintViolationError as error:
            raise _from_postgres(error) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise _of_postgres(connection, writes, error) from error


def _who(connection: Connection) -> str:
    return connection.rights.label if connection.rights is not None else "the core"


def _of_sqlite(connection: Connection, writes: Sequence[Write], error: sqlite3.Error) -> Exception:
    if not isinstance(error, sqlite3.IntegrityError):
        return _refused(error)
    # The plugin itself may not look what is missing; the rights come back for its next statement.
    rights = connection.rights
    connection.become(None)
    try:
        return _from_sqlite(connection, writes, error)
    finally:
        connection.become(rights)


def _of_postgres(connection: Connection, writes: Sequence[Write], error: Any) -> CrmError:
    state = getattr(error, "sqlstate", None)
    if state in _FAILED_BEFORE:
        return lost(_who(connection), "a statement before this one", str(error))
    if connection.rights is not None and (refusal := _of_plugin(connection.rights, writes, error)) is not None:
        return refusal
    if (state or "").startswith(_DATA):
        return InvalidInput(f"a value does not fit its column: {error}")
    return _refused(error)


def _refused(error: Exception) -> DatabaseError:
    return DatabaseError(f"the database refused the operation: {error}; nothing of it was kept, try again")


def _of_plugin(rights: PluginRights, writes: Sequence[Write], error: Any) -> CrmError | None:
    """Return what a refusal means that is due to the rights and limits of a plugin's statement."""
    plugin, state = rights.label, getattr(error, "sqlstate", None)
    if state == "57014":
        return too_slow(rights)
    if state == "55P03":
        message = (
            f"plugin {plugin}: a statement waited longer than {rights.lock_ms} ms for rows that another operation"
            " has locked; try again, and lock rows always in the same order"
        )
        return StatementLimit(message, plugin=plugin, limit_ms=rights.lock_ms)
    if state == "42501":
        return _not_allowed(rights, "write" if writes else "read", str(error))
    if state == "22023" and _NO_ROLE.match(str(error)):
        message = f"plugin {plugin}: {error}, which its statements run as; run crm migrate"
        return DatabaseError(message, plugin=plugin)
    return None


def _not_allowed(rights: PluginRights, doing: str, told: str) -> CrmError:
    match = _NO_RIGHT.fullmatch(told)
    if match is None:
        message = (
            f"plugin {rights.label} may not do this: {told}; its statements reach its own tables only, records are"
            " read and changed through ctx.api, fields through ctx.fields, core tables are read with core:read"
        )
        return PermissionDenied(message, plugin=rights.label)
    kind, name = match["kind"], match["name"]
    if kind == "function":
        return no_function(rights, name)
    if kind == "schema":
        return no_table(rights, doing, name)
    # The server does not tell the schema. Of its own tables a plugin lacks rights on those two kinds only.
    own = name == VERSIONS or name.endswith(FIELDS)
    return no_table(rights, doing, rights.schema if own else "core", name)


def _from_postgres(error: Any) -> Exception:
    table, constraint = error.table_name or "record", error.constraint_name or ""
    columns = _columns_of(table, constraint)
    if not columns:
        match = _KEY.search(error.detail or "")
        columns = _columns(match["columns"]) if match else []
    if error.sqlstate == "23505":
        return _duplicate(table, columns)
    if error.sqlstate == "23503":
        return _missing(table, columns)
    return _broken_rule(table, constraint or error.column_name or str(error))


def _from_sqlite(connection: Connection, writes: Sequence[Write], error: sqlite3.IntegrityError) -> Exception:
    text = str(error)
    kind, _, what = text.partition(" constraint failed")
    what = what.removeprefix(": ")
    if kind == "UNIQUE":
        if what.startswith("index "):
            name = what.removeprefix("index ").strip("'")
            return _duplicate(*_table_and_columns(name))
        names = [part.strip() for part in what.split(",")]
        return _duplicate(names[0].split(".")[0], _columns(", ".join(name.split(".")[-1] for name in names)))
    if kind == "FOREIGN KEY":
        # The anchor of a new record is gone again with the rest of the failed write; it was not what is missing.
        anchors = {write.values.get("id") for write in writes if _table_of(write) is record}
        for write in writes:
            missing = _missing_reference(connection, write, anchors)
            if missing:
                return missing
        return _missing("record", [])
    table, _ = _table_and_columns(what)
    return _broken_rule(table, what)


def _table_and_columns(name: str) -> tuple[str, list[str]]:
    """Return the table a constraint or index belongs to, and its columns without the tenant."""
    for table in (*core.tables.values(), *platform.tables.values()):
        parts: list[Any] = [*table.constraints, *table.indexes]
        for part in parts:
            if part.name == name:
                return str(table.name), [str(column.name) for column in part.columns if column.name != "tenant_id"]
    return name.split(".", maxsplit=1)[0] or "record", []


def _columns_of(table: str, name: str) -> list[str]:
    found, columns = _table_and_columns(name)
    return columns if found == table else []


def _columns(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip().strip('"')) != "tenant_id"]


def _duplicate(table: str, columns: list[str]) -> Duplicate:
    named = " and ".join(columns) or "value"
    message = f"{table}: this {named} is already taken; use another, or change the record that has it"
    return Duplicate(message, record_type=table, fields=columns)


def _missing(table: str, columns: list[str]) -> ReferenceNotFound:
    named = " and ".join(columns) or "a reference"
    message = f"{table}: {named} names a record that does not exist in this tenant; create it first or leave it empty"
    return ReferenceNotFound(message, record_type=table, fields=columns)


def _broken_rule(table: str, rule: str) -> InvalidInput:
    message = f"{table}: the values break the rule {rule}"
    return InvalidInput(message, record_type=table, rule=rule)


def _table_of(write: Write) -> Table | None:
    construct = write.statement.construct
    table: Any = construct.table if isinstance(construct, (Insert, Update)) else None
    return table if isinstance(table, Table) else None


def _missing_reference(connection: Connection, write: Write, anchors: Collection[Any]) -> ReferenceNotFound | None:
    """Look which reference is missing: SQLite does not say. Runs only after a failure."""
    table = _table_of(write)
    for constraint in _foreign_keys(table) if table is not None else ():
        if _dangling(connection, constraint, write, anchors):
            columns = [str(name) for name in constraint.column_keys if name != "tenant_id"]
            return _missing(str(constraint.table.name), columns)
    return None


def _foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    """Return the foreign keys in the order of their columns, in which PostgreSQL checks them."""
    places = {name: place for place, name in enumerate(table.columns.keys())}
    return sorted(table.foreign_key_constraints, key=lambda each: places[each.column_keys[-1]])


def _dangling(connection: Connection, constraint: ForeignKeyConstraint, write: Write, anchors: Collection[Any]) -> bool:
    values = [write.values.get(name) for name in constraint.column_keys]
    if any(value is None for value in values):
        return False
    if constraint.referred_table is record and any(value in anchors for value in values):
        return False
    targets = [element.column for element in constraint.elements]
    conditions = [target == bindparam(f"v{index}", type_=target.type) for index, target in enumerate(targets)]
    statement = Statement(select(targets[0]).where(*conditions).limit(1))
    return not connection.fetch(statement, {f"v{index}": value for index, value in enumerate(values)})
