from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from crm_core.db.statements import Statement
from crm_core.records.merging import references
from crm_core.schema import audit_event, campaign_member, core, external_ref, link, outbox, tagging
from plugin_sdk.ids import new_id
from tests.support.app import run, running

if TYPE_CHECKING:
    from sqlalchemy import Table

    from crm_core.records.scope import Scope
    from tests.support.app import BlockingClient
    from tests.support.plugins import MakePlugin


def _merge(client: BlockingClient, winner: dict[str, Any], loser: dict[str, Any], **more: Any) -> Any:
    return client.post(f"/{_path(winner)}/{winner['id']}/merge", {"loser_id": loser["id"], **more})


def _path(record: dict[str, Any]) -> str:
    return "contacts" if "account_id" in record else "accounts"


def _point(client: BlockingClient, record: dict[str, Any], value: str, **more: Any) -> dict[str, Any]:
    return client.made("/contact-points", {"record_id": record["id"], "kind": "email", "value": value, **more})


def _rows(client: BlockingClient, table: Table, *columns: str) -> list[tuple[str, ...]]:
    query = Statement(select(*(table.c[name] for name in columns)))
    found = client.as_system(lambda scope: scope.uow.fetch(query, {}), write=False)
    return sorted(tuple(str(value) for value in row) for row in found)


def _insert(client: BlockingClient, table: Table, **values: Any) -> None:
    def operate(scope: Scope) -> None:
        typed = {
            name: UUID(value) if name.endswith("id") and isinstance(value, str) and name != "ext_id" else value
            for name, value in values.items()
        }
        scope.uow.execute(Statement(insert(table), ["tenant_id", *typed]), typed)

    client.as_system(operate)


def _now(client: BlockingClient) -> Any:
    return client.as_system(lambda scope: scope.uow.now, write=False)


def test_the_winner_keeps_its_values_and_is_filled(client: BlockingClient) -> None:
    winner = client.made("/accounts", {"name": "Acme", "industry": "steel"})
    loser = client.made("/accounts", {"name": "ACME Inc", "industry": "iron", "website": "acme.example"})

    answer = _merge(client, winner, loser)

    assert answer.status_code == 200, answer.text
    merged = answer.json()
    expected = {**winner, "website": "acme.example", "version": 2, "updated_at": merged["updated_at"]}
    assert (merged, answer.headers["etag"]) == (expected, '"2"')
    assert client.get(f"/accounts/{winner['id']}").json() == merged
    assert client.get(f"/accounts/{loser['id']}").status_code == 404
    (binned,) = client.get("/accounts", deleted="true").json()["data"]
    assert (binned["id"], binned["merged_into_id"], binned["version"]) == (loser["id"], winner["id"], 2)


def test_without_fill_only_references_move(client: BlockingClient) -> None:
    winner = client.made("/contacts", {"name": "Ada", "consent": {"mail": True}})
    loser = client.made("/contacts", {"name": "A.", "title": "Countess", "consent": {"mail": False}})
    point = _point(client, loser, "ada@example.org")

    merged = _merge(client, winner, loser, fill=False).json()

    assert (merged["title"], merged["consent"], merged["version"]) == (None, {"mail": True}, 2)
    moved = client.get(f"/contact-points/{point['id']}").json()
    assert (moved["record_id"], moved["version"]) == (winner["id"], 2)


def test_every_reference_moves_and_what_both_have_is_kept_once(client: BlockingClient) -> None:
    winner, loser, other = (client.made("/accounts", {"name": name}) for name in ("W", "L", "O"))
    campaign, second = (client.made("/campaigns", {"name": name}) for name in "CD")
    tags = [client.made("/tags", {"record_type": "account", "name": name}) for name in "xy"]
    sale = client.made("/opportunities", {"name": "S", "account_id": loser["id"]})
    call = client.made("/activities", {"kind": "call", "regarding_id": loser["id"]})
    child = client.made("/accounts", {"name": "Child", "parent_id": loser["id"]})
    now = _now(client)
    for record, tag in ((winner, tags[0]), (loser, tags[0]), (loser, tags[1])):
        _insert(client, tagging, record_id=record["id"], tag_id=tag["id"])
    for record, each in ((winner, campaign), (loser, campaign), (loser, second)):
        _insert(client, campaign_member, record_id=record["id"], campaign_id=each["id"])
    for source, target in ((winner, other), (loser, other), (other, loser), (loser, winner)):
        link_ = {"id": new_id(), "rel": "partner_of", "created_at": now}
        _insert(client, link, src_id=source["id"], dst_id=target["id"], **link_)
    for ext_id, record in (("1", winner), ("2", loser)):
        ref = {"system": "old", "record_type": "account", "seen_at": now}
        _insert(client, external_ref, ext_id=ext_id, record_id=record["id"], **ref)

    assert _merge(client, winner, loser).status_code == 200

    assert client.get(f"/opportunities/{sale['id']}").json()["account_id"] == winner["id"]
    assert client.get(f"/activities/{call['id']}").json()["regarding_id"] == winner["id"]
    assert client.get(f"/accounts/{child['id']}").json()["parent_id"] == winner["id"]
    assert _rows(client, tagging, "record_id", "tag_id") == sorted((winner["id"], tag["id"]) for tag in tags)
    members = sorted((winner["id"], each["id"]) for each in (campaign, second))
    assert _rows(client, campaign_member, "record_id", "campaign_id") == members
    links = sorted([(winner["id"], other["id"]), (other["id"], winner["id"])])
    assert _rows(client, link, "src_id", "dst_id") == links
    assert _rows(client, external_ref, "ext_id", "record_id") == [("1", winner["id"]), ("2", winner["id"])]


