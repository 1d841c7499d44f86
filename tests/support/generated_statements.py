"""Statements that nobody has thought of: hypothesis puts them together over the tables of ``tests.support.books``."""

from __future__ import annotations

import operator
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from tests.support.books import BOOK, CHAPTER
from tests.support.statements import TENANT

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["reads", "writes"]

_TEXTS = st.text(max_size=5)
_NUMBERS = st.integers(-9, 9) | st.decimals(-9, 9, places=2)
_NAMES = st.sampled_from(["a", "Total %", 'x "y"', "select", "ü", "a.b", "o'clock"])
_ALIASES = st.sampled_from([BOOK, BOOK.alias("a"), BOOK.alias(), sa.select(BOOK).subquery(), sa.select(BOOK).cte("c")])

# Not the table that is joined, which SQLAlchemy would take a subquery's for.
_OTHER = CHAPTER.alias("other")

_ARITHMETIC: list[Callable[[Any, Any], Any]] = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    lambda a, b: a.op("&")(b), lambda a, b: a.op("-", precedence=7)(b),
    sa.func.coalesce, sa.func.greatest,
]  # fmt: skip
_COMPARISONS: list[Callable[[Any, Any], Any]] = [
    operator.eq, operator.ne, operator.lt, operator.ge,
    lambda a, b: a.is_distinct_from(b), lambda a, b: a.between(b, 3), lambda a, b: ~a.between(1, b),
    lambda a, b: a.in_([b, 1]), lambda a, b: a.not_in([1, 2]) | (b == 1), lambda a, _: a.is_(None),
]  # fmt: skip
_LOGIC: list[Callable[[Any, Any], Any]] = [
    sa.and_, sa.or_, lambda a, b: ~(a & b), lambda a, b: ~a | b, lambda a, b: a == b,
    lambda a, b: sa.case((a, b), else_=sa.false()), lambda a, b: a.is_not(True) & ~b,
]  # fmt: skip
_OF_TEXT: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b, lambda a, b: a.concat(b), lambda a, b: sa.func.lower(a) + b,
    lambda a, b: sa.func.replace(a, b, "z"), lambda a, b: sa.case((a == b, a), else_="none"),
    lambda a, b: sa.cast(a, sa.String(4)) + b,
]  # fmt: skip
_TEXT_TESTS: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a.like(b), lambda a, b: a.contains(b), lambda a, b: ~a.startswith(b),
    lambda a, b: a.ilike(b, escape="/"),
    lambda a, b: a == b, lambda a, _: a.in_(["x", "y"]), lambda a, b: sa.tuple_(a, b).in_([("x", "y")]),
]  # fmt: skip


def _pairs(of: st.SearchStrategy[Any], how: list[Callable[[Any, Any], Any]]) -> st.SearchStrategy[Any]:
    return st.builds(lambda make, a, b: make(a, b), st.sampled_from(how), of, of)


@cache
def _numbers(table: Any) -> st.SearchStrategy[Any]:
    literals = _NUMBERS.map(lambda each: sa.literal(each, sa.Numeric(9, 2) if isinstance(each, Decimal) else None))
    leaves = st.sampled_from([table.c.pages, table.c.price, -table.c.pages, _inner(table)]) | literals
    return st.recursive(leaves, lambda inner: _pairs(inner, _ARITHMETIC), max_leaves=5)


def _inner(table: Any) -> Any:
    count = sa.select(sa.func.count()).select_from(_OTHER).where(_OTHER.c.book_id == table.c.id)
    return count.scalar_subquery()


@cache
def _words(table: Any) -> st.SearchStrategy[Any]:
    leaves = st.just(table.c.title) | _TEXTS.map(sa.literal)
    return st.recursive(leaves, lambda inner: _pairs(inner, _OF_TEXT), max_leaves=4)


@cache
def _conditions(table: Any) -> st.SearchStrategy[Any]:
    exists = sa.exists().where(_OTHER.c.book_id == table.c.id)
    leaves = (
        st.sampled_from([table.c.lent, exists, ~exists, table.c.id.in_(sa.select(_OTHER.c.book_id))])
        | _pairs(_numbers(table), _COMPARISONS)
        | _pairs(_words(table), _TEXT_TESTS)
    )
    return st.recursive(leaves, lambda inner: _pairs(inner, _LOGIC), max_leaves=5)


@st.composite
def _select(draw: Any) -> Any:
    table = draw(_ALIASES)
    number, word, condition = draw(_numbers(table)), draw(_words(table)), draw(_conditions(table))
    select = sa.select(number.label(draw(_NAMES)), word.label("word"), sa.cast(condition, sa.Boolean()).label("test"))
    if draw(st.booleans()):
        on = sa.and_(CHAPTER.c.book_id == table.c.id, draw(_conditions(table)))
        select = select.add_columns(CHAPTER.c.number).join_from(table, CHAPTER, on, isouter=draw(st.booleans()))
    select = select.where(*draw(st.lists(_conditions(table), max_size=3)))
    if draw(st.booleans()):
        window = sa.func.sum(number).over(partition_by=word, order_by=table.c.id, rows=(draw(st.integers(-3, 0)), None))
        select = select.add_columns(window.label("window"))
    if draw(st.booleans()):
        select = select.group_by(table.c.id, word).having(sa.func.max(number) > draw(st.integers(0, 9)))
    return draw(st.sampled_from([select, select.distinct(), select.limit(2).offset(1)]))


@st.composite
def reads(draw: Any) -> Any:
    """Generate a SELECT, or several of them together."""
    first = draw(_select())
    kind = draw(st.sampled_from(["alone", "union", "subquery", "cte"]))
    if kind == "alone":
        return first.order_by(sa.desc("word"))
    if kind == "union":
        return draw(st.sampled_from([sa.union, sa.union_all, sa.except_]))(first, first).order_by("word").limit(3)
    inner = first.subquery() if kind == "subquery" else first.cte("inner")
    return sa.select(inner, BOOK.c.id.label("book_id")).where(inner.c.word == BOOK.c.title)


@st.composite
def writes(draw: Any) -> Any:
    """Generate an INSERT, UPDATE or DELETE."""
    conditions = draw(st.lists(_conditions(BOOK), max_size=3))
    kind = draw(st.sampled_from(["insert", "upsert", "update", "delete"]))
    if kind == "delete":
        return sa.delete(BOOK).where(*conditions)
    changed = {"title": draw(_TEXTS | _words(BOOK)), "pages": draw(st.integers(0, 9) | _numbers(BOOK) | st.none())}
    if kind == "update":
        return sa.update(BOOK).values(changed).where(*conditions)
    key = {"tenant_id": TENANT, "id": UUID(int=draw(st.integers(1, 9)))}
    insert = postgresql.insert(BOOK).values({**key, "title": draw(_TEXTS)})
    if kind == "insert":
        return insert
    return insert.on_conflict_do_update(index_elements=list(key), set_=changed, where=sa.and_(sa.true(), *conditions))
