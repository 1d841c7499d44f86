"""Put INSERT, UPDATE and DELETE together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.isolation.statements.reader import Reader

__all__ = ["BUILDERS"]


def _written(reader: Reader, table: Any) -> Any:
    return reader.node(table, sa.TableClause)


def _set(reader: Reader, given: Any) -> dict[str, Any]:
    pairs = map(reader.listed, reader.listed(given))
    return {reader.name(key): reader.item(item) for key, item in pairs}


def _insert(reader: Reader, *given: Any) -> Any:
    table, values, rows, conflict = given
    # PostgreSQL's ON CONFLICT is SQLite's too, and is compiled on both.
    make: Any = sa.insert if conflict is None else postgresql.insert
    insert = make(_written(reader, table))
    known = _set(reader, values)
    if known:
        insert = insert.values(known)
    if rows is not None:
        insert = insert.values(_rows(reader, rows))
    return insert if conflict is None else _on_conflict(reader, insert, *reader.listed(conflict))


def _rows(reader: Reader, given: Any) -> list[dict[str, Any]]:
    keys, rows = reader.listed(given)
    names = reader.many(reader.name, keys)
    if not names or not rows:
        raise ValueError("an INSERT of many rows without any")
    return [dict(zip(names, reader.many(reader.item, row), strict=True)) for row in reader.listed(rows)]


def _on_conflict(reader: Reader, insert: Any, *given: Any) -> Any:
    constraint, elements, index_where, changed, where = given
    target: dict[str, Any] = {
        "index_elements": reader.maybe(lambda each: reader.many(lambda one: _target(reader, one), each), elements),
        "index_where": reader.maybe(reader.expression, index_where),
    }
    if constraint is not None:
        target["constraint"] = reader.identifier(constraint)
    if changed is None:
        return insert.on_conflict_do_nothing(**target)
    set_ = _set(reader, changed)
    return insert.on_conflict_do_update(set_=set_, where=reader.maybe(reader.expression, where), **target)


def _target(reader: Reader, given: Any) -> Any:
    return reader.name(given) if type(given) is str else reader.expression(given)


def _update(reader: Reader, table: Any, changed: Any, ordered: Any, where: Any) -> Any:
    update = sa.update(_written(reader, table))
    values = _set(reader, changed)
    if values:
        update = update.ordered_values(*values.items()) if reader.flag(ordered) else update.values(values)
    return update.where(*reader.many(reader.expression, where))


def _delete(reader: Reader, table: Any, where: Any, using: Any) -> Any:
    delete = sa.delete(_written(reader, table))
    froms = reader.many(reader.source, using)
    if froms:
        delete = delete.using(*froms)
    return delete.where(*reader.many(reader.expression, where))


BUILDERS: dict[str, Callable[..., Any]] = {"insert": _insert, "update": _update, "delete": _delete}
