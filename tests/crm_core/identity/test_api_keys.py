from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def asked_with(client: BlockingClient, key: str, path: str = "/me") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(client.app.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://crm/api/v1") as http:
            return await http.get(path, headers={"authorization": f"Bearer {key}"})

    return client.run(ask())


def user(client: BlockingClient, **more: Any) -> str:
    identifier: str = client.made("/principals", {"kind": "user", "name": "Ann", **more})["id"]
    return identifier


def test_a_key_is_shown_once_works_and_ends(client: BlockingClient) -> None:
    ann = user(client)
    made = client.made("/api-keys", {"principal_id": ann, "name": "laptop"})
    text = made.pop("api_key")
    assert text.split("_")[:2] == ["crm", made["prefix"]]
    assert asked_with(client, text).json()["principal"]["id"] == ann
    listed = client.get("/api-keys", principal_id=ann)
    assert listed.json() == {"data": [made], "next_cursor": None}
    assert text.split("_")[2] not in listed.text
    assert "hash" not in listed.text
    assert client.delete(f"/api-keys/{made['id']}").status_code == 204
    assert asked_with(client, text).status_code == 401
    assert client.delete(f"/api-keys/{made['id']}").status_code == 404
    audit = client.get("/audit", record_id=ann)
    assert [event["action"] for event in audit.json()["data"]] == ["revoke_api_key", "add_api_key", "create"]
    assert text.split("_")[2] not in audit.text


def test_a_key_must_end_in_the_future(client: BlockingClient) -> None:
    ann, now = user(client), dt.datetime.now(dt.UTC)
    body = {"principal_id": ann, "name": "k", "expires_at": (now - dt.timedelta(seconds=1)).isoformat()}
    assert client.post("/api-keys", body).json()["field"] == "expires_at"
    body["expires_at"] = (now + dt.timedelta(hours=1)).isoformat()
    assert asked_with(client, client.made("/api-keys", body)["api_key"]).status_code == 200


def test_only_active_users_and_services_have_keys(client: BlockingClient) -> None:
    team = client.made("/principals", {"kind": "team", "name": "Sales"})["id"]
    for principal in (team, user(client, active=False)):
        answer = client.post("/api-keys", {"principal_id": principal, "name": "k"})
        assert answer.json()["issues"][0]["code"] == "cannot_act"


def test_nobody_makes_a_key_with_more_rights_than_their_own(client: BlockingClient) -> None:
    support = client.role("support")
    me = support.get("/me").json()["principal"]["id"]
    administrator = client.get("/me").json()["principal"]["id"]
    body = {"name": "k"}
    assert support.post("/api-keys", {**body, "principal_id": me}).status_code == 403
    permission = {"principal_id": me, "resource": "api_key", "action": "create", "scope": "all"}
    client.made("/permissions", permission)
    answer = support.post("/api-keys", {**body, "principal_id": administrator})
    assert (answer.status_code, answer.json()["issues"][0]["code"]) == (422, "escalation")
    support.made("/api-keys", {**body, "principal_id": me})
    support.made("/api-keys", {**body, "principal_id": user(client)})


def test_the_scope_own_reaches_ones_own_keys(client: BlockingClient) -> None:
    support = client.role("support")
    me = support.get("/me").json()["principal"]["id"]
    for action in ("create", "read", "delete"):
        client.made("/permissions", {"principal_id": me, "resource": "api_key", "action": action, "scope": "own"})
    own = support.made("/api-keys", {"principal_id": me, "name": "mine"})
    answer = support.post("/api-keys", {"principal_id": user(client), "name": "other"})
    assert (answer.status_code, answer.json()["field"]) == (422, "principal_id")
    assert {key["principal_id"] for key in support.get("/api-keys").json()["data"]} == {me}
    others = [key["id"] for key in client.get("/api-keys").json()["data"] if key["principal_id"] != me]
    assert support.delete(f"/api-keys/{others[0]}").status_code == 404
    assert support.delete(f"/api-keys/{own['id']}").status_code == 204


def test_a_secret_is_not_stored_for_a_replay(client: BlockingClient) -> None:
    answer = client.post("/api-keys", {"principal_id": user(client), "name": "k"}, idempotency_key="1")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert len(client.get("/api-keys").json()["data"]) == 1
