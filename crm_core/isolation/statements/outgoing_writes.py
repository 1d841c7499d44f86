"""Take INSERT, UPDATE and DELETE apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import BindParameter, ClauseElement

from crm_core.isolation.statements.vocabulary import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from crm_core.isolation.statements.outgoing import Writer

__all__ = ["WRITERS"]

# ruff: noqa: SLF001 - what these statements are made of has no public names


def _insert(writer: Writer, insert: Any) -> list[Any]:
    _require_write(insert)
    if insert.select is not None:
        raise refusal("INSERT FROM SELECT", "read the rows and insert their values")
    parts = [
        _set(writer, insert.table, (insert._values or {}).items()),
        _rows(writer, insert),
        _conflict(writer, insert) if insert._post_values_clause is not None else None,
    ]
    return ["insert", writer.write(insert.table), *parts]


def _update(writer: Writer, update: Any) -> list[Any]:
    _require_write(update)
    changed = _set(writer, update.table, (update._values or {}).items())
    ordered = bool(update._maintain_values_ordering)
    return ["update", writer.write(update.table), changed, ordered, writer.many(update._where_criteria)]


def _delete(writer: Writer, delete: Any) -> list[Any]:
    _require_write(delete)
    where, using = writer.many(delete._where_criteria), writer.many(delete._extra_froms)
    return ["delete", writer.write(delete.table), where, using]


def _require_write(statement: Any) -> None:
    if statement._returning or statement._return_defaults:
        raise refusal("RETURNING", "read the rows afterwards with ctx.sql.rows")
    if not isinstance(statement.table, sa.TableClause):
        raise refusal(f"{statement.table} for writing", "write to one table of the plugin")
    for name in ("_prefixes", "_hints", "_independent_ctes"):
        if getattr(statement, name, ()):
            raise refusal(f"{name.strip('_')} of a write", "build the statement without them")


def _rows(writer: Writer, insert: Any) -> list[Any] | None:
    """Return the rows of an INSERT of many: the names of the first one's columns, and values in their order."""
    rows: list[Any] = [row for group in insert._multi_values for row in group]
    if not rows:
        return None
    if not all(isinstance(row, dict) for row in rows):
        raise refusal("an insert of many rows without names", "give each row as a dict of its columns")
    keyed = [{_key(key): value for key, value in row.items()} for row in rows]
    names = list(keyed[0])
    if any(len(row) != len(names) or not all(map(row.__contains__, names)) for row in keyed):
        raise refusal("an insert of many rows with different columns", "give each row the same ones")
    kinds = [_type_of(insert.table, name) for name in names]
    return [names, [[_item(writer, row[name], kind) for name, kind in zip(names, kinds, strict=True)] for row in keyed]]


def _set(writer: Writer, table: Any, values: Iterable[tuple[Any, Any]]) -> list[Any]:
    return [[_key(key), _item(writer, value, _type_of(table, _key(key)))] for key, value in values]


def _item(writer: Writer, value: Any, kind: Any) -> int:
    """Return a value as it travels: the number of a construct, or of a plain value, which is then below zero."""
    if type(value) is BindParameter and value.unique and value.type._isnull and value.callable is None:
        value = value.value
    if isinstance(value, ClauseElement):
        return writer.write(value)
    if hasattr(value, "__clause_element__"):
        return writer.write(value.__clause_element__())
    return ~writer.value(value, kind)


def _key(key: Any) -> str:
    return str.__str__(getattr(key, "key", key))


def _type_of(table: Any, key: str) -> Any:
    column = table.c.get(key)
    return sa.types.NULLTYPE if column is None else column.type


def _conflict(writer: Writer, insert: Any) -> list[Any]:
    clause = insert._post_values_clause
    if type(clause) not in _CONFLICTS:
        raise refusal("a syntax extension", "there are on_conflict_do_nothing and on_conflict_do_update")
    elements = clause.inferred_target_elements
    targets = None if elements is None else [_target(writer, each) for each in elements]
    parts = [getattr(clause, "constraint_target", None), targets, writer.maybe(clause.inferred_target_whereclause)]
    changed: Mapping[Any, Any] | None = getattr(clause, "update_values_to_set", None)
    if changed is None:
        return [*parts, None, None]
    return [*parts, _set(writer, insert.table, dict(changed).items()), writer.maybe(clause.update_whereclause)]


def _target(writer: Writer, element: Any) -> str | int:
    return str.__str__(element) if isinstance(element, str) else writer.write(element)


_CONFLICTS = frozenset(
    {
        postgresql.dml.OnConflictDoNothing,
        postgresql.dml.OnConflictDoUpdate,
        sqlite.dml.OnConflictDoNothing,
        sqlite.dml.OnConflictDoUpdate,
    }
)
WRITERS: dict[type, Callable[[Writer, Any], list[Any]]] = {
    sa.Insert: _insert,
    postgresql.Insert: _insert,
    sqlite.Insert: _insert,
    sa.Update: _update,
    sa.Delete: _delete,
}
