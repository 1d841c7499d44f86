from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from crm_core.db.statements import Statement
from crm_core.schema import audit_event, outbox, record, stage_event
from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.app import BlockingClient
    from tests.support.plugins import MakePlugin

_LEAD = {
    "name": "Ada Lovelace",
    "company": "Engines Ltd",
    "title": "Countess",
    "email": "Ada@Example.org",
    "phone": "+44 20 1",
    "website": "engines.example",
    "language": "en",
    "source": "fair",
}


def _convert(client: BlockingClient, lead: dict[str, Any], body: dict[str, Any] | None = None, **headers: str) -> Any:
    return client.post(f"/leads/{lead['id']}/convert", body, **headers)


def test_a_lead_becomes_account_contact_and_opportunity(client: BlockingClient) -> None:
    campaign = client.made("/campaigns", {"name": "Fair"})
    lead = client.made("/leads", {**_LEAD, "campaign_id": campaign["id"]})

    answer = _convert(
        client, lead, {"opportunity": {"amount": "99.5", "currency": "GBP", "expected_close": "2030-01-31"}}
    )

    assert answer.status_code == 200, answer.text
    done = answer.json()
    account, contact, sale = done["account"], done["contact"], done["opportunity"]
    assert (account["name"], account["website"], account["language"]) == ("Engines Ltd", "engines.example", "en")
    assert (contact["name"], contact["title"], contact["account_id"]) == ("Ada Lovelace", "Countess", account["id"])
    assert (sale["name"], sale["account_id"], sale["contact_id"]) == (
        "Engines Ltd: Ada Lovelace",
        account["id"],
        contact["id"],
    )
    assert (sale["source"], sale["campaign_id"], sale["number"]) == ("fair", campaign["id"], "O-000001")
    assert (sale["amount"], sale["currency"], sale["expected_close"]) == ("99.5000", "GBP", "2030-01-31")
    points = client.get("/contact-points", record_id=contact["id"]).json()["data"]
    assert [(each["kind"], each["value"], each["normalized"], each["is_primary"]) for each in points] == [
        ("email", "Ada@Example.org", "ada@example.org", True),
        ("phone", "+44 20 1", "+44201", True),
    ]
    for path, made in (("leads", done["lead"]), ("accounts", account), ("contacts", contact), ("opportunities", sale)):
        assert client.get(f"/{path}/{made['id']}").json() == made


def test_the_lead_says_what_became_of_it(client: BlockingClient) -> None:
    lead = client.made("/leads", _LEAD)
    answer = _convert(client, lead)
    done = answer.json()

    after = done["lead"]
    for name in ("account", "contact", "opportunity"):
        assert after[f"converted_{name}_id"] == done[name]["id"]
    assert after["converted_at"] == after["updated_at"] == after["stage_since"]
    assert (after["version"], answer.headers["etag"]) == (2, '"2"')
    assert client.get(f"/stages/{after['stage_id']}").json()["category"] == "won"
    query = Statement(
        select(outbox.c.topic, audit_event.c.action, outbox.c.record_id)
        .join(audit_event, audit_event.c.id == outbox.c.id)
        .order_by(outbox.c.id)
    )
    rows = client.as_system(lambda scope: scope.uow.fetch(query, {}), write=False)
    assert [row[:2] for row in map(tuple, rows) if str(row[2]) == lead["id"]] == [
        ("lead.created", "create"),
        ("lead.stage_entered", "enter_stage"),
        ("lead.converted", "convert"),
        ("lead.stage_entered", "enter_stage"),
    ]
    moves = Statement(select(stage_event.c.id).where(stage_event.c.record_type == "lead"))
    assert len(client.as_system(lambda scope: scope.uow.fetch(moves, {}), write=False)) == 2


def test_a_lead_without_a_company_is_its_own_customer(client: BlockingClient) -> None:
    done = _convert(client, client.made("/leads", {"name": "Ada"})).json()
    assert [done[name]["name"] for name in ("account", "contact", "opportunity")] == ["Ada", "Ada", "Ada"]
    assert client.get("/contact-points").json()["data"] == []
    long = client.made("/leads", {"name": "n" * 500, "company": "c" * 500})
    assert _convert(client, long).json()["opportunity"]["name"] == "c" * 500


