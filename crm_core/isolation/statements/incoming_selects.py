"""Put SELECTs and what they select from together."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from crm_core.isolation.statements.reader import is_name
from crm_core.isolation.statements.types import made_type
from crm_core.isolation.statements.vocabulary import COMPOUNDS, LABEL_STYLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.isolation.statements.reader import Reader

__all__ = ["BUILDERS"]

_TENANT = "tenant_id"
_MOST_COLUMNS = 1600
# Tables are kept, because SQLAlchemy knows equal statements by them; not so large ones that many would fill the memory.
_LARGEST_KEPT = 8 * 1024
_MOST_KEPT = 256
_RECURSIVE = {"UNION": sa.CTE.union, "UNION_ALL": sa.CTE.union_all}
_OnlyTable = tuple[bool, str | None, str, list[tuple[str, str, bytes]]]
_described = msgspec.msgpack.Decoder(_OnlyTable).decode


def _table(_reader: Reader, described: Any) -> Any:
    if type(described) is not bytes:
        raise TypeError("a table that is none")
    return _kept_table(described) if len(described) <= _LARGEST_KEPT else _made_table(described)


def _made_table(described: bytes) -> Any:
    full, schema, name, columns = _described(described)
    names = [name, *([] if schema is None else [schema]), *(each for column in columns for each in column[:2])]
    if not all(map(is_name, names)) or len(columns) > _MOST_COLUMNS:
        raise ValueError(f"{schema}.{name:.50} is no table with columns of plain names")
    for column, key, _ in columns:
        # Whose row it is, is looked for by this name; SQLite takes it in capitals too.
        if _TENANT in (column.lower(), key.lower()) and (column, key) != (_TENANT, _TENANT):
            raise ValueError(
                f"{schema}.{name} has a column {column} with the key {key}; {_TENANT} is called nothing else"
            )
    if full:
        made = [sa.Column(column, made_type(kind), key=key) for column, key, kind in columns]
        return sa.Table(name, sa.MetaData(), *made, schema=schema)
    return sa.table(name, *(sa.column(column, made_type(kind)) for column, _, kind in columns), schema=schema)


_kept_table = lru_cache(maxsize=_MOST_KEPT)(_made_table)


def _cte(reader: Reader, select: Any, name: Any, recursive: Any, nesting: Any) -> Any:
    named = reader.maybe(reader.name, name)
    return reader.select(select).cte(named, recursive=reader.flag(recursive), nesting=reader.flag(nesting))


def _cte_union(reader: Reader, base: Any, keyword: Any, selects: Any) -> Any:
    union = reader.one_of(_RECURSIVE, keyword)
    return union(reader.node(base, sa.CTE), *reader.many(reader.select, selects))


def _cte_alias(reader: Reader, base: Any, name: Any) -> Any:
    return reader.node(base, sa.CTE).alias(reader.maybe(reader.name, name))


def _alias(reader: Reader, source: Any, name: Any) -> Any:
    return sa.alias(reader.source(source), reader.maybe(reader.name, name))


def _subquery(reader: Reader, select: Any, name: Any) -> Any:
    return reader.select(select).subquery(reader.maybe(reader.name, name))


def _lateral(reader: Reader, select: Any, name: Any) -> Any:
    return reader.select(select).lateral(reader.maybe(reader.name, name))


def _join(reader: Reader, *given: Any) -> Any:
    left, right, on, isouter, full = given
    sides = reader.source(left), reader.source(right)
    return sa.join(*sides, reader.expression(on), isouter=reader.flag(isouter), full=reader.flag(full))


def _select(reader: Reader, columns: Any, parts: Any) -> Any:
    made = sa.select(*(reader.node(each, sa.ColumnElement, sa.FromClause) for each in reader.listed(columns)))
    return _completed(reader, made, parts, {**_OF_SELECTS, **_OF_ALL})


def _compound(reader: Reader, keyword: Any, selects: Any, parts: Any) -> Any:
    first, *others = reader.many(reader.select, selects)
    return _completed(reader, reader.one_of(COMPOUNDS, keyword)(first, *others), parts, _OF_ALL)


def _completed(reader: Reader, select: Any, parts: Any, known: dict[str, Any]) -> Any:
    if type(parts) is not dict:
        raise TypeError("parts of a SELECT that are none")
    for name, given in parts.items():
        select = reader.one_of(known, name)(reader, select, given)
    return select


def _distinct(reader: Reader, select: Any, given: Any) -> Any:
    if given is True:
        return select.distinct()
    return select.distinct(*reader.many(reader.expression, given))


def _correlate(reader: Reader, select: Any, given: Any) -> Any:
    except_for, sources = reader.listed(given)
    froms = reader.many(reader.source, sources)
    if reader.flag(except_for):
        return select.correlate_except(*froms) if froms else select.correlate_except(None)
    return select.correlate(*froms) if froms else select.correlate(None)


def _rows(reader: Reader, given: Any) -> Any:
    plain, number = reader.listed(given)
    if not reader.flag(plain):
        return reader.expression(number)
    value = reader.value(number)
    if type(value) is not int:
        raise TypeError("a number of rows that is none")
    return value


def _fetch(reader: Reader, select: Any, given: Any) -> Any:
    plain, number, with_ties, percent = reader.listed(given)
    rows = _rows(reader, [plain, number])
    return select.fetch(rows, with_ties=reader.flag(with_ties), percent=reader.flag(percent))


def _lock(reader: Reader, select: Any, given: Any) -> Any:
    of, nowait, read, skip_locked, key_share = reader.listed(given)
    locked = [reader.node(each, sa.ColumnElement, sa.FromClause) for each in reader.listed(of)]
    return select.with_for_update(
        of=locked or None,
        nowait=reader.flag(nowait),
        read=reader.flag(read),
        skip_locked=reader.flag(skip_locked),
        key_share=reader.flag(key_share),
    )


_OF_ALL: dict[str, Callable[[Reader, Any, Any], Any]] = {
    "group": lambda reader, select, given: select.group_by(*reader.many(reader.expression, given)),
    "order": lambda reader, select, given: select.order_by(*reader.many(reader.expression, given)),
    "limit": lambda reader, select, given: select.limit(_rows(reader, given)),
    "offset": lambda reader, select, given: select.offset(_rows(reader, given)),
    "fetch": _fetch,
    "lock": _lock,
}
_OF_SELECTS: dict[str, Callable[[Reader, Any, Any], Any]] = {
    "from": lambda reader, select, given: select.select_from(*reader.many(reader.source, given)),
    "where": lambda reader, select, given: select.where(*reader.many(reader.expression, given)),
    "having": lambda reader, select, given: select.having(*reader.many(reader.expression, given)),
    "distinct": _distinct,
    "correlate": _correlate,
    "labels": lambda reader, select, given: select.set_label_style(reader.one_of(LABEL_STYLES, given)),
}
BUILDERS: dict[str, Callable[..., Any]] = {
    "table": _table,
    "alias": _alias,
    "subquery": _subquery,
    "lateral": _lateral,
    "cte": _cte,
    "cte_union": _cte_union,
    "cte_alias": _cte_alias,
    "join": _join,
    "select": _select,
    "compound": _compound,
    "select_group": lambda reader, select: reader.select(select).self_group(),
}