def test_no_core_table_keeps_a_reference_to_the_loser(client: BlockingClient) -> None:
    first, second, third = (client.made("/accounts", {"name": name}) for name in "ABC")
    _merge(client, second, first)
    assert _merge(client, third, second).status_code == 200
    for table, column in references("account"):
        assert second["id"] not in {value for (value,) in _rows(client, table, column)}, f"{table.name}.{column}"
    found = {(table.name, column) for table, column in references("contact")}
    assert {("contact_point", "record_id"), ("ticket", "contact_id"), ("lead", "converted_contact_id")} <= found
    assert not any(table == "stage_event" for table, _ in found)
    assert {table for table, _ in found} <= set(core_names())


def core_names() -> list[str]:
    return [table.name for table in core.tables.values()]


def test_a_merge_leaves_events_of_winner_loser_and_each_record_it_moved(client: BlockingClient) -> None:
    winner, loser = (client.made("/contacts", {"name": name}) for name in "WL")
    point = _point(client, loser, "a@b.c")

    _merge(client, winner, loser)

    query = Statement(
        select(audit_event.c.action, audit_event.c.record_id, audit_event.c.diff, outbox.c.topic)
        .outerjoin(outbox, outbox.c.id == audit_event.c.id)
        .order_by(audit_event.c.id)
    )
    rows = client.as_system(lambda scope: scope.uow.fetch(query, {}), write=False)[-3:]
    told = {(action, str(record), topic): diff for action, record, diff, topic in rows}
    moved = told["update", point["id"], None]
    assert moved == {"record_id": [loser["id"], winner["id"]]}
    merged = told["merge", winner["id"], "contact.merged"]
    assert merged["loser_id"] == [None, loser["id"]]
    assert (merged["moved"], merged["dropped"]) == ([None, {"contact_point.record_id": 1}], [None, {}])
    assert told["delete", loser["id"], "contact.deleted"]["merged_into_id"] == [None, winner["id"]]


def test_a_record_keeps_one_primary_of_each_kind(client: BlockingClient) -> None:
    winner, loser = (client.made("/contacts", {"name": name}) for name in "WL")
    mine = _point(client, winner, "w@example.org", is_primary=True)
    other = _point(client, loser, "l@example.org", is_primary=True)
    phone = client.made(
        "/contact-points", {"record_id": loser["id"], "kind": "phone", "value": "1", "is_primary": True}
    )

    _merge(client, winner, loser)

    found = [client.get(f"/contact-points/{point['id']}").json()["is_primary"] for point in (mine, other, phone)]
    assert found == [True, False, True]


def test_what_cannot_be_merged_says_why(client: BlockingClient) -> None:
    one, two, three = (client.made("/accounts", {"name": name}) for name in "ABC")
    contact = client.made("/contacts", {"name": "Ada"})
    itself = _merge(client, one, one)
    assert (itself.status_code, itself.json()["field"]) == (422, "loser_id")
    across = _merge(client, one, contact)
    assert (across.status_code, across.json()["code"]) == (422, "invalid_input")
    assert "is a contact" in across.json()["detail"]
    stale = _merge(client, one, two, version=7)
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert client.post(f"/accounts/{one['id']}/merge", {"loser_id": two["id"]}, if_match='"9"').status_code == 409
    assert _merge(client, one, {"id": str(new_id())}).status_code == 404
    client.delete(f"/accounts/{three['id']}")
    assert _merge(client, one, three).status_code == 404

    assert _merge(client, one, two).status_code == 200
    for again in (_merge(client, one, two), _merge(client, two, one)):
        assert (again.status_code, again.json()["code"]) == (409, "already_merged")
        assert f"was merged into {one['id']} before" in again.json()["detail"]
    restored = client.post(f"/accounts/{two['id']}/restore")
    assert (restored.status_code, restored.json()["issues"][0]["code"]) == (422, "merged")
    assert client.role("sales").post(f"/accounts/{one['id']}/merge", {"loser_id": two["id"]}).status_code == 404
    assert client.role("read_only").post(f"/accounts/{one['id']}/merge", {"loser_id": two["id"]}).status_code == 403


