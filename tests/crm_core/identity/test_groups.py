from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from tests.support.app import BlockingClient


def put(client: BlockingClient, principal: str, *groups: str) -> httpx.Response:
    return client.run(client.http.put(f"/principals/{principal}/groups", json={"group_ids": list(groups)}))


def me(client: BlockingClient) -> str:
    identifier: str = client.get("/me").json()["principal"]["id"]
    return identifier


def principal(client: BlockingClient, kind: str, name: str) -> dict[str, Any]:
    made = client.made("/principals", {"kind": kind, "name": name})
    return {"id": made["id"], "kind": kind, "name": name}


def role(client: BlockingClient, name: str) -> str:
    found = client.get("/principals", kind="role", name=name).json()["data"]
    identifier: str = found[0]["id"]
    return identifier


def test_a_principal_belongs_to_exactly_the_groups_put(client: BlockingClient) -> None:
    ann, one, two = (principal(client, kind, kind) for kind in ("user", "team", "role"))
    assert put(client, ann["id"], one["id"], two["id"]).json() == {"data": [two, one]}
    assert client.get(f"/principals/{ann['id']}/groups").json() == {"data": [two, one]}
    assert put(client, ann["id"], one["id"]).json() == {"data": [one]}
    assert put(client, ann["id"]).json() == {"data": []}
    put(client, ann["id"])
    assert len(client.get("/audit", record_id=ann["id"], action="set_groups").json()["data"]) == 3


def test_a_role_holds_at_once(client: BlockingClient) -> None:
    reader = client.role("read_only")
    put(client, me(reader), role(client, "read_only"), role(client, "service"))
    reader.made("/accounts", {"name": "A"})
    put(client, me(reader), role(client, "read_only"))
    assert reader.post("/accounts", {"name": "A"}).status_code == 403


def test_groups_are_teams_and_roles_and_never_contain_themselves(client: BlockingClient) -> None:
    ann, inner, outer = (principal(client, kind, name) for kind, name in (("user", "a"), ("team", "i"), ("team", "o")))
    assert put(client, inner["id"], ann["id"]).json()["issues"][0]["code"] == "not_a_group"
    assert put(client, inner["id"], str(uuid.uuid4())).json()["field"] == "group_ids"
    assert put(client, inner["id"], outer["id"]).status_code == 200
    for group in (inner, outer):
        assert put(client, outer["id"], group["id"]).json()["issues"][0]["code"] == "group_in_itself"


def test_nobody_gives_a_role_with_more_rights_than_their_own(client: BlockingClient) -> None:
    manager = client.role("manager")
    for action in ("update", "create"):
        body = {"principal_id": me(manager), "resource": "principal", "action": action, "scope": "all"}
        client.made("/permissions", body)
    ann = principal(client, "user", "Ann")
    for target in (ann["id"], me(manager)):
        answer = put(manager, target, role(client, "administrator"))
        assert answer.json()["issues"][0]["code"] == "escalation"
    assert put(manager, ann["id"], role(client, "read_only")).status_code == 200


def test_nobody_reaches_further_by_filling_their_own_team(client: BlockingClient) -> None:
    sales, boss = client.role("sales"), client.role("manager")
    team = principal(client, "team", "North")
    body = {"principal_id": me(sales), "resource": "principal", "action": "update", "scope": "all"}
    client.made("/permissions", body)
    put(client, me(sales), role(client, "sales"), team["id"])
    answer = put(sales, me(boss), role(client, "manager"), team["id"])
    assert answer.json()["issues"][0]["code"] == "escalation"
    account = boss.made("/accounts", {"name": "Secret"})
    assert sales.get(f"/accounts/{account['id']}").status_code == 404
