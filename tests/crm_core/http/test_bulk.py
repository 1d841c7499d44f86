from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def test_rows_that_fail_are_reported_and_the_others_are_kept(client: BlockingClient) -> None:
    known = client.made("/products", {"name": "Bolt", "sku": "B-1"})
    operations = [
        {"create": {"name": "Nut", "sku": "N-1"}},
        {"create": {"name": "Copy", "sku": "B-1"}},
        {"create": {"nme": "typo"}},
        {"update": {"id": known["id"], "version": 9, "set": {"name": "stale"}}},
        {"update": {"id": known["id"], "version": 1, "set": {"name": "Bolt M8"}}},
        {"create": {"name": "Washer"}, "update": {"id": known["id"], "set": {}}},
        {},
    ]

    answer = client.post("/products/bulk", {"operations": operations})

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["row"] for result in results] == list(range(7))
    assert [result["status"] for result in results] == [201, 409, 422, 409, 200, 422, 422]
    codes = [result.get("error", {}).get("code") for result in results]
    assert codes == [None, "duplicate", "invalid_input", "version_conflict", None, "invalid_input", "invalid_input"]
    assert sorted(each["name"] for each in client.get("/products").json()["data"]) == ["Bolt M8", "Nut"]
    assert results[0]["record"] == client.get(f"/products/{results[0]['record']['id']}").json()


def test_later_rows_see_earlier_ones(client: BlockingClient) -> None:
    made = client.made("/accounts", {"name": "Acme"})
    operations = [{"update": {"id": made["id"], "set": {"name": f"name {number}"}}} for number in range(3)]

    results = client.post("/accounts/bulk", {"operations": operations}).json()["results"]

    assert [result["record"]["version"] for result in results] == [2, 3, 4]
    assert client.get(f"/accounts/{made['id']}").json()["name"] == "name 2"


def test_the_number_of_rows_is_limited(client: BlockingClient) -> None:
    assert client.post("/accounts/bulk", {"operations": []}).status_code == 422
    too_many = [{"create": {"name": "x"}}] * 1001
    assert client.post("/accounts/bulk", {"operations": too_many}).status_code == 422


def test_without_the_permission_every_row_is_denied(client: BlockingClient) -> None:
    answer = client.role("read_only").post("/accounts/bulk", {"operations": [{"create": {"name": "x"}}]})

    assert [result["status"] for result in answer.json()["results"]] == [403]
    assert client.get("/accounts").json()["data"] == []


def test_a_row_that_is_not_text_is_reported(client: BlockingClient) -> None:
    content = b'{"operations": [{"create": {"name": "\xff"}}, {"create": {"name": "x"}}]}'

    answer = client.run(client.http.post("/accounts/bulk", content=content))

    assert [result["status"] for result in answer.json()["results"]] == [422, 201]
