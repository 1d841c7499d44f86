from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from crm_core.db.statements import Statement
from crm_core.schema import audit_event, outbox, stage_event
from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.app import BlockingClient
    from tests.support.plugins import MakePlugin

_STAGED = [("leads", "name"), ("opportunities", "name"), ("tickets", "subject")]


def stages(client: BlockingClient, record_type: str) -> dict[str, str]:
    """Return the ids of the stages of the default pipeline by key."""
    pipeline = client.get("/pipelines", record_type=record_type).json()["data"][0]
    found = client.get("/stages", pipeline_id=pipeline["id"]).json()["data"]
    return {stage["stage_key"]: stage["id"] for stage in found}


def history(client: BlockingClient) -> list[Any]:
    event = stage_event.c
    query = select(event.record_id, event.from_stage_id, event.to_stage_id, event.reason, event.actor_id)
    return client.as_system(lambda scope: scope.uow.fetch(Statement(query.order_by(event.id)), {}), write=False)


def topics(client: BlockingClient, record_id: str) -> list[tuple[str, str, Any]]:
    """Return topic, audited action and diff of each event of a record; both sides must exist."""
    query = (
        select(outbox.c.record_id, outbox.c.topic, audit_event.c.action, audit_event.c.diff)
        .join(audit_event, audit_event.c.id == outbox.c.id)
        .order_by(outbox.c.id)
    )
    rows = client.as_system(lambda scope: scope.uow.fetch(Statement(query), {}), write=False)
    return [(topic, action, diff) for owner, topic, action, diff in rows if str(owner) == record_id]


@pytest.mark.parametrize(("path", "title"), _STAGED)
def test_a_new_record_starts_at_the_first_stage_of_the_default_pipeline_with_a_number(
    client: BlockingClient, path: str, title: str
) -> None:
    record_type = {"leads": "lead", "opportunities": "opportunity", "tickets": "ticket"}[path]
    first = next(iter(stages(client, record_type).values()))

    made = [client.made(f"/{path}", {title: name}) for name in ("A", "B")]

    assert [record["stage_id"] for record in made] == [first, first]
    assert made[0]["stage_since"] == made[0]["created_at"]
    letter = record_type[0].upper()
    assert [record["number"] for record in made] == [f"{letter}-000001", f"{letter}-000002"]
    assert [(str(row[0]), row[1], str(row[2])) for row in history(client)] == [(r["id"], None, first) for r in made]
    assert [each[:2] for each in topics(client, made[0]["id"])] == [
        (f"{record_type}.created", "create"),
        (f"{record_type}.stage_entered", "enter_stage"),
    ]


def test_a_move_is_written_once_everywhere(client: BlockingClient) -> None:
    by_key = stages(client, "lead")
    lead = client.made("/leads", {"name": "Ada"})

    answer = client.post(f"/leads/{lead['id']}/move-stage", {"stage_id": by_key["contacted"], "reason": "called"})

    assert answer.status_code == 200, answer.text
    moved = answer.json()
    assert (moved["stage_id"], moved["version"], answer.headers["etag"]) == (by_key["contacted"], 2, '"2"')
    assert moved["stage_since"] == moved["updated_at"] > lead["stage_since"]
    assert client.get(f"/leads/{lead['id']}").json() == moved
    record, before, after, reason, actor = history(client)[-1]
    assert (str(record), str(before), str(after), reason) == (lead["id"], by_key["new"], by_key["contacted"], "called")
    assert str(actor) == lead["owner_id"]
    updated, entered = topics(client, lead["id"])[2:]
    assert (updated[:2], entered[:2]) == (("lead.updated", "update"), ("lead.stage_entered", "enter_stage"))
    assert updated[2]["stage_id"] == entered[2]["stage_id"] == [by_key["new"], by_key["contacted"]]
    assert entered[2] == {"stage_id": [by_key["new"], by_key["contacted"]]}


