"""Values that no database can keep are refused with plugin, hook and field, wherever a plugin gives them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from plugin_sdk import Rejected
from tests.support.app import run, running
from tests.support.books import BOOK, CHAPTER, as_plugin, books, library

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugin_sdk import Context
    from tests.support.plugins import MakePlugin

_HALF, _NUL, _HUGE = "\ud800stolen", "a\0b", 10**100_000
_PATCHING = """\
from plugin_sdk import Issue, Patch, Rejected, hookimpl

BAD = [None]

def _bad(wanted):
    kind, value = BAD[0] or (None, None)
    return value if kind == wanted else None

@hookimpl
def record_defaults(record_type, draft):
    return Patch({"industry": _bad("defaults")}) if _bad("defaults") else None

@hookimpl
def record_before_write(operation, old, new):
    if _bad("write"):
        return Patch(dict([_bad("write")]))
    return Patch({}, {"tier": _bad("own")}) if _bad("own") else None

@hookimpl
def record_validate(new):
    if _bad("raise"):
        raise Rejected([Issue("code", _bad("raise"))])
    return [Issue("code", _bad("issue"))] if _bad("issue") else None
"""
_HOOKS = ("record_defaults", "record_before_write", "record_validate")
_MANIFEST = (
    "".join(f'[hooks.{hook}]\nrecord_types = ["account"]\n' for hook in _HOOKS)
    + """
[[fields]]
record_type = "account"
key = "tier"
kind = "text"
label = { en = "Tier" }
"""
)
_WRITE = "plugin patcher@1.0.0 in record_before_write: "
_REFUSED: list[Any] = [
    ("defaults", _HALF, "industry", "plugin patcher@1.0.0 in record_defaults: account.industry contains half of a"),
    ("write", ("name", _HALF), "name", f"{_WRITE}account.name contains half of a surrogate pair"),
    ("write", ("name", _NUL), "name", f"{_WRITE}account.name contains a NUL character"),
    ("write", ("name", _HUGE), "name", f"{_WRITE}account.name = (int): Expected `str`"),
    ("write", ("parent_id", _HUGE), "parent_id", f"{_WRITE}account.parent_id = (int): Expected `uuid`"),
    ("write", ("\ud800", "x"), "?", f"{_WRITE}account has no field '\\ud800'"),
    ("own", _HALF, "plugins.patcher.tier", f"{_WRITE}plugins.patcher.tier: "),
    ("own", _HUGE, "plugins.patcher.tier", f"{_WRITE}plugins.patcher.tier: "),
    ("issue", _HALF, None, "plugin patcher@1.0.0 failed in record_validate: WrongResult: "),
    ("issue", _NUL, None, "plugin patcher@1.0.0 failed in record_validate: WrongResult: "),
    ("raise", _HALF, None, "plugin patcher@1.0.0 failed in record_validate: Rejected: \\ud800stolen"),
]


def test_what_hooks_answer_names_plugin_hook_and_field(database_url: str, make_plugin: MakePlugin) -> None:
    patcher = make_plugin("patcher", _PATCHING, _MANIFEST)

    async def scenario() -> None:
        async with running(database_url, plugins=[patcher], breaker_failures=100) as app:
            bad = sys.modules[patcher.module].BAD
            http = app.client()
            for kind, value, field, told in _REFUSED:
                bad[0] = (kind, value)
                answer = await http.post("/accounts", json={"name": "A"})
                problem = answer.json()
                assert problem["detail"].startswith(told), answer.text
                assert len(answer.content) < 2000
                assert problem.get("plugin") == "patcher@1.0.0"
                assert problem.get("field") == field
                assert answer.status_code == (500 if field is None else 422)
                assert problem["code"] != "server_error"
                bad[0] = None
                assert (await http.get("/accounts")).json()["data"] == []
            assert (await http.post("/accounts", json={"name": "A"})).status_code == 201

    run(scenario())


_SQL = "plugin books@1.0.0 in its own work: "


def _inserted(title: object) -> Callable[[Context], object]:
    return lambda ctx: ctx.sql.execute(sa.insert(BOOK).values(id=UUID(int=1), title=title))


_ACCESS: dict[str, tuple[Callable[[Context, Any], object], list[tuple[Any, str]]]] = {
    "ctx.api.create": (
        lambda ctx, value: ctx.api.create("account", {"name": value}),
        [
            (_HALF, "account.name contains half of a surrogate pair"),
            (_NUL, "account.name contains a NUL character"),
            (_HUGE, "account.name = (int): Expected `str`"),
        ],
    ),
    "ctx.api.create money": (
        lambda ctx, value: ctx.api.create("opportunity", {"name": "x", "amount": value, "currency": "EUR"}),
        [(_HUGE, "opportunity.amount"), (_HALF, "opportunity.amount = '\\ud800stolen'")],
    ),
    "ctx.fields.set": (
        lambda ctx, value: ctx.fields.set("account", UUID(int=1), {"f_text": value}),
        [(_HALF, "plugins.books.f_text: "), (_HUGE, "plugins.books.f_text: ")],
    ),
    "ctx.fields.set json": (
        lambda ctx, value: ctx.fields.set("account", UUID(int=1), {"f_json": [{"a": value}]}),
        [(_HALF, "plugins.books.f_json: "), (_HUGE, "plugins.books.f_json: ")],
    ),
    "ctx.sql.execute": (
        lambda ctx, value: ctx.sql.execute(sa.insert(BOOK).values(id=UUID(int=1), title=value)),
        [
            (_HALF, f"{_SQL}the value title of a statement contains half of a surrogate pair"),
            (_NUL, f"{_SQL}the value title of a statement contains a NUL character"),
        ],
    ),
    "ctx.sql.execute number": (
        lambda ctx, value: ctx.sql.execute(sa.insert(CHAPTER).values(id=UUID(int=1), number=value)),
        [(_HUGE, f"{_SQL}the value number of a statement holds a whole number of more than 64 bits")],
    ),
    "ctx.sql.rows": (
        lambda ctx, value: ctx.sql.rows(sa.select(BOOK.c.id).where(BOOK.c.title == value)),
        [(_HALF, f"{_SQL}the value title_1 of a statement contains half of a surrogate pair")],
    ),
    "ctx.sql.rows in": (
        lambda ctx, value: ctx.sql.rows(sa.select(BOOK.c.id).where(BOOK.c.title.in_(["x", value]))),
        [(_HALF, f"{_SQL}the value title_1_2 of a statement contains half of a surrogate pair")],
    ),
}
_API = '[capabilities]\napi = ["account:create", "opportunity:create"]\n'


@pytest.mark.parametrize("access", _ACCESS)
def test_what_contexts_are_given_is_refused_with_the_field(
    database_url: str, make_plugin: MakePlugin, access: str
) -> None:
    use, refused = _ACCESS[access]

    def work(ctx: Context) -> None:
        for value, told in refused:
            with pytest.raises(Rejected) as caught:
                use(ctx, value)
            (issue,) = caught.value.issues
            assert issue.message.startswith(told)
            assert issue.field
            assert len(issue.message) < 1000
        # The operation goes on.
        _inserted("good")(ctx)
        assert ctx.sql.scalar(sa.select(sa.func.count()).select_from(BOOK)) == 1

    async def scenario() -> None:
        async with library(database_url, books(make_plugin, "", _API)) as app:
            await as_plugin(app, work)

    run(scenario())
