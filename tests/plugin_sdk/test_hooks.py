"""The hooks about the plugin itself; and the rule that every hook has a test named after it, here or beside it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crm_core import __version__
from crm_core.jobs import run_due
from crm_core.plugin_host.install import install
from crm_core.plugins.removal import remove, restore
from crm_core.settings import Settings
from plugin_sdk import HOOKS, hookspecs
from tests.plugin_sdk import test_record_hooks
from tests.plugin_sdk.probes import module_of, probe, refused, serving
from tests.support.app import run, running

if TYPE_CHECKING:
    from uuid import UUID

    from crm_core.plugin_host.discovery import Discovered
    from tests.support.plugins import MakePlugin

_REPOSITORY = Path(__file__).parents[2]


def test_hook_routes(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def routes():\n"
        "    from plugin_sdk.http import Route\n"
        "    return [Route('GET', '/echo/{word}', 'account:read', echo, Echo)]\n"
        "from pydantic import BaseModel\n"
        "class Echo(BaseModel):\n    word: str\n"
        "def echo(ctx, request):\n    return {'word': request.path['word'] + ctx.plugin}"
    )

    async def scenario() -> None:
        async with serving(database_url, probe(make_plugin, "routes", code)) as (client, _):
            assert (await client.get("/x/probe/echo/hi")).json() == {"word": "hiprobe"}

    run(scenario())


def test_hook_scheduled_jobs(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def scheduled_jobs():\n    return [Job('nightly', dt.timedelta(days=1), lambda ctx: SEEN.append(ctx.plugin))]"
    )
    plugin = probe(make_plugin, "scheduled_jobs", code)

    async def scenario() -> None:
        async with serving(database_url, plugin) as (_, app):
            report = await run_due(app.runtime)
            assert [(each.name, each.error) for each in report.runs] == [("nightly", None)]
            assert module_of(plugin).SEEN == ["probe"]

    run(scenario())


def test_hook_plugin_check(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def plugin_check(environment):\n"
        "    SEEN.append((environment.core_version, environment.database, dict(environment.plugins)))\n"
        "    return [Issue('hint', 'slow disk', level=Level.WARNING)]"
    )
    plugin = probe(make_plugin, "plugin_check", code)

    async def scenario() -> None:
        async with serving(database_url, plugin) as (_, app):
            dialect = app.runtime.database.dialect.name
            assert module_of(plugin).SEEN[-1] == (__version__, dialect, {"probe": "1.0.0"})

    run(scenario())


def test_hook_plugin_enable(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def plugin_enable(ctx, plugin, version):\n"
        "    limit = ctx.settings['limit']\n"
        "    return [Issue('no', f'{plugin} {version} at {limit}')] if limit > 5 else []"
    )
    settings = '[settings.limit]\nkind = "integer"\ndefault = 5\nlabel = { en = "Limit" }\n'
    plugin = probe(make_plugin, "plugin_enable", code, settings)

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            refused(await client.post("/plugins/probe/enable", json={"settings": {"limit": 6}}), "probe 1.0.0 at 6")
            refused(await client.patch("/plugins/probe/settings", json={"settings": {"limit": 7}}), "probe 1.0.0 at 7")
            assert (await client.post("/plugins/probe/enable", json={"settings": {"limit": 4}})).status_code == 200

    run(scenario())


def test_hook_plugin_enabled(database_url: str, make_plugin: MakePlugin) -> None:
    code = "def plugin_enabled(ctx):\n    ctx.api.create('account', {'name': 'ready'})"
    plugin = probe(make_plugin, "plugin_enabled", code, '[capabilities]\napi = ["account:create"]')

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            assert [each["name"] for each in (await client.get("/accounts")).json()["data"]] == ["ready"]

    run(scenario())


def test_hook_plugin_disabled(database_url: str, make_plugin: MakePlugin) -> None:
    code = "def plugin_disabled(ctx):\n    SEEN.append(ctx.plugin)\n    raise ValueError('never')"
    plugin = probe(make_plugin, "plugin_disabled", code)

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            assert (await client.post("/plugins/probe/disable")).status_code == 204
            assert module_of(plugin).SEEN == ["probe"]
            assert [each["enabled"] for each in (await client.get("/plugins")).json()["data"]] == [False]

    run(scenario())


async def _used(url: str, plugin: Discovered) -> UUID:
    async with running(url, plugins=[plugin]) as app:
        return app.tenant_id


def _goodbye(url: str, plugin: Discovered, export: Path | None, *, purge: bool = False) -> None:
    settings = Settings(database_url=url, plugin_tier="in_process")
    remove(settings, "probe", export=export, purge=purge, actor="tester", discovered=[plugin])


def test_hook_plugin_export(database_url: str, make_plugin: MakePlugin, tmp_path: Path) -> None:
    code = "def plugin_export(ctx):\n    yield {'plugin': ctx.plugin}\n    yield {'tenant': str(ctx.tenant_id)}"
    plugin, file = probe(make_plugin, "plugin_export", code), tmp_path / "probe.jsonl"
    tenant_id = run(_used(database_url, plugin))
    _goodbye(database_url, plugin, file)
    lines = file.read_text().splitlines()[1:-1]
    assert lines == [
        f'{{"tenant": "{tenant_id}", "line": {{"plugin": "probe"}}}}',
        f'{{"tenant": "{tenant_id}", "line": {{"tenant": "{tenant_id}"}}}}',
    ]


def test_hook_plugin_import(database_url: str, make_plugin: MakePlugin, tmp_path: Path) -> None:
    code = (
        "def plugin_import(ctx, lines):\n    SEEN.append((str(ctx.tenant_id), [dict(line) for line in lines]))\n"
        "@hookimpl\ndef plugin_export():\n    return iter([{'n': 1}, {'n': 2}])"
    )
    plugin, file = probe(make_plugin, "plugin_import", code, "[hooks.plugin_export]"), tmp_path / "probe.jsonl"
    tenant_id = run(_used(database_url, plugin))
    _goodbye(database_url, plugin, file)
    install(database_url, [plugin], "probe", core_version=__version__, actor="tester")
    settings = Settings(database_url=database_url, plugin_tier="in_process")
    restore(settings, "probe", file, actor="tester", discovered=[plugin])
    assert [(str(tenant_id), [{"n": 1}, {"n": 2}])] == module_of(plugin).SEEN


@pytest.mark.parametrize("mode", ["keep", "export", "purge"])
def test_hook_plugin_uninstall(database_url: str, make_plugin: MakePlugin, tmp_path: Path, mode: str) -> None:
    code = "def plugin_uninstall(ctx, mode):\n    SEEN.append((ctx.plugin, mode.value))"
    plugin = probe(make_plugin, "plugin_uninstall", code)
    run(_used(database_url, plugin))
    _goodbye(database_url, plugin, tmp_path / "f" if mode == "export" else None, purge=mode == "purge")
    assert [("probe", mode)] == module_of(plugin).SEEN


_TESTS = {**vars(test_record_hooks), **globals()}


def _declared_by_shipped_plugins() -> set[str]:
    manifests = sorted(_REPOSITORY.glob("plugins/*/src/*/crm-plugin.toml"))
    assert manifests
    return {hook for file in manifests for hook in tomllib.loads(file.read_text(encoding="utf-8")).get("hooks", {})}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_tested_and_used(hook: str) -> None:
    assert f"test_hook_{hook}" in _TESTS, f"no test is named after {hook}"
    assert (getattr(hookspecs, hook).__doc__ or "").strip().endswith("."), f"{hook} has no documentation"
    assert hook in _declared_by_shipped_plugins(), f"no shipped plugin uses {hook}; it does not belong in the contract"


def test_no_test_is_named_after_a_hook_that_is_gone() -> None:
    named = {name.removeprefix("test_hook_") for name in _TESTS if name.startswith("test_hook_")}
    assert named == set(HOOKS)
