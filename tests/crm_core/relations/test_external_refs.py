from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def test_an_id_of_another_system_is_found_and_forgotten(client: BlockingClient) -> None:
    account = client.made("/accounts", {"name": "Acme"})
    body = {"system": "erp", "ext_id": "A/1 & more", "record_id": account["id"]}
    made = client.made("/external-refs", body)
    assert (made["record_type"], made["row_hash"]) == ("account", None)
    client.made("/external-refs", {**body, "system": "shop"})
    assert client.get("/external-refs", system="erp", ext_id="A/1 & more").json()["data"] == [made]
    assert len(client.get("/external-refs", record_id=account["id"]).json()["data"]) == 2
    assert client.post("/external-refs", body).json()["code"] == "duplicate"
    gone = client.run(client.http.delete("/external-refs", params={"system": "erp", "ext_id": "A/1 & more"}))
    assert gone.status_code == 204
    again = client.run(client.http.delete("/external-refs", params={"system": "erp", "ext_id": "A/1 & more"}))
    assert again.status_code == 404
    assert client.delete("/external-refs").json()["parameter"] == "ext_id"
    assert [ref["system"] for ref in client.get("/external-refs").json()["data"]] == ["shop"]
    actions = [event["action"] for event in client.get("/audit", record_id=account["id"]).json()["data"]]
    assert actions == ["remove_external_ref", "add_external_ref", "add_external_ref", "create"]


def test_pages_follow_system_and_id(client: BlockingClient) -> None:
    account = client.made("/accounts", {"name": "Acme"})
    keys = [("b", "1"), ("a", "2"), ("a", "1"), ("b", "0")]
    for system, ext_id in keys:
        client.made("/external-refs", {"system": system, "ext_id": ext_id, "record_id": account["id"]})
    first = client.get("/external-refs", limit="3").json()
    second = client.get("/external-refs", limit="3", cursor=first["next_cursor"]).json()
    assert [(ref["system"], ref["ext_id"]) for ref in first["data"] + second["data"]] == sorted(keys)
    assert second["next_cursor"] is None