def test_patch_moves_alike_and_without_a_move_nothing_is_entered(client: BlockingClient) -> None:
    by_key = stages(client, "ticket")
    ticket = client.made("/tickets", {"subject": "Broken"})

    client.patch(f"/tickets/{ticket['id']}", {"priority": "high"})
    client.post(f"/tickets/{ticket['id']}/move-stage", {"stage_id": by_key["new"]})
    assert len(history(client)) == 1
    client.patch(f"/tickets/{ticket['id']}", {"stage_id": by_key["waiting"]})

    assert [(row[1] and str(row[1]), str(row[2]), row[3]) for row in history(client)] == [
        (None, by_key["new"], None),
        (by_key["new"], by_key["waiting"], None),
    ]


def test_a_move_needs_the_version_the_caller_has_seen(client: BlockingClient) -> None:
    by_key = stages(client, "lead")
    lead = client.made("/leads", {"name": "Ada"})
    client.patch(f"/leads/{lead['id']}", {"title": "Countess"})

    refused = client.post(f"/leads/{lead['id']}/move-stage", {"stage_id": by_key["contacted"]}, if_match='"1"')

    assert (refused.status_code, refused.json()["code"], refused.json()["current_version"]) == (
        409,
        "version_conflict",
        2,
    )
    assert len(history(client)) == 1


def test_a_stage_of_another_record_type_is_refused_by_name(client: BlockingClient) -> None:
    lead = client.made("/leads", {"name": "Ada"})
    won = stages(client, "opportunity")["won"]

    for answer in (
        client.post(f"/leads/{lead['id']}/move-stage", {"stage_id": won}),
        client.post("/leads", {"name": "B", "stage_id": won}),
        client.patch(f"/leads/{lead['id']}", {"stage_id": won}),
    ):
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_input", "stage_id")
        detail = answer.json()["detail"]
        assert (
            "stage 'won' belongs to pipeline 'default' of opportunity, which is for opportunity, not for lead" in detail
        )
        assert "default (new, contacted, qualified, disqualified)" in detail


def test_a_second_pipeline_starts_at_its_own_first_stage(client: BlockingClient) -> None:
    pipeline = client.made("/pipelines", {"record_type": "lead", "pipeline_key": "partner", "name": "Partners"})
    second = client.made(
        "/stages", {"pipeline_id": pipeline["id"], "stage_key": "b", "name": "B", "position": 2, "category": "open"}
    )
    first = client.made(
        "/stages", {"pipeline_id": pipeline["id"], "stage_key": "a", "name": "A", "position": 1, "category": "open"}
    )
    default = stages(client, "lead")

    assert client.made("/leads", {"name": "1", "pipeline_id": pipeline["id"]})["stage_id"] == first["id"]
    given = client.made("/leads", {"name": "2", "stage_id": second["id"]})
    assert given["pipeline_id"] == pipeline["id"]
    lead = client.made("/leads", {"name": "3"})
    assert lead["stage_id"] == default["new"]
    wrong = client.post(f"/leads/{lead['id']}/move-stage", {"stage_id": second["id"]})
    assert wrong.status_code == 422
    assert "stage 'b' belongs to pipeline 'partner' of lead, not to pipeline default (lead)" in wrong.json()["detail"]
    moved = client.patch(f"/leads/{lead['id']}", {"pipeline_id": pipeline["id"]}).json()
    assert moved["stage_id"] == first["id"]
    both = client.patch(f"/leads/{lead['id']}", {"pipeline_id": lead["pipeline_id"], "stage_id": default["contacted"]})
    assert both.json()["stage_id"] == default["contacted"]


def test_unused_stages_and_empty_places_are_refused(client: BlockingClient) -> None:
    by_key = stages(client, "lead")
    lead = client.made("/leads", {"name": "Ada"})
    client.patch(f"/stages/{by_key['contacted']}", {"active": False})

    closed = client.post(f"/leads/{lead['id']}/move-stage", {"stage_id": by_key["contacted"]})
    emptied = client.patch(f"/leads/{lead['id']}", {"stage_id": None})
    unknown = client.post(f"/leads/{lead['id']}/move-stage", {"stage_id": lead["id"]})
    nowhere = client.post("/leads", {"name": "B", "pipeline_id": lead["id"]})

    assert "no longer in use" in closed.json()["detail"]
    assert (emptied.status_code, emptied.json()["field"]) == (422, "stage_id")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "reference_not_found")
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "reference_not_found")


