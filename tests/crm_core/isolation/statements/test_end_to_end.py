"""Statements that have travelled do on a database what they do at home, and a real worker's do too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core.isolation.statements import incoming, outgoing
from crm_core.isolation.values import decode, encode
from tests.support.app import run
from tests.support.books import BOOK, CHAPTER, books, fill, library
from tests.support.statements import READS, WRITES, many_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.records.scope import Scope
    from plugin_sdk import Context
    from tests.support.app import RunningApp
    from tests.support.plugins import MakePlugin

_EVERYTHING = (sa.select(BOOK).order_by(BOOK.c.id), sa.select(CHAPTER).order_by(CHAPTER.c.id))


class _Undone(Exception):
    """Ends an operation, with what it has found."""


async def _found(app: RunningApp, function: Callable[[Context], Any]) -> Any:
    """Return what a function finds, or how it fails, and take back what it has done."""

    def work(ctx: Context) -> Any:
        fill(ctx)
        return function(ctx)

    def undone(scope: Scope) -> None:
        raise _Undone(scope.hooks.with_context("books", work))

    try:
        await app.as_system(undone)
    except _Undone as found:
        return found.args[0]
    except Exception as error:  # noqa: BLE001 - how it fails is compared
        return type(error), str(error)


def _travelled(statement: Any) -> Any:
    return incoming.decode(decode(encode(outgoing.encode(statement))))


def _read(statement: Any) -> Callable[[Context], Any]:
    return lambda ctx: sorted(ctx.sql.rows(statement), key=str)


def _written(statement: Any) -> Callable[[Context], Any]:
    return lambda ctx: [ctx.sql.execute(statement), *map(ctx.sql.rows, _EVERYTHING)]


def _without_tenant(statement: Any) -> Any:
    """Return an INSERT that leaves the tenant to ctx.sql; the generated ones name one of their own."""
    if not isinstance(statement, sa.Insert) or statement._multi_values:  # noqa: SLF001 - no public name
        return statement
    own: Any = statement.values()
    kept = {key: value for key, value in own._values.items() if "tenant_id" not in str(key)}  # noqa: SLF001 - as above
    own._values = sa.util.immutabledict(kept)  # noqa: SLF001 - as above
    return own


def test_a_statement_that_has_travelled_does_the_same(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = books(make_plugin)

    async def scenario() -> int:
        same = 0
        async with library(database_url, plugin, breaker_failures=1000) as app:
            writes = {**WRITES, "many": many_rows(app.tenant_id)}
            asked = [(name, _read, each) for name, each in READS.items() if name != "times"]
            asked += [
                (name, _written, _without_tenant(each)) for name, each in writes.items() if "of SQLite" not in name
            ]
            for name, ask, statement in asked:
                expected = await _found(app, ask(statement))
                assert await _found(app, ask(_travelled(statement))) == expected, name
                same += isinstance(expected, list)
        return same

    # The others say what is missing in the database: a collation, or a value that is no JSON.
    assert run(scenario()) >= len(READS) + len(WRITES) - 8


_HOOKS = """\
import enum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from plugin_sdk import Issue, Level, hookimpl
from plugin_sdk.db import Namespace


class Reversed(sa.types.TypeDecorator):
    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return value and value[::-1]

    def process_result_value(self, value, dialect):
        return value[::-1]


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


namespace = Namespace("books")
BOOK = namespace.table("book", sa.Column("title", Reversed()), sa.Column("pages", sa.Integer()))
PLAIN = Namespace("books").table("book", sa.Column("title", sa.Enum(Size, native_enum=False)))
ACCOUNT = namespace.core("account", sa.Column("id", sa.Uuid()), sa.Column("name", sa.Text()))


def told(ctx, new):
    sql = ctx.sql
    yield sql.execute(insert(BOOK).values(id=UUID(int=1), title="abc", pages=1))
    yield sql.rows(sa.select(BOOK.c.title, BOOK.c.pages))
    yield sql.rows(sa.select(sa.cast(BOOK.c.title, sa.Text()).label("stored")))
    yield sql.scalar(sa.select(sa.func.max(BOOK.c.title)).where(BOOK.c.title == "abc", BOOK.c.title.in_(["abc", "x"])))
    yield sql.execute(sa.update(BOOK).values(title="xyz").where(BOOK.c.title != "xyz"))
    yield sql.execute(sa.insert(BOOK).values([{"tenant_id": ctx.tenant_id, "id": UUID(int=2), "title": "two"}]))
    yield sql.rows(sa.union_all(sa.select(BOOK.c.title), sa.select(BOOK.c.title)).order_by("title"))
    yield sql.execute(sa.delete(BOOK).where(BOOK.c.title == "two"))
    yield sql.execute(sa.update(PLAIN).values(title=Size.LARGE))
    yield sql.rows(sa.select(PLAIN.c.title).where(PLAIN.c.title == Size.LARGE))
    yield sql.rows(sa.select(ACCOUNT.c.name, BOOK.c.pages).where(ACCOUNT.c.name != "x").join(BOOK, BOOK.c.pages == 1))
    yield type(sql.rows(sa.select(BOOK.c.pages))[0]).__name__
    yield sql.scalar(sa.select(BOOK.c.id).where(BOOK.c.pages > 100))


@hookimpl
def record_validate(ctx, new):
    if new["name"] != "first":
        return [Issue("told", repr(list(told(ctx, new))), level=Level.WARNING)]
"""


def test_types_of_the_plugins_own_stay_in_its_worker(database_url: str, make_plugin: MakePlugin) -> None:
    declared = '[capabilities]\ndata = ["core:read"]\n[hooks.record_validate]\nrecord_types = ["account"]\n'
    plugin = books(make_plugin, _HOOKS, declared)

    async def told(tier: str) -> str:
        async with library(database_url, plugin, tier=tier) as app:
            client = app.client()
            for name in ("first", "second"):
                answer = await client.post("/accounts", json={"name": name})
                assert answer.status_code == 201, answer.text
            warnings: str = json.loads(answer.headers["crm-warnings"])[0]["message"]
            return warnings

    assert run(told("isolated")) == (
        "[1, [{'title': 'abc', 'pages': 1}], [{'stored': 'cba'}], 'abc', 1, 1, "
        "[{'title': 'two'}, {'title': 'two'}, {'title': 'xyz'}, {'title': 'xyz'}], 1, 1, [{'title': <Size.LARGE: 2>}], "
        "[{'name': 'first', 'pages': 1}], 'dict', None]"
    )
