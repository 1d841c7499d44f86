"""Take SELECTs and what they select from apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa
from sqlalchemy.sql import selectable
from sqlalchemy.sql.elements import ClauseList

from crm_core.isolation.statements.outgoing_expressions import name_of
from crm_core.isolation.statements.types import written_type
from crm_core.isolation.statements.vocabulary import COMPOUNDS, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crm_core.isolation.statements.outgoing import Writer

__all__ = ["WRITERS"]

# What each table has become, with how many columns it had: one may be added until its first use.
_tables: WeakKeyDictionary[Any, tuple[int, bytes]] = WeakKeyDictionary()

_PLAIN = "build the statement without it"
_REFUSED = {
    "_prefixes": "a prefix",
    "_suffixes": "a suffix",
    "_hints": "a hint",
    "_statement_hints": "a hint",
    "_independent_ctes": "add_cte",
    "_post_select_clause": "a syntax extension",
    "_pre_columns_clause": "a syntax extension",
    "_post_criteria_clause": "a syntax extension",
    "_post_body_clause": "a syntax extension",
    "_with_options": "an option",
    "_memoized_select_entities": "with_only_columns after a join",
}


def _require_plain(element: Any) -> None:
    """Raise where a construct has additions that are text, or that nobody has needed."""
    for name, what in _REFUSED.items():
        added = getattr(element, name, None)
        if added is not None and added != () and added != {}:  # noqa: PLR1714 - a clause compares as SQL does
            raise refusal(what, _PLAIN)


def _table(_writer: Writer, table: Any) -> list[Any]:
    columns = table.c
    known = _tables.get(table)
    if known is None or known[0] != len(columns):
        described = [[str.__str__(each.name), str.__str__(each.key), written_type(each.type)] for each in columns]
        schema = None if table.schema is None else str.__str__(table.schema)
        full = isinstance(table, sa.Table)
        known = (len(columns), msgspec.msgpack.encode([full, schema, str.__str__(table.name), described]))
        _tables[table] = known
    return ["table", known[1]]


def _alias(kind: str) -> Callable[[Writer, Any], list[Any]]:
    def write(writer: Writer, alias: Any) -> list[Any]:
        return [kind, writer.write(alias.element), name_of(alias.name)]

    return write


def _cte(writer: Writer, cte: Any) -> list[Any]:
    _require_plain(cte)
    if cte._cte_alias is not None:
        return ["cte_alias", writer.write(cte._cte_alias), name_of(cte.name)]
    if cte._restates is not None:
        base, added = writer.write(cte._restates), cte.element
        return ["cte_union", base, added.keyword.name, writer.many(added.selects[1:])]
    if not isinstance(cte.element, sa.Select | sa.CompoundSelect):
        raise refusal("a write inside another statement", "run it with ctx.sql.execute")
    return ["cte", writer.write(cte.element), name_of(cte.name), bool(cte.recursive), bool(cte.nesting)]


def _join(writer: Writer, join: Any) -> list[Any]:
    parts = [writer.write(part) for part in (join.left, join.right, join.onclause)]
    return ["join", *parts, bool(join.isouter), bool(join.full)]


def _select(writer: Writer, select: Any) -> list[Any]:
    _require_plain(select)
    joined = bool(select._setup_joins)
    # What is joined, and on what, has been worked out from foreign keys, of which the host knows nothing.
    froms = select.get_final_froms() if joined else select._from_obj
    columns = writer.many(select._raw_columns)
    return ["select", columns, {name: part for name, part in _parts_of_select(writer, select, froms) if part}]


def _parts_of_select(writer: Writer, select: Any, froms: Any) -> Iterator[tuple[str, Any]]:
    # ruff: noqa: SLF001 - what a SELECT is made of has no public names
    yield "from", writer.many(froms)
    yield "where", writer.many(select._where_criteria)
    yield "having", writer.many(select._having_criteria)
    yield "distinct", writer.many(select._distinct_on) or bool(select._distinct)
    if not select._auto_correlate:
        except_for = select._correlate_except
        yield "correlate", [except_for is not None, writer.many(except_for or select._correlate)]
    if select._label_style is not sa.LABEL_STYLE_DEFAULT:
        yield "labels", select._label_style.name
    yield from _parts(writer, select)


def _parts(writer: Writer, select: Any) -> Iterator[tuple[str, Any]]:
    yield "group", writer.many(_flat(select._group_by_clauses))
    yield "order", writer.many(_flat(select._order_by_clauses))
    yield "limit", _limit(writer, select._limit_clause)
    yield "offset", _limit(writer, select._offset_clause)
    if select._fetch_clause is not None:
        options = select._fetch_clause_options
        yield "fetch", [*_limit(writer, select._fetch_clause), bool(options["with_ties"]), bool(options["percent"])]
    lock = select._for_update_arg
    if lock is not None:
        switches = (lock.nowait, lock.read, lock.skip_locked, lock.key_share)
        yield "lock", [writer.many(lock.of or ()), *map(bool, switches)]


def _flat(clauses: Any) -> Iterator[Any]:
    """Yield clauses one by one: SQLAlchemy makes a list of its columns where rows are grouped by a function."""
    for clause in clauses:
        if type(clause) is ClauseList:
            yield from _flat(clause.clauses)
        else:
            yield clause


def _limit(writer: Writer, clause: Any) -> list[Any]:
    """Return a number of rows as it travels: whether it is a plain one, and the value or the construct."""
    if clause is None:
        return []
    if isinstance(clause, selectable._OffsetLimitParam):
        return [True, writer.value(clause.effective_value, clause.type)]
    return [False, writer.write(clause)]


def _compound(writer: Writer, compound: Any) -> list[Any]:
    _require_plain(compound)
    if compound.keyword.name not in COMPOUNDS:
        raise refusal(compound.keyword.value, f"there are {', '.join(COMPOUNDS)}")
    selects = writer.many(compound.selects)
    return ["compound", compound.keyword.name, selects, {name: part for name, part in _parts(writer, compound) if part}]


WRITERS: dict[type, Callable[[Writer, Any], list[Any]]] = {
    sa.Table: _table,
    sa.TableClause: _table,
    sa.Alias: _alias("alias"),
    sa.Subquery: _alias("subquery"),
    sa.Lateral: _alias("lateral"),
    sa.CTE: _cte,
    sa.sql.selectable.Join: _join,
    sa.Select: _select,
    sa.CompoundSelect: _compound,
}