def test_without_the_default_the_oldest_pipeline_in_use_is_taken_and_without_any_none(client: BlockingClient) -> None:
    (default,) = client.get("/pipelines", record_type="lead").json()["data"]
    pipeline = client.made("/pipelines", {"record_type": "lead", "pipeline_key": "partner", "name": "Partners"})
    stage = client.made("/stages", {"pipeline_id": pipeline["id"], "stage_key": "a", "name": "A", "category": "open"})
    client.patch(f"/pipelines/{default['id']}", {"active": False})
    assert client.made("/leads", {"name": "1"})["stage_id"] == stage["id"]

    client.patch(f"/stages/{stage['id']}", {"active": False})
    lead = client.made("/leads", {"name": "2"})

    assert (lead["pipeline_id"], lead["stage_id"], lead["stage_since"]) == (None, None, None)
    assert lead["number"] == "L-000002"


_TRANSITION = """
from plugin_sdk import Issue, hookimpl

@hookimpl
def stage_transition(record, from_stage, to_stage):
    if to_stage.category == "won" and not record["company"]:
        where = from_stage.key if from_stage else "nowhere"
        message = f"{record['name']}: {where} to {to_stage.key} of {to_stage.pipeline_key}"
        return [Issue("no_company", message, "company")]
"""


def test_a_plugin_can_refuse_a_move(database_url: str, make_plugin: MakePlugin) -> None:
    guard = make_plugin("guard", _TRANSITION, '[hooks.stage_transition]\nrecord_types = ["lead"]')

    async def scenario() -> None:
        async with running(database_url, plugins=[guard]) as app:
            client = app.client()
            by_key = {each["stage_key"]: each["id"] for each in (await client.get("/stages")).json()["data"]}
            lead = (await client.post("/leads", json={"name": "Ada"})).json()
            path = f"/leads/{lead['id']}/move-stage"
            refused = await client.post(path, json={"stage_id": by_key["qualified"]})
            assert (refused.status_code, refused.json()["code"]) == (422, "refused")
            message = "Ada: new to qualified of default"
            issue = {"source": "guard@1.0.0", "code": "no_company", "message": message, "field": "company"}
            assert refused.json()["issues"] == [issue]
            assert (await client.get(f"/leads/{lead['id']}")).json() == lead
            body = {"stage_id": by_key["qualified"], "company": "Engines"}
            assert (await client.patch(f"/leads/{lead['id']}", json=body)).status_code == 200
            created = await client.post("/leads", json={"name": "Eve", "stage_id": by_key["qualified"]})
            assert created.json()["issues"][0]["message"] == "Eve: nowhere to qualified of default"

    run(scenario())


_CLOSER = """
from plugin_sdk import Patch, hookimpl

@hookimpl
def record_before_write(ctx, operation, old, new):
    if new["next_step"] == "sign":
        stages = {each["stage_key"]: each.id for each in ctx.api.list("stage").records}
        return Patch({"stage_id": stages["won"]})
"""


def test_a_stage_that_a_plugin_patches_in_is_entered_like_any_other(database_url: str, make_plugin: MakePlugin) -> None:
    manifest = '[capabilities]\napi = ["stage:read"]\n\n[hooks.record_before_write]\nrecord_types = ["opportunity"]'
    closer = make_plugin("closer", _CLOSER, manifest)

    async def scenario() -> None:
        async with running(database_url, plugins=[closer]) as app:
            client = app.client()
            made = (await client.post("/opportunities", json={"name": "A", "next_step": "sign"})).json()
            assert (made["probability"], made["closed_at"]) == ("100.0000", made["created_at"])
            other = (await client.post("/opportunities", json={"name": "B"})).json()
            assert (other["probability"], other["closed_at"]) == ("10.0000", None)
            done = (await client.patch(f"/opportunities/{other['id']}", json={"next_step": "sign"})).json()
            assert (done["stage_id"], done["probability"]) == (made["stage_id"], "100.0000")
            assert done["stage_since"] == done["closed_at"] == done["updated_at"]

    run(scenario())


def test_numbers_are_unique_under_concurrency(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            client = app.client()
            answers = await asyncio.gather(*(client.post("/leads", json={"name": "A"}) for _ in range(30)))
            assert {answer.status_code for answer in answers} == {201}
            assert len({answer.json()["number"] for answer in answers}) == 30

    run(scenario())
