from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from crm_core.db.statements import Statement
from crm_core.schema import audit_event, audit_pending, outbox, record
from tests.support.app import BlockingClient, run, running

if TYPE_CHECKING:
    from typing import Any

    from crm_core.records.scope import Scope
    from tests.support.plugins import MakePlugin


def rows(client: BlockingClient, *columns: Any) -> list[tuple[Any, ...]]:
    def read(scope: Scope) -> list[tuple[Any, ...]]:
        table = columns[0].table
        statement = Statement(
            select(*columns).where(table.c.tenant_id == scope.tenant_id).order_by(table.c[columns[0].name])
        )
        return [tuple(row) for row in scope.uow.fetch(statement, {})]

    return client.as_system(read, write=False)


def test_a_new_record_is_whole_and_leaves_anchor_audit_and_outbox(client: BlockingClient) -> None:
    made = client.made("/accounts", {"name": "Acme", "industry": "steel"})

    assert made["name"] == "Acme"
    assert made["version"] == 1
    assert made["deleted_at"] is None
    assert made["owner_id"] == made["created_by"]
    assert dt.datetime.fromisoformat(made["created_at"]).utcoffset() == dt.timedelta(0)
    record_id = UUID(made["id"])
    assert (record_id, "account") in rows(client, record.c.id, record.c.record_type)
    events = rows(client, audit_event.c.id, audit_event.c.record_id, audit_event.c.action, audit_event.c.diff)
    mine = [event for event in events if event[1] == record_id]
    assert [(event[2], event[3]["name"], event[3]["industry"]) for event in mine] == [
        ("create", [None, "Acme"], [None, "steel"])
    ]
    assert (mine[0][0],) in rows(client, audit_pending.c.event_id)
    topics = rows(client, outbox.c.id, outbox.c.topic, outbox.c.payload)
    assert [(topic, payload["name"]) for event_id, topic, payload in topics if event_id == mine[0][0]] == [
        ("account.created", "Acme")
    ]


def test_a_refused_create_leaves_nothing(client: BlockingClient) -> None:
    before = (rows(client, record.c.id), rows(client, audit_event.c.id), rows(client, outbox.c.id))

    answer = client.post("/accounts", {"name": "X", "parent_id": str(uuid4())})

    assert answer.status_code == 422
    assert answer.json()["code"] == "reference_not_found"
    assert answer.json()["fields"] == ["parent_id"]
    assert before == (rows(client, record.c.id), rows(client, audit_event.c.id), rows(client, outbox.c.id))


def test_another_tenants_record_cannot_be_referred_to(client: BlockingClient) -> None:
    other = client.run(client.app.add_tenant("other"))
    theirs = client.run(client.app.client(tenant_id=other).post("/accounts", json={"name": "Theirs"})).json()

    answer = client.post("/contacts", {"name": "Ann", "account_id": theirs["id"]})

    assert (answer.status_code, answer.json()["code"]) == (422, "reference_not_found")


def test_money_is_exact_and_comes_with_its_currency(client: BlockingClient) -> None:
    made = client.made("/opportunities", {"name": "Deal", "amount": "0.1", "currency": "EUR"})
    assert Decimal(made["amount"]) == Decimal("0.1")
    alone = client.post("/opportunities", {"name": "Deal", "amount": "5"})
    assert (alone.status_code, alone.json()["issues"][0]["code"]) == (422, "currency_missing")
    fine = client.post("/opportunities", {"name": "Deal", "amount": "0.00001", "currency": "EUR"})
    assert (fine.status_code, fine.json()["field"]) == (422, "amount")
    assert "4 decimal places" in fine.json()["detail"]


def test_a_taken_key_is_named(client: BlockingClient) -> None:
    client.made("/products", {"name": "Bolt", "sku": "B-1"})

    answer = client.post("/products", {"name": "Other bolt", "sku": "B-1"})

    assert (answer.status_code, answer.json()["code"], answer.json()["fields"]) == (409, "duplicate", ["sku"])


def test_text_that_postgresql_cannot_hold_is_refused_on_both(client: BlockingClient) -> None:
    answer = client.post("/accounts", {"name": "a\0b"})

    assert (answer.status_code, answer.json()["field"]) == (422, "name")


HOOKS = """
from plugin_sdk import Issue, Match, Operation, Patch, hookimpl

@hookimpl
def record_defaults(draft):
    return Patch({"industry": "other", "status": "prospect"})

@hookimpl
def record_normalize(draft):
    return Patch({"name": draft["name"].strip()})

@hookimpl
def record_before_write(operation, new):
    if operation is Operation.CREATE:
        return Patch({"description": f"{new['name']}|{new['industry']}"}, {"grade": "A"})

@hookimpl
def record_validate(new):
    if new["name"] == "bad":
        return [Issue("bad_name", "bad is no name", "name")]
"""
MANIFEST = """
[[fields]]
record_type = "account"
key = "grade"
kind = "choice"
choices = ["A", "B"]
label = { en = "Grade" }
searchable = true
writable = "plugin"

[hooks.record_defaults]
record_types = ["account"]
[hooks.record_normalize]
record_types = ["account"]
[hooks.record_before_write]
record_types = ["account"]
[hooks.record_validate]
record_types = ["account"]
"""


def test_hooks_fill_normalize_change_and_refuse_in_that_order(database_url: str, make_plugin: MakePlugin) -> None:
    async def scenario() -> None:
        async with running(database_url, plugins=[make_plugin("helper", HOOKS, MANIFEST)]) as app:
            client = app.client()
            made = (await client.post("/accounts", json={"name": "  Acme ", "status": "customer"})).json()
            assert (made["name"], made["industry"], made["status"]) == ("Acme", "other", "customer")
            assert made["description"] == "Acme|other"
            assert made["plugins"] == {"helper": {"grade": "A"}}
            refused = await client.post("/accounts", json={"name": " bad "})
            assert refused.status_code == 422
            assert refused.json()["issues"] == [
                {"source": "helper@1.0.0", "code": "bad_name", "message": "bad is no name", "field": "name"}
            ]
            found = (await client.get("/accounts", params={"helper.grade": "A"})).json()["data"]
            assert [each["id"] for each in found] == [made["id"]]
            readonly = await client.post("/accounts", json={"name": "x", "plugins": {"helper": {"grade": "B"}}})
            assert (readonly.status_code, readonly.json()["field"]) == (422, "plugins.helper.grade")

    run(scenario())
