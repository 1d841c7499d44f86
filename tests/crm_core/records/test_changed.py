"""The argument ``changed`` of ``record_validate`` and ``record_after_write``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.plugins import MakePlugin

HOOKS = """
from plugin_sdk import Issue, Patch, hookimpl

@hookimpl
def record_before_write(operation, new):
    return Patch({"industry": "steel"}) if new["name"] == "Acme" else None

@hookimpl
def record_validate(changed):
    if "website" in changed:
        return [Issue("seen", ",".join(sorted(changed)))]

@hookimpl
def record_after_write(ctx, operation, new, changed):
    ctx.fields.set("account", new.id, {"seen": f"{operation}:{','.join(sorted(changed))}"})
"""
MANIFEST = """
[[fields]]
record_type = "account"
key = "seen"
kind = "text"
label = { en = "Seen" }
[hooks.record_before_write]
record_types = ["account"]
[hooks.record_validate]
record_types = ["account"]
[hooks.record_after_write]
record_types = ["account"]
"""


def test_it_names_what_differs_and_no_stamps(database_url: str, make_plugin: MakePlugin) -> None:
    async def scenario() -> None:
        async with running(database_url, plugins=[make_plugin("seer", HOOKS, MANIFEST)]) as app:
            client = app.client()
            made = (await client.post("/accounts", json={"name": "Acme", "language": "de"})).json()
            path = f"/accounts/{made['id']}"
            # The owner is the caller, and the patch of the plugin counts like the caller's own values.
            assert made["plugins"]["seer"]["seen"] == "create:industry,language,name,owner_id"
            changed = (await client.patch(path, json={"language": "en", "name": "Acme"})).json()
            assert changed["plugins"]["seer"]["seen"] == "update:language"
            refused = await client.patch(path, json={"website": "https://acme.example", "language": "fr"})
            assert refused.json()["issues"][0]["message"] == "language,website"
            await client.delete(path)
            back = (await client.post(f"{path}/restore")).json()
            assert back["plugins"]["seer"]["seen"] == "restore:deleted_at,deleted_by"

    run(scenario())
