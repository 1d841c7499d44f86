from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from tests.support.app import BlockingClient


def put(client: BlockingClient, path: str, *ids: Any) -> httpx.Response:
    return client.run(client.http.put(path, json={"tag_ids": list(ids)}))


def test_a_record_has_exactly_the_tags_put(client: BlockingClient) -> None:
    account = client.made("/accounts", {"name": "Acme"})
    path = f"/accounts/{account['id']}/tags"
    vip, red, old = (client.made("/tags", {"record_type": "account", "name": name}) for name in ("vip", "red", "old"))
    assert put(client, path, vip["id"], red["id"], red["id"]).json() == {"data": [red, vip]}
    assert put(client, path, old["id"], red["id"]).json() == {"data": [old, red]}
    assert client.get(path).json() == {"data": [old, red]}
    client.delete(f"/tags/{old['id']}")
    assert client.get(path).json() == {"data": [red]}
    assert put(client, path).json() == {"data": []}
    put(client, path)
    events = client.get("/audit", record_id=account["id"], action="set_tags").json()["data"]
    assert len(events) == 3
    assert events[0]["diff"] == {"tags": [sorted([old["id"], red["id"]]), []]}


def test_tags_are_for_one_record_type(client: BlockingClient) -> None:
    account = client.made("/accounts", {"name": "Acme"})
    path = f"/accounts/{account['id']}/tags"
    tag = client.made("/tags", {"record_type": "lead", "name": "hot"})
    assert put(client, path, tag["id"]).json()["issues"][0]["code"] == "tag_of_other_type"
    assert put(client, path, str(uuid.uuid4())).json()["field"] == "tag_ids"
    assert put(client, f"/leads/{account['id']}/tags").status_code == 404


def test_who_may_not_change_the_record_may_not_tag_it(client: BlockingClient) -> None:
    account = client.made("/accounts", {"name": "Acme"})
    assert put(client.role("read_only"), f"/accounts/{account['id']}/tags").status_code == 403
    assert client.role("read_only").get(f"/accounts/{account['id']}/tags").json() == {"data": []}
    assert put(client.role("sales"), f"/accounts/{account['id']}/tags").status_code == 404
    own = client.role("sales").made("/accounts", {"name": "Mine"})
    assert put(client.role("sales"), f"/accounts/{own['id']}/tags").status_code == 200
