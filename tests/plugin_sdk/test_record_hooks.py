"""The hooks about records, each called by a real operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_core.outbox import drain
from tests.plugin_sdk.probes import FIELD, made, module_of, probe, refused, serving
from tests.support.app import run

if TYPE_CHECKING:
    import httpx

    from tests.support.plugins import MakePlugin


def test_hook_record_defaults(database_url: str, make_plugin: MakePlugin) -> None:
    code = "def record_defaults(draft):\n    return Patch({'website': 'default', 'description': 'set'}, {'rank': 1})"
    plugin = probe(make_plugin, "record_defaults", code, FIELD)

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
    plugin = probe(make_plugin, "record_after_write", code, FIELD)

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
    plugin = probe(make_plugin, "record_committed", code, FIELD)

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
    plugin = probe(make_plugin, "record_load", code, FIELD + "computed = true\n")

    async def scenario() -> None:
        async with serving(database_url, plugin) as (client, _):
            for name in ("A", "B", "C"):
                await made(client, "/accounts", name=name)
            module_of(plugin).SEEN.clear()
            listed = (await client.get("/accounts")).json()["data"]
            assert [each["plugins"] for each in listed] == [{"probe": {"rank": 5}}] * 3
            assert module_of(plugin).SEEN == [3]

    run(scenario())
