"""What a plugin does that uses too much, from the request to what is left in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from crm_core.db.statements import Statement
from crm_core.schema import account
from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.plugins import MakePlugin

_GREEDY = """\
from plugin_sdk import Rejected, hookimpl

def spin(ctx):
    while True:
        pass

def swallow(ctx):
    while True:
        try:
            ctx.api.list("account", limit=1)
        except BaseException:
            pass

def endless(ctx):
    return iter(int, 1)

def many(ctx):
    for number in range(200):
        ctx.api.create("campaign", {"name": str(number)})

def hidden(ctx):
    try:
        many(ctx)
    except Exception:
        return None

WAYS = {"spin": spin, "swallow": swallow, "many": many, "hidden": hidden}

@hookimpl
def record_after_write(ctx, new):
    return WAYS.get(new["name"], lambda ctx: None)(ctx)

@hookimpl
def record_validate(ctx, new):
    return endless(ctx) if new["name"] == "endless" else None
"""
_GREEDY_MANIFEST = """\
[capabilities]
api = ["account:read", "campaign:create"]
[hooks.record_after_write]
record_types = ["account"]
[hooks.record_validate]
record_types = ["account"]
"""


def test_what_exceeds_its_budget_leaves_nothing_behind_and_hurts_nobody(
    database_url: str, make_plugin: MakePlugin
) -> None:
    greedy = make_plugin("greedy", _GREEDY, _GREEDY_MANIFEST)

    async def scenario() -> None:
        async with running(
            database_url, plugins=[greedy], breaker_failures=100, hook_wall_ms=300, hook_payload_bytes=10_000
        ) as app:
            client = app.client()
            for name, told in {
                "spin": "milliseconds",
                "swallow": "one call may have 100",
                "many": "101 statements, and one call may have 100",
                "hidden": "101 statements, and one call may have 100",
                "endless": "bytes returned, and one call may have 10000",
            }.items():
                answer = await client.post("/accounts", json={"name": name})
                assert (answer.status_code, answer.json()["code"]) == (500, "hook_failed"), name
                assert "plugin greedy@1.0.0 exceeded its budget in record_" in answer.json()["detail"], answer.text
                assert told in answer.json()["detail"], answer.text
                assert (await client.post("/accounts", json={"name": f"after {name}"})).status_code == 201
            assert (await client.get("/campaigns")).json()["data"] == []
            stored = Statement(sa.select(account.c.name))
            names = {name for (name,) in await app.as_system(lambda scope: scope.uow.fetch(stored, {}))}
            assert names == {"after spin", "after swallow", "after many", "after hidden", "after endless"}

    run(scenario())
