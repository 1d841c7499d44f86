"""Statements of every kind that a plugin may write, over the tables of ``tests.support.books``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tests.support.books import BOOK, CHAPTER

TENANT = UUID(int=7)
_A, _B = BOOK.alias("a"), BOOK.alias()
_PAGES = sa.func.sum(BOOK.c.pages)
_TITLES = sa.select(BOOK.c.id, BOOK.c.title).where(BOOK.c.pages > 1)
_CTE = _TITLES.cte("titles")
_SUB = _TITLES.subquery()
_CHAPTERS = sa.select(sa.func.count()).select_from(CHAPTER).where(CHAPTER.c.book_id == BOOK.c.id).scalar_subquery()
_NUMBERS = sa.select(sa.literal(1, sa.Integer()).label("n")).cte("numbers", recursive=True)
_NUMBERS = _NUMBERS.union_all(sa.select(_NUMBERS.c.n + 1).where(_NUMBERS.c.n < 5))
_BY_TITLE = sa.case((BOOK.c.title == "x", 1), (BOOK.c.pages.is_(None), 2), else_=3)
_RANK = sa.func.row_number().over(partition_by=BOOK.c.lent, order_by=[BOOK.c.pages.desc(), BOOK.c.id])
_JSON = sa.cast(BOOK.c.title, sa.JSON())

READS: dict[str, Any] = {
    "table": sa.select(BOOK),
    "columns": sa.select(BOOK.c.id, BOOK.c.title.label("Name of it"), sa.null(), sa.true(), sa.literal("x")),
    "comparisons": sa.select(BOOK.c.id).where(
        BOOK.c.pages == 1, BOOK.c.pages != 2, BOOK.c.pages < 3, BOOK.c.price >= Decimal("1.5"), BOOK.c.id != UUID(int=1)
    ),
    "dates": sa.select(BOOK.c.id).where(
        BOOK.c.bought == dt.date(2024, 2, 29), BOOK.c.read_at > dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    ),
    "logic": sa.select(BOOK.c.id).where(
        sa.or_(sa.and_(BOOK.c.pages == 1, ~BOOK.c.lent), sa.not_(BOOK.c.title == "a"), BOOK.c.lent),
        BOOK.c.lent.is_(True) | sa.false(),
    ),
    "not or": sa.select(BOOK.c.id).where(~sa.or_(BOOK.c.pages == 1, BOOK.c.title.is_(None))),
    "lists": sa.select(BOOK.c.id).where(BOOK.c.pages.in_([1, 2]), BOOK.c.title.not_in(["a", "b"])),
    "no list": sa.select(BOOK.c.id).where(BOOK.c.pages.in_([]) | BOOK.c.pages.not_in([])),
    "tuples": sa.select(BOOK.c.id).where(sa.tuple_(BOOK.c.pages, BOOK.c.title).in_([(1, "a"), (2, "b")])),
    "in select": sa.select(BOOK.c.id).where(BOOK.c.id.in_(sa.select(CHAPTER.c.book_id))),
    "not in select": sa.select(BOOK.c.id).where(BOOK.c.id.not_in(sa.select(CHAPTER.c.book_id).limit(2))),
    "like": sa.select(BOOK.c.id).where(
        BOOK.c.title.like("a%"), BOOK.c.title.ilike("b/%", escape="/"), BOOK.c.title.contains("c"),
        BOOK.c.title.startswith("d", autoescape=True), BOOK.c.title.icontains("e"), ~BOOK.c.title.endswith("f"),
    ),
    "between": sa.select(BOOK.c.id).where(BOOK.c.pages.between(1, BOOK.c.pages + 2), ~BOOK.c.pages.between(3, 4)),
    "arithmetic": sa.select(
        (BOOK.c.pages + 1 + 2).label("a"), ((BOOK.c.pages - 1) * 2).label("b"), (-BOOK.c.pages).label("c"),
        (BOOK.c.pages / 2).label("d"), (BOOK.c.pages // 2).label("e"), (BOOK.c.pages % 2).label("f"),
        (BOOK.c.price * BOOK.c.pages).label("g"), (BOOK.c.pages - (BOOK.c.pages - 1)).label("h"),
    ),
    "concat": sa.select((BOOK.c.title + "-" + BOOK.c.title).label("t"), BOOK.c.title.concat("x").label("u")),
    "symbols": sa.select(BOOK.c.title.op("||")("x").label("t"), BOOK.c.pages.bitwise_and(3).label("u")),
    "distinct from": sa.select(BOOK.c.id).where(
        BOOK.c.pages.is_distinct_from(1), BOOK.c.title.is_not_distinct_from("a")
    ),
    "case": sa.select(_BY_TITLE.label("k"), sa.case({1: "a"}, value=BOOK.c.pages, else_="b").label("l")),
    "cast": sa.select(
        sa.cast(BOOK.c.pages, sa.Numeric(10, 2)).label("a"), sa.cast(BOOK.c.title, sa.String(3)).label("b"),
        sa.cast(_PAGES, sa.BigInteger()).label("c"), sa.type_coerce(BOOK.c.pages, sa.BigInteger()).label("d"),
    ),
    "functions": sa.select(
        sa.func.count(), sa.func.count(BOOK.c.title.distinct()), _PAGES, sa.func.coalesce(BOOK.c.title, "x"),
        sa.func.lower(BOOK.c.title), sa.func.round(BOOK.c.price, 1, type_=sa.Numeric()), sa.func.max(BOOK.c.read_at),
    ).group_by(BOOK.c.title, BOOK.c.price),
    "times": sa.select(
        sa.func.now().label("a"), sa.func.current_date().label("b"), sa.func.current_timestamp().label("c")
    ),
    "filtered": sa.select(sa.func.count(BOOK.c.id).filter(BOOK.c.pages > 1, BOOK.c.lent).label("n")),
    "windows": sa.select(
        _RANK.label("r"), sa.func.sum(BOOK.c.pages).over(order_by=BOOK.c.id, rows=(None, 0)).label("s"),
        sa.func.max(BOOK.c.pages).over(order_by=BOOK.c.id, rows=(-2, 3)).label("t"),
        sa.func.count().over().label("u"), sa.func.lag(BOOK.c.pages, 1).over(order_by=BOOK.c.id.desc()).label("v"),
    ),
    "ranked": sa.select(sa.select(BOOK.c.id, _RANK.label("r")).subquery("q")).where(sa.column("r") == 1),
    "order": sa.select(BOOK.c.id, BOOK.c.title.label("t")).order_by(
        BOOK.c.pages.desc().nulls_last(), BOOK.c.title.asc().nulls_first(), "t", sa.desc("t"), BOOK.c.price
    ).limit(3).offset(1),
    "order by label": sa.select((BOOK.c.pages + 1).label("p")).order_by((BOOK.c.pages + 1).label("p").desc()),
    "limit by expression": sa.select(BOOK.c.id).limit(sa.literal(1) + 1),
    "group": sa.select(BOOK.c.lent, _PAGES.label("p")).group_by(BOOK.c.lent).having(_PAGES > 1).order_by(_PAGES),
    "distinct": sa.select(BOOK.c.title).distinct(),
    "aliases": sa.select(_A.c.title, _B.c.pages).where(_A.c.id == _B.c.id),
    "same names": sa.select(BOOK.c.id, CHAPTER.c.id).where(BOOK.c.id == CHAPTER.c.book_id),
    "table names": sa.select(BOOK, CHAPTER).where(BOOK.c.id == CHAPTER.c.book_id).set_label_style(
        sa.LABEL_STYLE_TABLENAME_PLUS_COL
    ),
    "join": sa.select(BOOK.c.title, CHAPTER.c.number).join(CHAPTER, CHAPTER.c.book_id == BOOK.c.id),
    "joins": sa.select(BOOK.c.title).select_from(BOOK).outerjoin(_A, _A.c.id == BOOK.c.id).join(
        _SUB, sa.and_(_SUB.c.id == BOOK.c.id, _SUB.c.title == _A.c.title)
    ),
    "join of joins": sa.select(sa.func.count()).select_from(
        sa.join(BOOK, sa.join(_A, CHAPTER, CHAPTER.c.book_id == _A.c.id), _A.c.id == BOOK.c.id, isouter=True)
    ),
    "full join": sa.select(BOOK.c.id).join(_A, _A.c.pages == BOOK.c.pages, full=True),
    "subquery": sa.select(_SUB.c.title, sa.func.count()).group_by(_SUB.c.title),
    "nameless columns": sa.select(sa.select(sa.func.count(), _PAGES).group_by(BOOK.c.lent).subquery()),
    "scalar": sa.select(BOOK.c.id, _CHAPTERS.label("n"), (_CHAPTERS + 1).label("m")).where(_CHAPTERS > 0),
    "exists": sa.select(BOOK.c.id).where(
        sa.exists().where(CHAPTER.c.book_id == BOOK.c.id), ~sa.select(_A.c.id).where(_A.c.id > BOOK.c.id).exists()
    ),
    "correlated": sa.select(BOOK.c.id).where(
        sa.select(sa.func.max(_A.c.pages)).where(_A.c.title == BOOK.c.title).correlate(BOOK).scalar_subquery() > 1,
        sa.select(sa.func.max(CHAPTER.c.number)).where(CHAPTER.c.book_id == BOOK.c.id).correlate_except(CHAPTER)
        .scalar_subquery() < 9,
    ),
    "any": sa.select(BOOK.c.id).where(BOOK.c.pages == 2 + sa.select(sa.func.max(_A.c.pages)).scalar_subquery()),
    "cte": sa.select(_CTE.c.title).join(BOOK, BOOK.c.id == _CTE.c.id),
    "cte twice": sa.select(_CTE.c.title, _CTE.alias("other").c.title.label("o")),
    "recursive": sa.select(_NUMBERS.c.n),
    "union": sa.union(sa.select(BOOK.c.title), sa.select(_A.c.title)).order_by("title").limit(5),
    "unions": sa.union_all(
        sa.select(BOOK.c.title), sa.except_(sa.select(_A.c.title), sa.select(_B.c.title)).subquery().select()
    ),
    "intersect": sa.intersect(sa.select(BOOK.c.id), sa.select(CHAPTER.c.book_id)),
    "from union": sa.select(sa.union(sa.select(BOOK.c.pages), sa.select(CHAPTER.c.number)).subquery("u").c.pages),
    "locked": sa.select(BOOK.c.id).order_by(BOOK.c.id).with_for_update(),
    "locked of one": sa.select(BOOK.c.id).join(CHAPTER, CHAPTER.c.book_id == BOOK.c.id).with_for_update(
        of=BOOK, skip_locked=True
    ),
    "parts of dates": sa.select(sa.extract("year", BOOK.c.bought).label("y")),
    "json": sa.select(
        _JSON["a"].label("a"), _JSON["a"].as_string().label("b"), _JSON[("a", "1")].as_integer().label("c")
    ),
    "collated": sa.select(BOOK.c.title.collate("C").label("t")).order_by(BOOK.c.title.collate("C")),
    "bind with a name": sa.select(BOOK.c.id).where(
        BOOK.c.title == sa.bindparam("wanted", "a"), BOOK.c.title != sa.bindparam("wanted", "a")
    ),
    "light table": sa.select(
        sa.table("book", sa.column("title", sa.Text()), sa.column("id", sa.Uuid()), schema="plg_books").c.title
    ),
    "blob": sa.select(BOOK.c.id).where(BOOK.c.cover == b"\x00\xff"),
    "grouped": sa.select(BOOK.c.id).where((BOOK.c.pages == 1).self_group(), (BOOK.c.pages + 1).self_group() > 2),
}  # fmt: skip

_KEY = ["tenant_id", "id"]
_ROW: dict[str, Any] = {"tenant_id": TENANT, "id": UUID(int=5), "title": "five"}
_UPSERT = postgresql.insert(BOOK).values(**_ROW)
_SQLITE_UPSERT = sqlite.insert(BOOK).values(**_ROW)

WRITES: dict[str, Any] = {
    "insert": sa.insert(BOOK).values(**_ROW, pages=1, price=Decimal("1.5"), lent=None, cover=b"x"),
    "insert of an expression": sa.insert(BOOK).values(**_ROW, pages=sa.literal(1) + 1),
    "insert by columns": sa.insert(BOOK).values(
        {BOOK.c.tenant_id: TENANT, BOOK.c.id: UUID(int=6), BOOK.c.title: "six"}
    ),
    "upsert": _UPSERT.on_conflict_do_update(index_elements=_KEY, set_={"title": _UPSERT.excluded.title, "pages": 2}),
    "upsert where": _UPSERT.on_conflict_do_update(
        index_elements=[BOOK.c.tenant_id, BOOK.c.id], set_={BOOK.c.pages: BOOK.c.pages + 1}, where=BOOK.c.pages > 1
    ),
    "insert or nothing": _UPSERT.on_conflict_do_nothing(),
    "insert or nothing by key": _UPSERT.on_conflict_do_nothing(index_elements=_KEY),
    "upsert of SQLite": _SQLITE_UPSERT.on_conflict_do_update(index_elements=_KEY, set_={"title": "y"}),
    "insert or nothing of SQLite": _SQLITE_UPSERT.on_conflict_do_nothing(index_elements=_KEY),
    "update": sa.update(BOOK).where(BOOK.c.title == "x").values(pages=BOOK.c.pages + 1, price=None),
    "ordered update": sa.update(BOOK).ordered_values((BOOK.c.pages, 3), (BOOK.c.lent, True)),
    "update by select": sa.update(BOOK).values(pages=_CHAPTERS).where(BOOK.c.id.in_(sa.select(CHAPTER.c.book_id))),
    "update from": sa.update(BOOK).values(pages=CHAPTER.c.number).where(CHAPTER.c.book_id == BOOK.c.id),
    "delete": sa.delete(CHAPTER),
    "delete where": sa.delete(BOOK).where(BOOK.c.pages > 3, sa.or_(BOOK.c.title == "x", BOOK.c.lent)),
    "delete by select": sa.delete(CHAPTER).where(CHAPTER.c.book_id.in_(sa.select(BOOK.c.id).where(BOOK.c.pages > 1))),
}


def many_rows(tenant_id: UUID) -> Any:
    """Return an insert of several rows."""
    rows = [
        {"tenant_id": tenant_id, "id": UUID(int=20 + place), "title": f"t{place}", "pages": place or None}
        for place in range(3)
    ]
    return sa.insert(BOOK).values(rows)
