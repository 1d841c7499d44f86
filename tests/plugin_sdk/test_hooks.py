"""Every hook of the contract, called by a real operation; a hook without a test named after it fails the last one."""

from __future__ import annotations

import sys
import tomllib
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crm_core import __version__
from crm_core.jobs import run_due
from crm_core.outbox import drain
from crm_core.plugin_host.install import install
from crm_core.plugins.removal import remove, restore
from crm_core.settings import Settings
from plugin_sdk import HOOKS, hookspecs
from tests.support.app import run, running
from tests.support.plugins import forget_plugins, write_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import ModuleType
    from uuid import UUID

    import httpx

    from crm_core.plugin_host.discovery import Discovered
    from tests.support.app import RunningApp
    from tests.support.plugins import MakePlugin

_REPOSITORY = Path(__file__).parents[2]
_HEAD = "import datetime as dt\nfrom plugin_sdk import *\nSEEN = []\n@hookimpl\n"
_FIELD = '\n[[fields]]\nrecord_type = "account"\nkey = "rank"\nkind = "integer"\nlabel = { en = "Rank" }\n'


@pytest.fixture
def make_plugin(tmp_path: Path) -> Iterator[MakePlugin]:
    """Give a function that writes a plugin into the test's folder."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    yield partial(write_plugin, folder)
    forget_plugins(folder)


def probe(make_plugin: MakePlugin, hook: str, code: str, more: str = "", record_type: str = "account") -> Discovered:
    """Return a plugin with one hook, for one record type where the hook is about records."""
    about = f'record_types = ["{record_type}"]\n' if HOOKS[hook].by_record_type else ""
    return make_plugin("probe", _HEAD + code, f"[hooks.{hook}]\n{about}{more}")


def module_of(plugin: Discovered) -> ModuleType:
    return sys.modules[plugin.module]


@asynccontextmanager
async def serving(url: str, plugin: Discovered) -> AsyncIterator[tuple[httpx.AsyncClient, RunningApp]]:
    async with running(url, plugins=[plugin]) as app:
        yield app.client(), app


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


def refused(answer: httpx.Response, *messages: str) -> None:
    assert answer.status_code == 422, answer.text
    assert [(each["source"], each["message"]) for each in answer.json()["issues"]] == [
        ("probe@1.0.0", message) for message in messages
    ]


def test_hook_record_defaults(database_url: str, make_plugin: MakePlugin) -> None:
    code = "def record_defaults(draft):\n    return Patch({'website': 'default', 'description': 'set'}, {'rank': 1})"
    plugin = probe(make_plugin, "record_defaults", code, _FIELD)

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            record = await made(client, "/accounts", name="A", website="given")
            assert (record["website"], record["description"]) == ("given", "set")
            assert record["plugins"] == {"probe": {"rank": 1}}

    run(scenario())


def test_hook_record_normalize(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def record_normalize(draft, record_type):\n"
        "    return Patch({'name': f'{record_type} ' + draft['name'].upper()})"
    )

    async def scenario() -> None:
        async with serving(database_url, probe(make_plugin, "record_normalize", code)) as (client, _):
            assert (await made(client, "/accounts", name="acme"))["name"] == "account ACME"
            assert (await made(client, "/contacts", name="ann"))["name"] == "ann"

    run(scenario())


def test_hook_find_duplicates(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def find_duplicates(ctx, draft):\n"
        "    found = ctx.api.list('account', {'name': draft['name']}).records\n"
        "    return [Match(each.id, 0.9, 'the same name', blocks=draft['name'] == 'A') for each in found]"
    )
    plugin = probe(make_plugin, "find_duplicates", code, '[capabilities]\napi = ["account:read"]')

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            first = await made(client, "/accounts", name="A")
            message = f"this account seems to be {first['id']} already: the same name"
            refused(await client.post("/accounts", json={"name": "A"}), message)
            await made(client, "/accounts", name="B")
            await made(client, "/accounts", name="B")

    run(scenario())


def test_hook_record_before_write(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def record_before_write(operation, old, new):\n"
        "    return Patch({'description': f'{operation} {old and old[\"name\"]} {new[\"name\"]}'})"
    )

    async def scenario() -> None:
        async with serving(database_url, probe(make_plugin, "record_before_write", code)) as (client, _):
            record = await made(client, "/accounts", name="A")
            assert record["description"] == "create None A"
            answer = await client.patch(f"/accounts/{record['id']}", json={"name": "B"})
            assert answer.json()["description"] == "update A B"

    run(scenario())


def test_hook_record_validate(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def record_validate(operation, new):\n"
        "    return [Issue('no', f'{operation} refused', 'name'), Issue('hint', 'a hint', level=Level.WARNING)]\\\n"
        "        if new['name'] == 'bad' else [Issue('hint', 'a hint', level=Level.WARNING)]"
    )

    async def scenario() -> None:
        async with serving(database_url, probe(make_plugin, "record_validate", code)) as (client, _):
            refused(await client.post("/accounts", json={"name": "bad"}), "create refused")
            record = await made(client, "/accounts", name="good")
            refused(await client.patch(f"/accounts/{record['id']}", json={"name": "bad"}), "update refused")
            assert (await client.get(f"/accounts/{record['id']}")).json()["name"] == "good"

    run(scenario())


def test_hook_record_after_write(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def record_after_write(ctx, operation, old, new):\n"
        "    SEEN.append((operation.value, old and old['name'], new['name'], new.version))\n"
        "    ctx.fields.set('account', new.id, {'rank': new.version})"
    )
    plugin = probe(make_plugin, "record_after_write", code, _FIELD)

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            path = f"/accounts/{(await made(client, '/accounts', name='A'))['id']}"
            await client.patch(path, json={"name": "B"})
            assert (await client.get(path)).json()["plugins"] == {"probe": {"rank": 2}}
            await client.delete(path)
            await client.post(f"{path}/restore")
            assert module_of(plugin).SEEN == [
                ("create", None, "A", 1),
                ("update", "A", "B", 2),
                ("delete", "B", "B", 3),
                ("restore", "B", "B", 4),
            ]

    run(scenario())


def test_hook_record_committed(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def record_committed(ctx, event):\n"
        "    SEEN.append((event.name, event.record['name'], event.changes['name']))\n"
        "    ctx.fields.set('account', event.record.id, {'rank': 7})"
    )
    plugin = probe(make_plugin, "record_committed", code, _FIELD)

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, app):
            record = await made(client, "/accounts", name="A")
            assert module_of(plugin).SEEN == []
            await drain(app.runtime)
            assert module_of(plugin).SEEN == [("account.created", "A", (None, "A"))]
            assert (await client.get(f"/accounts/{record['id']}")).json()["plugins"] == {"probe": {"rank": 7}}

    run(scenario())


def test_hook_record_before_delete(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def record_before_delete(record):\n"
        "    return [Issue('no', f'{record[\"name\"]} stays')] if record['name'] == 'A' else []"
    )

    async def scenario() -> None:
        async with serving(database_url, probe(make_plugin, "record_before_delete", code)) as (client, _):
            kept, gone = [await made(client, "/accounts", name=name) for name in ("A", "B")]
            refused(await client.delete(f"/accounts/{kept['id']}"), "A stays")
            assert (await client.delete(f"/accounts/{gone['id']}")).status_code == 204
            assert [each["id"] for each in (await client.get("/accounts")).json()["data"]] == [kept["id"]]

    run(scenario())


async def _moved(client: httpx.AsyncClient) -> tuple[dict[str, Any], httpx.Response, list[dict[str, Any]]]:
    """Create an opportunity and move it to another stage of its pipeline; return it, the answer and the stages."""
    record = await made(client, "/opportunities", name="Deal")
    stages = (await client.get("/stages", params={"pipeline_id": record["pipeline_id"], "limit": 50})).json()["data"]
    other = next(each for each in stages if each["id"] != record["stage_id"] and each["category"] == "open")
    answer = await client.post(f"/opportunities/{record['id']}/move-stage", json={"stage_id": other["id"]})
    return record, answer, stages


def test_hook_stage_transition(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def stage_transition(record, from_stage, to_stage):\n"
        "    SEEN.append((from_stage and from_stage.category, to_stage.category))\n"
        "    return [Issue('early', f'too early for {record[\"name\"]}')] if from_stage else None"
    )
    plugin = probe(make_plugin, "stage_transition", code, record_type="opportunity")

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            record, answer, _ = await _moved(client)
            refused(answer, "too early for Deal")
            shown = (await client.get(f"/opportunities/{record['id']}")).json()
            assert shown["stage_id"] == record["stage_id"]
            assert module_of(plugin).SEEN[-1] == ("open", "open")

    run(scenario())


def test_hook_stage_entered(database_url: str, make_plugin: MakePlugin) -> None:
    code = "def stage_entered(event):\n    SEEN.append((event.name, str(event.record['stage_id'])))"
    plugin = probe(make_plugin, "stage_entered", code, record_type="opportunity")

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, app):
            _, answer, _ = await _moved(client)
            assert answer.status_code == 200
            await drain(app.runtime)
            assert module_of(plugin).SEEN[-1] == ("opportunity.stage_entered", answer.json()["stage_id"])

    run(scenario())


def test_hook_lead_convert(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def lead_convert(lead, plan):\n"
        "    SEEN.append((lead['name'], plan.account['name']))\n"
        "    return ConvertPatch(account={'website': 'by plugin'}, contact={'description': 'also'})"
    )
    plugin = probe(make_plugin, "lead_convert", code, record_type="lead")

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            lead = await made(client, "/leads", name="Ann", company="Acme")
            answer = await client.post(f"/leads/{lead['id']}/convert", json={})
            assert answer.status_code in {200, 201}, answer.text
            [account] = (await client.get("/accounts")).json()["data"]
            [contact] = (await client.get("/contacts")).json()["data"]
            assert (account["name"], account["website"], contact["description"]) == ("Acme", "by plugin", "also")
            assert module_of(plugin).SEEN == [("Ann", "Acme")]

    run(scenario())


def test_hook_score(database_url: str, make_plugin: MakePlugin) -> None:
    code = "def score(record):\n    return Score('fit', len(record['name']), ('long name',))"

    async def scenario() -> None:
        async with serving(database_url, probe(make_plugin, "score", code)) as (client, _):
            record = await made(client, "/accounts", name="Acme")
            answer = await client.post(f"/accounts/{record['id']}/score")
            expected = {"plugin": "probe", "name": "fit", "value": 4, "reasons": ["long name"]}
            assert answer.json() == {"scores": [expected]}

    run(scenario())


def test_hook_record_load(database_url: str, make_plugin: MakePlugin) -> None:
    code = (
        "def record_load(ids):\n    SEEN.append(len(ids))\n    return {each: {'rank': 5, 'other': 6} for each in ids}"
    )
    plugin = probe(make_plugin, "record_load", code, _FIELD + "computed = true\n")

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            for name in ("A", "B", "C"):
                await made(client, "/accounts", name=name)
            module_of(plugin).SEEN.clear()
            listed = (await client.get("/accounts")).json()["data"]
            assert [each["plugins"] for each in listed] == [{"probe": {"rank": 5}}] * 3
            assert module_of(plugin).SEEN == [3]

    run(scenario())


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
    settings = Settings(database_url=url)
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
    restore(Settings(database_url=database_url), "probe", file, actor="tester", discovered=[plugin])
    assert [(str(tenant_id), [{"n": 1}, {"n": 2}])] == module_of(plugin).SEEN


@pytest.mark.parametrize("mode", ["keep", "export", "purge"])
def test_hook_plugin_uninstall(database_url: str, make_plugin: MakePlugin, tmp_path: Path, mode: str) -> None:
    code = "def plugin_uninstall(ctx, mode):\n    SEEN.append((ctx.plugin, mode.value))"
    plugin = probe(make_plugin, "plugin_uninstall", code)
    run(_used(database_url, plugin))
    _goodbye(database_url, plugin, tmp_path / "f" if mode == "export" else None, purge=mode == "purge")
    assert [("probe", mode)] == module_of(plugin).SEEN


def _declared_by_shipped_plugins() -> set[str]:
    manifests = sorted(_REPOSITORY.glob("plugins/*/src/*/crm-plugin.toml"))
    assert manifests
    return {hook for file in manifests for hook in tomllib.loads(file.read_text(encoding="utf-8")).get("hooks", {})}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_tested_and_used(hook: str) -> None:
    assert f"test_hook_{hook}" in globals(), f"no test is named after {hook}"
    assert (getattr(hookspecs, hook).__doc__ or "").strip().endswith("."), f"{hook} has no documentation"
    assert hook in _declared_by_shipped_plugins(), f"no shipped plugin uses {hook}; it does not belong in the contract"


def test_no_test_is_named_after_a_hook_that_is_gone() -> None:
    named = {name.removeprefix("test_hook_") for name in globals() if name.startswith("test_hook_")}
    assert named == set(HOOKS)