def test_existing_records_are_used_as_they_are(client: BlockingClient) -> None:
    account = client.made("/accounts", {"name": "Acme"})
    contact = client.made("/contacts", {"name": "Eve", "account_id": account["id"]})

    into_account = _convert(client, client.made("/leads", _LEAD), {"account_id": account["id"]}).json()
    assert into_account["account"] == account
    assert into_account["contact"]["account_id"] == account["id"]
    assert into_account["opportunity"]["name"] == "Acme: Ada Lovelace"
    into_contact = _convert(
        client, client.made("/leads", _LEAD), {"contact_id": contact["id"], "create_opportunity": False}
    ).json()
    assert (into_contact["account"], into_contact["contact"], into_contact["opportunity"]) == (account, contact, None)
    assert into_contact["lead"]["converted_opportunity_id"] is None
    assert len(client.get("/accounts").json()["data"]) == 1


def _anchors(client: BlockingClient) -> int:
    return len(client.as_system(lambda scope: scope.uow.fetch(Statement(select(record.c.id)), {}), write=False))


def test_a_conversion_happens_once_and_whole_or_not_at_all(client: BlockingClient) -> None:
    lead = client.made("/leads", _LEAD)
    before = _anchors(client)
    for body, status, code in (
        ({"account_id": lead["id"]}, 404, "not_found"),
        ({"opportunity": {"amount": "1"}}, 422, "refused"),
        ({"opportunity": {"number": "1"}}, 422, "invalid_input"),
        ({"opportunity": {"nam": "1"}}, 422, "unknown_field"),
        ({"opportunity": {"account_id": lead["id"]}}, 422, "invalid_input"),
        ({"opportunity": {"name": "x"}, "create_opportunity": False}, 422, "invalid_input"),
    ):
        refused = _convert(client, lead, body)
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert _convert(client, lead, None, if_match='"5"').status_code == 409
    assert _anchors(client) == before
    assert client.get(f"/leads/{lead['id']}").json() == lead

    assert _convert(client, lead, None, idempotency_key="k").status_code == 200
    assert _convert(client, lead, None, idempotency_key="k").status_code == 200
    again = _convert(client, lead)
    assert (again.status_code, again.json()["code"]) == (409, "already_converted")
    assert again.json()["issues"][0]["field"] == "converted_at"
    assert "L-000001" in again.json()["detail"]


def test_two_conversions_at_once_make_one_account(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            client = app.client()
            lead = (await client.post("/leads", json=_LEAD)).json()
            path = f"/leads/{lead['id']}/convert"
            answers = await asyncio.gather(*(client.post(path, json={}) for _ in range(3)))
            assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
            assert len((await client.get("/accounts")).json()["data"]) == 1

    run(scenario())


_HOOKS = """
from plugin_sdk import ConvertPatch, Issue, hookimpl

@hookimpl
def lead_convert(lead, plan):
    if lead["source"] == "existing":
        assert plan.account == {}
    opportunity = {"amount": "10", "currency": "EUR"}
    if plan.opportunity is not None:
        opportunity["name"] = plan.opportunity["name"] + "!"
    return ConvertPatch({"industry": lead["source"]}, {"family_name": "L"}, opportunity)

@hookimpl
def record_validate(operation, old, new):
    if new.record_type == "contact" and new["title"] == "Nobody":
        return [Issue("nobody", "nobody is not somebody", "title")]
"""
_MANIFEST = """
[hooks.lead_convert]
record_types = ["lead"]

[hooks.record_validate]
record_types = ["contact"]
"""


def test_plugins_change_the_plan_and_may_refuse_a_part(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("shaper", _HOOKS, _MANIFEST)

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin]) as app:
            client = app.client()

            async def convert(lead: dict[str, Any], body: dict[str, Any]) -> Any:
                made = (await client.post("/leads", json={**_LEAD, **lead})).json()
                return await client.post(f"/leads/{made['id']}/convert", json=body)

            done = (await convert({}, {"opportunity": {"name": "Deal"}})).json()
            assert (done["account"]["industry"], done["contact"]["family_name"]) == ("fair", "L")
            assert (done["opportunity"]["name"], done["opportunity"]["amount"]) == ("Deal!", "10.0000")
            again = (await convert({"source": "existing"}, {"account_id": done["account"]["id"]})).json()
            assert again["account"] == done["account"]
            assert (await convert({}, {"create_opportunity": False})).json()["opportunity"] is None
            refused = await convert({"title": "Nobody"}, {})
            assert (refused.status_code, refused.json()["issues"][0]["code"]) == (422, "nobody")
            names = [each["name"] for each in (await client.get("/accounts")).json()["data"]]
            assert names == ["Engines Ltd", "Engines Ltd"]

    run(scenario())


def test_converting_needs_the_permissions_of_what_it_makes(client: BlockingClient) -> None:
    lead = client.made("/leads", _LEAD)
    refused = _convert(client.role("read_only"), lead)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    support = _convert(client.role("support"), lead)
    assert support.status_code == 403
