from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def test_the_audit_trail_is_read_newest_first(client: BlockingClient) -> None:
    account = client.made("/accounts", {"name": "Acme"})
    for name in ("B", "C"):
        client.patch(f"/accounts/{account['id']}", {"name": name})
    client.delete(f"/accounts/{account['id']}")
    first = client.get("/audit", record_id=account["id"], limit="3").json()
    rest = client.get("/audit", record_id=account["id"], limit="3", cursor=first["next_cursor"]).json()
    events = first["data"] + rest["data"]
    assert [event["action"] for event in events] == ["delete", "update", "update", "create"]
    assert events[1]["diff"] == {"name": ["B", "C"]}
    assert rest["next_cursor"] is None
    assert [event["id"] for event in events] == sorted((event["id"] for event in events), reverse=True)
    actor = events[0]["actor_id"]
    found = client.get("/audit", action="delete", actor_id=actor, record_type="account").json()["data"]
    assert found == events[:1]


def test_the_audit_trail_needs_a_permission(client: BlockingClient) -> None:
    assert client.role("manager").get("/audit").status_code == 200
    for role in ("sales", "support", "read_only", "service"):
        answer = client.role(role).get("/audit")
        assert (answer.status_code, answer.json()["resource"]) == (403, "audit")
    answer = client.get("/audit", record="x")
    assert (answer.status_code, answer.json()["parameter"]) == (422, "record")


def test_stage_events_are_listed_by_record_and_pipeline(client: BlockingClient) -> None:
    leads = [client.made("/leads", {"name": f"L{n}"}) for n in range(2)]
    pipeline = leads[0]["pipeline_id"]
    mine = client.get("/stage-events", record_id=leads[0]["id"]).json()["data"]
    assert [(event["record_type"], event["to_stage_id"]) for event in mine] == [("lead", leads[0]["stage_id"])]
    both = client.get("/stage-events", pipeline_id=pipeline).json()["data"]
    assert [event["record_id"] for event in both] == [lead["id"] for lead in reversed(leads)]
    assert client.role("sales").get("/stage-events").status_code == 403
