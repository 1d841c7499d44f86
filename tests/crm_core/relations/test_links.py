from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


@pytest.fixture
def pair(client: BlockingClient) -> dict[str, Any]:
    account = client.made("/accounts", {"name": "Acme"})
    contact = client.made("/contacts", {"name": "Ann"})
    return {"src_id": contact["id"], "rel": "works_at", "dst_id": account["id"]}


def test_a_link_is_made_listed_and_ended(client: BlockingClient, pair: dict[str, Any]) -> None:
    link = client.made("/links", {**pair, "valid_from": "2020-01-01", "position": 1, "data": {"since": "school"}})
    assert {name: link[name] for name in pair} == pair
    assert client.get("/links", src_id=pair["src_id"]).json() == {"data": [link], "next_cursor": None}
    assert client.get("/links", dst_id=pair["src_id"]).json()["data"] == []
    assert client.delete(f"/links/{link['id']}").status_code == 204
    ended = client.get("/links", rel="works_at").json()["data"][0]
    assert ended["valid_to"] == ended["created_at"][:10]
    assert client.get("/links", **{"valid_to[empty]": "true"}).json()["data"] == []
    assert client.delete(f"/links/{link['id']}").status_code == 404
    events = client.get("/audit", record_id=pair["src_id"]).json()["data"]
    assert [event["action"] for event in events] == ["end_link", "add_link", "create"]


def test_one_link_of_a_kind_is_open_at_a_time(client: BlockingClient, pair: dict[str, Any]) -> None:
    link = client.made("/links", pair)
    answer = client.post("/links", pair)
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate")
    client.delete(f"/links/{link['id']}")
    client.made("/links", pair)
    assert len(client.get("/links").json()["data"]) == 2


def test_what_a_link_may_not_be(client: BlockingClient, pair: dict[str, Any]) -> None:
    answer = client.post("/links", {**pair, "dst_id": str(uuid.uuid4())})
    assert (answer.status_code, answer.json()["field"]) == (422, "dst_id")
    answer = client.post("/links", {**pair, "dst_id": pair["src_id"]})
    assert answer.json()["issues"][0]["code"] == "link_to_itself"
    answer = client.post("/links", {**pair, "valid_from": "2020-01-02", "valid_to": "2020-01-01"})
    assert answer.json()["issues"][0]["code"] == "days_reversed"
    assert client.get("/links").json()["data"] == []


def test_a_record_one_may_not_see_cannot_be_linked(client: BlockingClient, pair: dict[str, Any]) -> None:
    answer = client.role("sales").post("/links", pair)
    assert (answer.status_code, answer.json()["field"]) == (422, "src_id")


def test_pages_have_a_total_order(client: BlockingClient, pair: dict[str, Any]) -> None:
    made = [client.made("/links", {**pair, "rel": f"rel_{n}"})["id"] for n in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = client.get("/links", **query).json()
        seen += [link["id"] for link in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == made
    answer = client.get("/links", sort="rel")
    assert (answer.status_code, answer.json()["parameter"]) == (422, "sort")
