from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.app import BlockingClient
    from tests.support.plugins import MakePlugin

_HOOKS = """
from plugin_sdk import Score, hookimpl

@hookimpl
def score(record):
    if record["name"] == "broken":
        raise ValueError("no idea")
    if record["name"] != "unknown":
        return Score("fit", len(record["name"]), (record.record_type, str(record.fields("fit").get("tier"))))
"""
_MANIFEST = """
[[fields]]
record_type = "lead"
key = "tier"
kind = "text"
label = { en = "Tier" }

[hooks.score]
record_types = ["lead", "account"]
"""


def test_scores_come_with_plugin_and_reasons(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("fit", _HOOKS, _MANIFEST)

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin]) as app:
            client, reader = app.client(), app.client(role="read_only")

            async def scores(path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
                made = (await client.post(f"/{path}", json=body)).json()
                answer = await reader.post(f"/{path}/{made['id']}/score")
                assert answer.status_code == 200, answer.text
                found: list[dict[str, Any]] = answer.json()["scores"]
                return found

            lead = {"name": "Ada", "plugins": {"fit": {"tier": "gold"}}}
            score = {"plugin": "fit", "name": "fit", "value": 3, "reasons": ["lead", "gold"]}
            assert await scores("leads", lead) == [score]
            score = {"plugin": "fit", "name": "fit", "value": 4, "reasons": ["account", "None"]}
            assert await scores("accounts", {"name": "Acme"}) == [score]
            assert await scores("accounts", {"name": "unknown"}) == []
            assert await scores("accounts", {"name": "broken"}) == []
            assert await scores("contacts", {"name": "Ada"}) == []

    run(scenario())


def test_only_record_types_that_fit_have_a_verb(client: BlockingClient) -> None:
    paths = set(client.get("http://crm/openapi.json").json()["paths"])
    moving = {path for path in paths if path.endswith("/{id}/move-stage")}
    assert moving == {f"/api/v1/{name}/{{id}}/move-stage" for name in ("leads", "opportunities", "tickets")}
    merging = {path for path in paths if path.endswith("/{id}/merge")}
    assert merging == {f"/api/v1/{name}/{{id}}/merge" for name in ("accounts", "contacts")}


@pytest.mark.parametrize("verb", ["score", "move-stage", "merge"])
def test_a_verb_on_nothing_is_not_found(client: BlockingClient, verb: str) -> None:
    path = "accounts" if verb == "merge" else "leads"
    nothing = "0190163d-8694-739b-aea5-966c26f8ad91"
    body = {"score": None, "move-stage": {"stage_id": nothing}, "merge": {"loser_id": nothing[:-1] + "2"}}[verb]
    answer = client.post(f"/{path}/{nothing}/{verb}", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
