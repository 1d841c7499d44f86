from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from crm_core.db.statements import Statement
from crm_core.schema import plugin_health
from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.plugins import MakePlugin

_HOOKS = "from plugin_sdk import hookimpl\n@hookimpl\ndef record_validate(new):\n    return None"
_MANIFEST = '[hooks.record_validate]\nrecord_types = ["account"]'


def test_resuming_a_plugin_that_never_failed_changes_nothing(database_url: str, make_plugin: MakePlugin) -> None:
    sound = make_plugin("sound", _HOOKS, _MANIFEST)

    async def scenario() -> None:
        async with running(database_url, plugins=[sound]) as app:
            client = app.client()
            assert (await client.post("/plugins/sound/resume")).json() == {"resumed": False, "deliveries": 0}
            count = Statement(sa.select(sa.func.count()).select_from(plugin_health))
            assert (await app.as_system(lambda scope: scope.uow.fetch(count, {})))[0][0] == 0
            missing = await client.post("/plugins/nobody/resume")
            assert (missing.status_code, missing.json()["plugin"]) == (404, "nobody")
            assert (await app.client("sales").post("/plugins/sound/resume")).status_code == 403

    run(scenario())


_BROKEN = "from plugin_sdk import hookimpl\n@hookimpl\ndef record_validate(new):\n    raise RuntimeError"


def test_enabling_a_plugin_again_resumes_it(database_url: str, make_plugin: MakePlugin) -> None:
    broken = make_plugin("broken", _BROKEN, _MANIFEST)

    async def scenario() -> None:
        async with running(database_url, plugins=[broken], breaker_rest_seconds=0) as app:
            client = app.client()
            for _ in range(5):
                await client.post("/accounts", json={"name": "A"})
            (shown,) = (await client.get("/plugins")).json()["data"]
            assert shown["state"] == "quarantined"
            assert (await client.post("/plugins/broken/disable")).status_code == 204
            assert (await client.post("/plugins/broken/enable", json={})).status_code == 200
            (shown,) = (await client.get("/plugins")).json()["data"]
            assert (shown["state"], shown["health"]["breaker"], shown["health"]["failures"]) == ("loaded", "closed", 5)

    run(scenario())
