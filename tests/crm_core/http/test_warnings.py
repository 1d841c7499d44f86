from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.plugins import MakePlugin

HOOKS = """
from plugin_sdk import Issue, Level, Match, hookimpl

@hookimpl
def find_duplicates(ctx, draft):
    return [Match(found.id, 0.5, "the same name") for found in ctx.api.list("account", {"name": draft["name"]}).records]

@hookimpl
def record_validate(new):
    return [Issue("no_industry", "tell the indústry", "industry", Level.WARNING)] if not new["industry"] else None
"""
MANIFEST = """
[capabilities]
api = ["account:read"]
[hooks.find_duplicates]
record_types = ["account"]
[hooks.record_validate]
record_types = ["account"]
"""


def test_what_refuses_nothing_is_told_in_a_header(database_url: str, make_plugin: MakePlugin) -> None:
    async def scenario() -> None:
        async with running(database_url, plugins=[make_plugin("hints", HOOKS, MANIFEST)]) as app:
            client = app.client()
            first = await client.post("/accounts", json={"name": "Acme", "industry": "steel"})
            assert "crm-warnings" not in first.headers
            second = await client.post("/accounts", json={"name": "Acme"})
            assert second.status_code == 201
            told = json.loads(second.headers["crm-warnings"])
            assert [(each["source"], each["code"], each["field"]) for each in told] == [
                ("hints@1.0.0", "duplicate_record", None),
                ("hints@1.0.0", "no_industry", "industry"),
            ]
            assert first.json()["id"] in told[0]["message"]
            assert told[1]["message"] == "tell the indústry"

    run(scenario())
