from __future__ import annotations

import enum
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from crm_core.isolation.statements import outgoing
from crm_core.isolation.statements.vocabulary import DEEPEST
from plugin_sdk import NotAllowed
from tests.support.books import BOOK, CHAPTER
from tests.support.statements import TENANT


class _Doubled(sa.types.TypeDecorator[int]):
    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Any) -> int | None:
        del dialect
        return value and value * 2

    def process_result_value(self, value: int | None, dialect: Any) -> int | None:
        del dialect
        return value and value // 2


class _Wrapped(_Doubled):
    cache_ok = True

    def column_expression(self, column: Any) -> Any:
        return sa.func.abs(column)


class _Raw(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "TEXT) FROM core.account --"


class _Mood(enum.StrEnum):
    GOOD = "good"


_META = sa.MetaData(schema="plg_books")
_ODD = sa.Table("odd", _META, sa.Column("pages", _Doubled()), sa.Column("raw", _Raw()))
_INSERT = sa.insert(BOOK)
_REFUSED: dict[str, tuple[Any, str]] = {
    "text": (sa.text("SELECT 1"), "TextClause"),
    "definition": (sa.schema.CreateTable(BOOK), "CreateTable"),
    "string": ("SELECT 1", "str in ctx.sql"),
    "text among columns": (sa.select(sa.text("name FROM core.account")), "textual SQL"),
    "text condition": (sa.select(BOOK.c.id).where(sa.text("1 = 1")), "textual SQL"),
    "literal column": (sa.select(sa.literal_column("x")), "literal_column"),
    "prefix": (sa.select(BOOK.c.id).prefix_with("x"), "a prefix"),
    "suffix": (sa.select(BOOK.c.id).suffix_with("x"), "a suffix"),
    "hint": (sa.select(BOOK.c.id).with_statement_hint("x"), "a hint"),
    "sequence": (sa.select(sa.Sequence("numbers").next_value()), "a sequence"),
    "function of a schema": (sa.select(sa.func.core.count()), "the function count of a schema"),
    "own type": (sa.select(sa.cast(BOOK.c.title, _Raw())), "the type _Raw()"),
    "own type of a column": (sa.select(_ODD.c.pages), "the type _Raw()"),
    "returning": (sa.delete(BOOK).returning(BOOK.c.id), "RETURNING"),
    "write in a CTE": (sa.select(sa.delete(BOOK).returning(BOOK.c.id).cte("gone").c.id), "inside another statement"),
    "insert from select": (_INSERT.from_select(["id"], sa.select(BOOK.c.id)), "INSERT FROM SELECT"),
    "rows without names": (_INSERT.values([(TENANT, UUID(int=1))]), "without names"),
    "rows of other columns": (_INSERT.values([{"id": UUID(int=1)}, {"title": "x"}]), "with different columns"),
    "regular expression": (sa.select(BOOK.c.title.regexp_match("x")), "the operator regexp_match_op"),
    "array": (sa.select(postgresql.array([1, 2])), "a array"),
    "no value": (sa.select(BOOK.c.id).where(BOOK.c.title == sa.bindparam("x")), "bindparam('x') without a value"),
    "literal value": (
        sa.select(sa.bindparam("x", "y", literal_execute=True)), "literal_execute in ctx.sql; leave it out",
    ),
    "join on nothing": (sa.select(BOOK.c.id).join(CHAPTER), "a Select that has no SQL"),
}  # fmt: skip


@pytest.mark.parametrize("name", _REFUSED)
def test_what_cannot_travel_is_named_with_what_to_do(name: str) -> None:
    statement, told = _REFUSED[name]
    with pytest.raises(NotAllowed) as caught:
        outgoing.encode(statement)
    text = str(caught.value)
    assert text.startswith("the plugin may not use ")
    assert told in text
    assert "; " in text


def test_a_statement_without_end_is_refused_in_the_worker() -> None:
    deep: Any = BOOK.c.pages
    for _ in range(DEEPEST * 20):
        deep = sa.func.abs(deep)
    with pytest.raises(NotAllowed, match="so many levels"):
        outgoing.encode(sa.select(deep))
    many = sa.or_(*(BOOK.c.pages == number for number in range(20_000)))
    with pytest.raises(NotAllowed, match="so large a statement"):
        outgoing.encode(sa.select(BOOK.c.id).where(many))


def test_values_are_what_the_plugins_types_make_of_them() -> None:
    table = sa.Table("odd", sa.MetaData(), sa.Column("pages", _Doubled()), sa.Column("mood", sa.Text()))
    read = sa.select(table.c.pages, table.c.mood).where(table.c.pages == 3, table.c.pages.in_([4, 5]))
    assert outgoing.encode(read.where(table.c.mood == _Mood.GOOD))[1] == [6, [8, 10], "good"]
    assert type(outgoing.encode(sa.select(sa.literal(_Mood.GOOD, sa.Text())))[1][0]) is str
    assert outgoing.encode(sa.insert(table).values(pages=7))[1] == [14]
    assert outgoing.encode(sa.insert(table).values([{"pages": 1}, {"pages": 2}]))[1] == [2, 4]
    upsert = postgresql.insert(table).values(pages=1)
    upsert = upsert.on_conflict_do_update(index_elements=["mood"], set_={"pages": 5})
    assert outgoing.encode(upsert)[1] == [2, 10]


def test_rows_are_what_the_plugins_types_make_of_them() -> None:
    table = sa.Table("odd", sa.MetaData(), sa.Column("pages", _Doubled()), sa.Column("mood", sa.Enum(_Mood)))
    rows: list[Any] = [{"pages": 6, "mood": "GOOD"}, {"pages": None, "mood": None}]
    read = sa.select(table.c.pages, table.c.mood)
    loaded = [{"pages": 3, "mood": _Mood.GOOD}, {"pages": None, "mood": None}]
    assert outgoing.results(read, rows) == loaded
    assert outgoing.results(sa.union_all(read, read), rows) == loaded
    assert outgoing.results(sa.select(table), rows) == loaded
    assert outgoing.results(sa.select(sa.func.max(table.c.pages).label("m")), [{"m": 8}]) == [{"m": 4}]
    plain = sa.select(BOOK.c.pages)
    assert outgoing.results(plain, rows) is rows


def test_a_type_with_sql_of_its_own_is_refused() -> None:
    table = sa.Table("odd", sa.MetaData(), sa.Column("wrapped", _Wrapped()))
    with pytest.raises(NotAllowed, match="the type _Wrapped with SQL of its own"):
        outgoing.encode(sa.select(table.c.wrapped).where(table.c.wrapped == 1))
    with pytest.raises(NotAllowed, match="the type _Wrapped with SQL of its own"):
        outgoing.encode(sa.select(table.c.wrapped))
