from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from crm_core.actors import system_actor
from crm_core.errors import InvalidInput, PluginError, Refused
from crm_core.plugins.listing import of_tenant
from crm_core.plugins.service import disable, enable
from crm_core.records.create import create
from crm_core.runtime import opened
from crm_core.settings import Settings
from tests.support.app import run, running

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.runtime import Runtime
    from tests.support.plugins import MakePlugin

_GUARD = """\
from plugin_sdk import Issue, hookimpl

@hookimpl
def record_validate(new):
    return [Issue("no", "nothing passes")]
"""
_ON_ACCOUNTS = '[hooks.record_validate]\nrecord_types = ["account"]\n'
_SETTINGS = """\
[settings.limit]
kind = "integer"
default = 5
label = { en = "Limit" }
[settings.mode]
kind = "choice"
choices = ["soft", "hard"]
default = "soft"
label = { en = "Mode" }
[settings.token]
kind = "text"
secret = true
label = { en = "Token" }
"""
_VETO = """\
from plugin_sdk import Issue, Level, hookimpl

@hookimpl
def plugin_enable(ctx, plugin, version):
    if plugin == "wild":
        return [Issue("unplanned", f"{plugin} {version} has no approved plan")]
    return [Issue("note", f"{plugin} is fine", level=Level.WARNING)]
"""


async def _status(runtime: Runtime, tenant_id: UUID) -> int:
    """Create an account as a process would, and tell how it went."""
    try:
        await runtime.run(system_actor(tenant_id), lambda scope: create(scope, scope.entity("account"), {"name": "A"}))
    except Refused:
        return 422
    return 201


def test_enabling_is_seen_by_other_processes_without_a_restart(database_url: str, make_plugin: MakePlugin) -> None:
    guard = make_plugin("guard", _GUARD, _ON_ACCOUNTS)

    async def scenario() -> None:
        settings = Settings(database_url=database_url, plugin_tier="in_process", background=False, refresh_seconds=0)
        async with running(database_url, plugins=[guard]) as app, opened(settings, discovered=[guard]) as second:
            other = await app.add_tenant("other")
            assert [await _status(second, tenant) for tenant in (app.tenant_id, other)] == [422, 201]
            await app.as_system(lambda scope: disable(scope, "guard"))
            assert [await _status(second, tenant) for tenant in (app.tenant_id, other)] == [201, 201]
            await app.as_system(lambda scope: enable(scope, "guard", None), tenant_id=other)
            assert [await _status(second, tenant) for tenant in (app.tenant_id, other)] == [201, 422]
            # The process that changed it sees it at once.
            assert [await _status(app.runtime, tenant) for tenant in (app.tenant_id, other)] == [201, 422]

    run(scenario())


def test_a_process_looks_again_after_its_time(database_url: str, make_plugin: MakePlugin) -> None:
    guard = make_plugin("guard", _GUARD, _ON_ACCOUNTS)

    async def scenario() -> None:
        settings = Settings(database_url=database_url, plugin_tier="in_process", background=False, refresh_seconds=3600)
        async with running(database_url, plugins=[guard]) as app, opened(settings, discovered=[guard]) as second:
            assert await _status(second, app.tenant_id) == 422
            await app.as_system(lambda scope: disable(scope, "guard"))
            assert await _status(second, app.tenant_id) == 422
            second._looked -= 3601  # noqa: SLF001 - an hour later
            assert await _status(second, app.tenant_id) == 201

    run(scenario())


def test_needed_plugins_come_first_and_go_last(database_url: str, make_plugin: MakePlugin) -> None:
    plain, needing = make_plugin("plain", ""), make_plugin("needing", "", '[requires]\nplain = "*"')

    async def scenario() -> None:
        async with running(database_url, plugins=[plain, needing]) as app:
            with pytest.raises(PluginError, match=r"needing@1\.0\.0 needs plain and is enabled; disable needing first"):
                await app.as_system(lambda scope: disable(scope, "plain"))
            for name in ("needing", "plain"):
                await app.as_system(partial(disable, name=name))
            with pytest.raises(PluginError, match=r"which this tenant has not enabled; enable plain first"):
                await app.as_system(lambda scope: enable(scope, "needing", None))
            with pytest.raises(PluginError, match="plugin plain is not enabled for this tenant"):
                await app.as_system(lambda scope: disable(scope, "plain"))
            with pytest.raises(PluginError, match="there is no plugin 'absent'; crm plugin list shows those there are"):
                await app.as_system(lambda scope: enable(scope, "absent", None))

    run(scenario())


def test_an_enabled_plugin_may_refuse_another(database_url: str, make_plugin: MakePlugin) -> None:
    veto, tame = make_plugin("veto", _VETO, "[hooks.plugin_enable]"), make_plugin("tame", "")
    wild = make_plugin("wild", "")

    async def scenario() -> None:
        async with running(database_url, plugins=[wild, veto, tame]) as app:
            assert await app.as_system(lambda scope: enable(scope, "tame", None)) == ["tame is fine"]
            await app.as_system(lambda scope: disable(scope, "wild"))
            answer = await app.client().post("/plugins/wild/enable", json={})
            assert answer.status_code == 422
            assert answer.json()["issues"] == [
                {"source": "veto@1.0.0", "code": "unplanned", "message": "wild 1.0.0 has no approved plan"}
                | ({"field": None} if "field" in answer.json()["issues"][0] else {})
            ]
            shown = {each["id"]: each["enabled"] for each in await app.as_system(of_tenant)}
            assert shown == {"tame": True, "veto": True, "wild": False}

    run(scenario())


def test_settings_are_checked_and_secrets_never_shown(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("tuned", "", _SETTINGS)

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin], settings={"tuned": {"token": "s3cret"}}) as app:
            client = app.client()
            wrong = {"limit": "many", "mode": "medium", "unknown": 1}
            with pytest.raises(InvalidInput) as caught:
                await app.as_system(lambda scope: enable(scope, "tuned", wrong))
            for name in wrong:
                assert name in caught.value.message
            answer = await client.patch("/plugins/tuned/settings", json={"settings": wrong})
            assert answer.status_code == 422
            answer = await client.patch("/plugins/tuned/settings", json={"settings": {"limit": 9, "mode": "hard"}})
            assert answer.status_code == 204
            answer = await client.patch("/plugins/tuned/settings", json={"settings": {"mode": None}})
            assert answer.status_code == 204
            listed = await client.get("/plugins")
            [shown] = listed.json()["data"]
            assert shown["settings"] == {"token": "•••", "limit": 9}
            assert "s3cret" not in listed.text
            settings = await app.as_system(lambda scope: dict(scope.hooks.tenant.enabled["tuned"]))
            assert settings == {"token": "s3cret", "limit": 9, "mode": "soft"}
            # Disabled and enabled again it has the settings of the last time.
            assert (await client.post("/plugins/tuned/disable")).status_code == 204
            assert (await client.post("/plugins/tuned/enable", json={})).status_code == 200
            assert await app.as_system(lambda scope: dict(scope.hooks.tenant.enabled["tuned"])) == settings

    run(scenario())


def test_only_administrators_manage_plugins(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("plain", "")

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin]) as app:
            client = app.client("sales")
            for method, path, body in (
                ("POST", "/plugins/plain/disable", None),
                ("POST", "/plugins/plain/enable", {}),
                ("PATCH", "/plugins/plain/settings", {"settings": {}}),
            ):
                answer: Any = await client.request(method, path, json=body)
                assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")

    run(scenario())
