from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def test_members_come_and_go(client: BlockingClient) -> None:
    campaign = client.made("/campaigns", {"name": "Spring"})
    path = f"/campaigns/{campaign['id']}/members"
    leads = [client.made("/leads", {"name": f"L{n}"})["id"] for n in range(3)]
    made = [client.made(path, {"record_id": lead, "status": "invited"}) for lead in leads]
    assert made[0]["campaign_id"] == campaign["id"]
    first = client.get(path, limit="2").json()
    assert first["data"] == made[:2]
    assert client.get(path, limit="2", cursor=first["next_cursor"]).json() == {"data": made[2:], "next_cursor": None}
    assert client.post(path, {"record_id": leads[0]}).json()["code"] == "duplicate"
    assert client.delete(f"{path}/{leads[0]}").status_code == 204
    assert client.delete(f"{path}/{leads[0]}").status_code == 404
    assert client.get(path, status="invited").json()["data"] == made[1:]
    actions = [event["action"] for event in client.get("/audit", record_id=campaign["id"]).json()["data"]]
    assert actions == ["remove_member", *["add_member"] * 3, "create"]


def test_members_are_people_and_accounts_of_this_tenant(client: BlockingClient) -> None:
    campaign = client.made("/campaigns", {"name": "Spring"})
    path = f"/campaigns/{campaign['id']}/members"
    answer = client.post(path, {"record_id": campaign["id"]})
    assert answer.json()["issues"][0]["code"] == "member_of_other_type"
    assert client.post(path, {"record_id": str(uuid.uuid4())}).json()["field"] == "record_id"
    assert client.post(f"/campaigns/{uuid.uuid4()}/members", {"record_id": str(uuid.uuid4())}).status_code == 404


def test_members_need_the_permission_to_change_the_campaign(client: BlockingClient) -> None:
    campaign = client.made("/campaigns", {"name": "Spring"})
    path = f"/campaigns/{campaign['id']}/members"
    sales = client.role("sales")
    lead = sales.made("/leads", {"name": "L"})
    assert sales.get(path).json()["data"] == []
    assert sales.post(path, {"record_id": lead["id"]}).status_code == 403