def test_two_merges_at_once_lose_nothing(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            client = app.client()
            one, two = [(await client.post("/accounts", json={"name": name})).json()["id"] for name in "AB"]
            answers = await asyncio.gather(
                client.post(f"/accounts/{one}/merge", json={"loser_id": two}),
                client.post(f"/accounts/{two}/merge", json={"loser_id": one}),
            )
            assert sorted(answer.status_code for answer in answers) in ([200, 404], [200, 409])
            assert len((await client.get("/accounts")).json()["data"]) == 1

    run(scenario())


_HOOKS = """
from plugin_sdk import hookimpl

@hookimpl
def record_after_write(ctx, operation, old, new):
    if operation == "merge":
        points = ctx.api.list("contact_point", {"record_id": str(new.id)}).records
        said = f"{operation} v{old.version} {'loser' if new['merged_into_id'] else 'winner'} {len(points)}"
        ctx.fields.set("contact", new.id, {"said": said})
"""
_MANIFEST = """
[capabilities]
api = ["contact_point:read"]

[[fields]]
record_type = "contact"
key = "tier"
kind = "text"
label = { en = "Tier" }

[[fields]]
record_type = "contact"
key = "said"
kind = "text"
writable = "plugin"
label = { en = "Said" }

[hooks.record_after_write]
record_types = ["contact"]
"""


def test_hooks_see_winner_and_loser_after_everything_has_moved(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("keeper", _HOOKS, _MANIFEST)

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin]) as app:
            client = app.client()
            tiers = [{}, {"plugins": {"keeper": {"tier": "gold"}}}]
            winner, loser = [(await client.post("/contacts", json={"name": "A", **each})).json() for each in tiers]
            await client.post("/contact-points", json={"record_id": loser["id"], "kind": "email", "value": "a@b.c"})
            merged = await client.post(f"/contacts/{winner['id']}/merge", json={"loser_id": loser["id"]})
            assert merged.json()["plugins"] == {"keeper": {"tier": "gold", "said": "merge v1 winner 1"}}
            binned = (await client.get("/contacts", params={"deleted": "true"})).json()["data"]
            assert binned[0]["plugins"]["keeper"]["said"] == "merge v1 loser 0"

    run(scenario())


_POINTS = st.lists(st.sampled_from(["a@x.org", "b@x.org", "c@x.org"]), max_size=3)
_MERGES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5)


@pytest.mark.parametrize("path", ["accounts", "contacts"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=st.lists(_POINTS, min_size=4, max_size=4), merges=_MERGES)
def test_whatever_is_merged_no_contact_point_is_lost(
    client: BlockingClient, path: str, points: list[list[str]], merges: list[tuple[int, int]]
) -> None:
    records = [client.made(f"/{path}", {"name": f"{index}"}) for index in range(4)]
    owner = {record["id"]: record["id"] for record in records}
    made: dict[str, str] = {}
    for record, values in zip(records, points, strict=True):
        for value in values:
            made[_point(client, record, value, is_primary=True)["id"]] = record["id"]
    for one, two in merges:
        winner, loser = records[one]["id"], records[two]["id"]
        if _merge(client, records[one], records[two]).status_code == 200:
            owner = {key: winner if value == loser else value for key, value in owner.items()}

    expected = Counter(
        (owner[record], value)
        for record, value in zip(
            (record["id"] for record, values in zip(records, points, strict=True) for _ in values),
            (value for values in points for value in values),
            strict=True,
        )
    )
    data = client.get("/contact-points", limit=200).json()["data"]
    mine = [point for point in data if point["id"] in made]
    assert Counter((point["record_id"], point["value"]) for point in mine) == expected
    primaries = Counter(point["record_id"] for point in mine if point["is_primary"])
    assert all(primaries[record] == 1 for record in {point["record_id"] for point in mine})
