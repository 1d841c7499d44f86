from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def me(client: BlockingClient) -> str:
    identifier: str = client.get("/me").json()["principal"]["id"]
    return identifier


def permission(principal: str, text: str, scope: str = "all") -> dict[str, Any]:
    resource, action = text.split(":")
    return {"principal_id": principal, "resource": resource, "action": action, "scope": scope}


def test_a_permission_holds_at_once_and_ends_at_once(client: BlockingClient) -> None:
    reader = client.role("read_only")
    assert reader.post("/accounts", {"name": "A"}).status_code == 403
    given = client.made("/permissions", permission(me(reader), "account:create"))
    assert reader.post("/accounts", {"name": "A"}).status_code == 201
    assert client.get("/permissions", principal_id=me(reader)).json()["data"] == [given]
    assert client.delete(f"/permissions/{given['id']}").status_code == 204
    assert reader.post("/accounts", {"name": "A"}).status_code == 403
    assert client.delete(f"/permissions/{given['id']}").status_code == 404
    audit = client.get("/audit", record_id=me(reader)).json()["data"]
    assert [event["action"] for event in audit] == ["remove_permission", "add_permission", "create"]


@pytest.mark.parametrize("text", ["account:delete", "*:read", "account:*", "*:*", "permission:delete"])
def test_nobody_gives_what_they_do_not_have(client: BlockingClient, text: str) -> None:
    service = client.role("service")
    client.made("/permissions", permission(me(service), "permission:create"))
    ann = client.made("/principals", {"kind": "user", "name": "Ann"})["id"]
    for target in (ann, me(service)):
        answer = service.post("/permissions", permission(target, text))
        assert (answer.status_code, answer.json()["issues"][0]["code"]) == (422, "escalation")
    assert client.get("/permissions", principal_id=ann).json()["data"] == []
    service.made("/permissions", permission(ann, "account:create"))


def test_a_narrow_scope_is_not_given_further_than_it_reaches(client: BlockingClient) -> None:
    sales = client.role("sales")
    client.made("/permissions", permission(me(sales), "permission:create"))
    ann = client.made("/principals", {"kind": "user", "name": "Ann"})["id"]
    role = client.made("/principals", {"kind": "role", "name": "helpers"})["id"]
    for target, scope in ((ann, "all"), (ann, "own"), (role, "own"), (role, "team")):
        answer = sales.post("/permissions", permission(target, "account:update", scope))
        assert answer.json()["issues"][0]["code"] == "escalation", (target, scope)
    sales.made("/permissions", permission(role, "account:create"))


def test_a_scope_must_exist(client: BlockingClient) -> None:
    assert client.post("/permissions", permission(me(client), "account:read", "some")).status_code == 422
    assert client.post("/permissions", permission(me(client), "Account:read")).status_code == 422
