from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.app import BlockingClient
    from tests.support.plugins import MakePlugin

def test_x(client: BlockingClient) -> None:
    a = client.made("/accounts", {"name": "A"})
    assert client.get(f"/accounts/{a['id']}").json() == a
    assert client.role("read_only").post("/accounts", {"name": "B"}).status_code == 403

def test_y(database_url: str, make_plugin: MakePlugin) -> None:
    p = make_plugin("guard", '''
    from plugin_sdk import hookimpl, Issue
    @hookimpl
    def record_validate(operation, old, new):
        return [Issue("no", "no " + new["name"])]
    ''', '[hooks.record_validate]\nrecord_types = ["account"]')
    async def scenario() -> None:
        async with running(database_url, plugins=[p]) as app:
            r = await app.client().post("/accounts", json={"name": "A"})
            assert r.status_code == 422, r.text
            assert r.json()["issues"][0]["source"] == "guard@1.0.0"
    run(scenario())
