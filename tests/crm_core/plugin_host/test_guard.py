from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import HookFailed
from crm_core.plugin_host.guard import safe_text
from tests.support.app import run, running
from tests.support.books import BOOK, as_plugin, books, library

if TYPE_CHECKING:
    import threading

    from plugin_sdk import Context
    from tests.support.plugins import MakePlugin


class _Mute(Exception):
    def __str__(self) -> str:
        raise RecursionError


class _Nothing(Exception):
    __str__ = None  # type: ignore[assignment]


@given(st.text())
def test_the_text_of_an_error_can_be_kept_by_every_log_and_database(text: str) -> None:
    told = safe_text(ValueError(text))
    assert told.startswith("ValueError: ")
    assert "\0" not in told
    told.encode()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (_Mute(), "_Mute: (its text cannot be rendered: RecursionError)"),
        (_Nothing(), "_Nothing: (its text cannot be rendered: TypeError)"),
        (ValueError("a\0b\ud800"), "ValueError: a\\0b\\ud800"),
    ],
)
def test_an_error_without_a_text_has_a_name(error: Exception, told: str) -> None:
    assert safe_text(error) == told


def test_more_rows_than_the_budget_are_neither_read_nor_written(database_url: str, make_plugin: MakePlugin) -> None:
    every = sa.select(BOOK.c.id)

    def write(ctx: Context, count: int) -> int:
        rows = [{"tenant_id": ctx.tenant_id, "id": UUID(int=place), "title": str(place)} for place in range(1, count)]
        return ctx.sql.execute(sa.insert(BOOK).values(rows))

    async def scenario() -> None:
        # A job may use ten times as much.
        limits: Any = {"hook_rows_read": 1, "hook_rows_written": 2, "breaker_failures": 100}
        async with library(database_url, books(make_plugin), **limits) as app:
            assert await as_plugin(app, lambda ctx: write(ctx, 16)) == 15
            with pytest.raises(HookFailed, match="30 rows written, and one call may have 20"):
                await as_plugin(app, lambda ctx: [ctx.sql.execute(sa.update(BOOK).values(pages=1)) for _ in range(2)])
            with pytest.raises(HookFailed, match="11 rows read, and one call may have 10"):
                await as_plugin(app, lambda ctx: ctx.sql.rows(every))
            with pytest.raises(HookFailed, match="11 rows read, and one call may have 10"):
                await as_plugin(app, lambda ctx: ctx.sql.rows(every.limit(1_000_000)))
            assert len(await as_plugin(app, lambda ctx: ctx.sql.rows(every.limit(10)))) == 10
            count = sa.select(sa.func.count()).where(BOOK.c.pages == 1)
            assert await as_plugin(app, lambda ctx: ctx.sql.scalar(count)) == 0

    run(scenario())


_STUBBORN = """\
import threading
from plugin_sdk import hookimpl
STARTED, CAUGHT = threading.Event(), []

@hookimpl
def record_after_write(ctx, new):
    while new["name"] == "stubborn":
        STARTED.set()
        try:
            ctx.api.list("account")
        except BaseException as error:
            CAUGHT.append(type(error).__name__)
            return None
"""
_STUBBORN_MANIFEST = '[capabilities]\napi = ["account:read"]\n[hooks.record_after_write]\nrecord_types = ["account"]\n'


def test_a_plugin_cannot_keep_a_cancelled_operation_alive(postgres_url: str, make_plugin: MakePlugin) -> None:
    stubborn = make_plugin("stubborn", _STUBBORN, _STUBBORN_MANIFEST)

    async def scenario() -> None:
        limits: Any = {"hook_statements": 10**6, "hook_rows_read": 10**6, "hook_wall_ms": 60_000}
        async with running(postgres_url, plugins=[stubborn], **limits) as app:
            client, module = app.client(), sys.modules[stubborn.module]
            for name in ("a", "b", "c", "d"):  # until it is called in place, where a cancellation can reach it
                assert (await client.post("/accounts", json={"name": name})).status_code == 201
            request: asyncio.Task[Any] = asyncio.create_task(client.post("/accounts", json={"name": "stubborn"}))
            started: threading.Event = module.STARTED
            assert await asyncio.to_thread(started.wait, 20)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            assert module.CAUGHT == ["CancelledError"]
            names = {each["name"] for each in (await client.get("/accounts")).json()["data"]}
            assert names == {"a", "b", "c", "d"}
            assert (await client.get("/plugins")).json()["data"][0]["health"] is None

    run(scenario())
