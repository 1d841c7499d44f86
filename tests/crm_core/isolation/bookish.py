"""A plugin with tables that says what becomes of each statement, good or bad: those the names of accounts ask for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.books import books

if TYPE_CHECKING:
    from crm_core.plugin_host.discovery import Discovered
    from tests.support.plugins import MakePlugin

_HOOKS = """
import datetime as dt
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from plugin_sdk import Issue, Level, hookimpl
from plugin_sdk.db import Namespace

BOOK = Namespace("books").table(
    "book",
    sa.Column("title", sa.Text(), nullable=False),
    sa.Column("pages", sa.Integer()),
    sa.Column("price", sa.Numeric(19, 4)),
    sa.Column("bought", sa.Date()),
    sa.Column("read_at", sa.DateTime(timezone=True)),
    sa.Column("lent", sa.Boolean()),
    sa.Column("cover", sa.LargeBinary()),
)
OTHER = Namespace("shelves").table("shelf")
ACCOUNT = sa.table("account", sa.column("id"), sa.column("name"), schema="core")
VALUES = {
    "id": UUID(int=7), "title": "Ünï '", "pages": 2**31 - 1, "price": Decimal("12.5"), "bought": dt.date(2024, 2, 29),
    "read_at": dt.datetime(2020, 1, 2, 3, 4, 5, 6, dt.UTC), "lent": True, "cover": b"\\x00\\xff",
}
ALL = sa.select(BOOK).order_by(BOOK.c.title)
COPY = insert(BOOK).values(id=UUID(int=9), title="Ünï '")

DEEDS = {
    "insert": lambda sql: sql.execute(sa.insert(BOOK).values(**VALUES)),
    "insert many": lambda sql: sql.execute(
        sa.insert(BOOK).values([{"id": UUID(int=n), "title": f"t{n}", "tenant_id": TENANT[0]} for n in (1, 2, 3)])
    ),
    "read": lambda sql: [sorted(row.items()) for row in sql.rows(ALL)],
    "count": lambda sql: sql.scalar(sa.select(sa.func.count()).select_from(BOOK)),
    "sums": lambda sql: sql.rows(sa.select(BOOK.c.lent, sa.func.sum(BOOK.c.price).label("sum")).group_by(BOOK.c.lent)
                                 .order_by(BOOK.c.lent.is_(None))),
    "like": lambda sql: sql.scalar(sa.select(BOOK.c.title).where(BOOK.c.title.like("t%")).order_by(BOOK.c.id).limit(1)),
    "case": lambda sql: [dict(row) for row in sql.rows(
        sa.select(sa.case((BOOK.c.pages > 5, "long"), else_="short").label("k")).order_by("k").distinct())],
    "nobody": lambda sql: sql.scalar(sa.select(BOOK.c.id).where(BOOK.c.title == "none")),
    "same title": lambda sql: sql.execute(sa.insert(BOOK).values(id=UUID(int=8), title="t1")),
    "same title, never mind": lambda sql: sql.execute(COPY.on_conflict_do_nothing()),
    "no title": lambda sql: sql.execute(sa.insert(BOOK).values(id=UUID(int=8))),
    "wrong value": lambda sql: sql.execute(sa.insert(BOOK).values(id=UUID(int=8), title="x", pages="many")),
    "update": lambda sql: sql.execute(sa.update(BOOK).where(BOOK.c.title == "t2").values(pages=7, lent=False)),
    "delete": lambda sql: sql.execute(sa.delete(BOOK).where(BOOK.c.id.in_([UUID(int=1), UUID(int=3)]))),
    "another tenant": lambda sql: sql.execute(sa.insert(BOOK).values(id=UUID(int=8), title="x", tenant_id=UUID(int=8))),
    "move to another tenant": lambda sql: sql.execute(sa.update(BOOK).values(tenant_id=UUID(int=8))),
    "text": lambda sql: sql.rows(sa.text("SELECT 1")),
    "string": lambda sql: sql.rows("SELECT 1"),
    "literal": lambda sql: sql.rows(sa.select(sa.literal_column("1"))),
    "core": lambda sql: sql.rows(sa.select(ACCOUNT.c.name)),
    "core write": lambda sql: sql.execute(sa.update(ACCOUNT).values(name="taken")),
    "another plugin": lambda sql: sql.rows(sa.select(OTHER)),
    "function": lambda sql: sql.rows(sa.select(sa.func.pg_sleep(1))),
    "returning": lambda sql: sql.execute(sa.delete(BOOK).returning(BOOK.c.id)),
    "definition": lambda sql: sql.execute(sa.schema.CreateTable(BOOK)),
    "drop": lambda sql: sql.execute(sa.schema.DropTable(BOOK)),
    "select as write": lambda sql: sql.execute(ALL),
    "write as select": lambda sql: sql.rows(sa.delete(BOOK)),
    "two of a name": lambda sql: sql.rows(sa.select(BOOK.c.id, BOOK.c.title.label("id"))),
    "number": lambda sql: sql.rows(7),
    "read again": lambda sql: [sorted(row.items()) for row in sql.rows(ALL)],
}
TENANT = []


@hookimpl
def record_validate(ctx, new):
    deed = DEEDS.get(new["name"])
    if deed is None:
        return []
    TENANT[:] = [ctx.tenant_id]
    try:
        told = repr(deed(ctx.sql))
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
    return [Issue("told", told, level=Level.WARNING)]


@hookimpl
def record_before_delete(ctx, record):
    for number in range(100):
        ctx.sql.rows(ALL.where(BOOK.c.pages == number))
    ctx.sql.rows(ALL)
"""
DEEDS = tuple(re.findall(r'^    "(.+?)": lambda sql', _HOOKS, re.MULTILINE))
"""Names of accounts for which a statement is executed."""


def bookish(make_plugin: MakePlugin) -> Discovered:
    """Write the plugin."""
    declared = "".join(
        f'\n[hooks.{hook}]\nrecord_types = ["account"]\n' for hook in ("record_validate", "record_before_delete")
    )
    return books(make_plugin, _HOOKS, declared)
