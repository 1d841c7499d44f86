from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


def test_a_line_by_itself_brings_the_document_up_to_date(client: BlockingClient) -> None:
    order = client.made("/sales-orders", {"lines": [{"quantity": "1", "unit_price": "10", "tax": "2"}]})
    path, lines = f"/sales-orders/{order['id']}", "/sales-order-lines"
    line = client.made(lines, {"document_id": order["id"], "quantity": "2", "unit_price": "5"})
    assert (line["position"], line["net"]) == (2, "10.0000")
    after = client.get(path).json()
    assert (after["total"], after["version"], len(after["lines"])) == ("22.0000", 2, 2)
    client.patch(f"{lines}/{line['id']}", {"quantity": "3"})
    assert (client.get(path).json()["total"], client.get(path).json()["version"]) == ("27.0000", 3)
    client.delete(f"{lines}/{line['id']}")
    assert (client.get(path).json()["total"], client.get(path).json()["version"]) == ("12.0000", 4)
    client.post(f"{lines}/{line['id']}/restore")
    assert (client.get(path).json()["total"], client.get(path).json()["version"]) == ("27.0000", 5)
    actions = [event["action"] for event in client.get("/audit", record_id=order["id"]).json()["data"]]
    assert actions == ["update"] * 4 + ["create"]


def test_a_line_stays_on_its_document(client: BlockingClient) -> None:
    one, other = client.made("/quotes", {"lines": [{"quantity": "1"}]}), client.made("/quotes", {})
    answer = client.patch(f"/quote-lines/{one['lines'][0]['id']}", {"document_id": other["id"]})
    assert (answer.status_code, answer.json()["issues"][0]["code"]) == (422, "line_moved")


def test_a_line_needs_the_permission_to_change_its_document(client: BlockingClient) -> None:
    order = client.made("/sales-orders", {})
    sales = client.role("sales")
    answer = sales.post("/sales-order-lines", {"document_id": order["id"], "quantity": "1"})
    assert (answer.status_code, answer.json()["field"]) == (422, "document_id")
    own = sales.made("/sales-orders", {})
    assert sales.post("/sales-order-lines", {"document_id": own["id"], "quantity": "1"}).status_code == 201


def test_a_line_of_a_deleted_document_is_refused(client: BlockingClient) -> None:
    order = client.made("/sales-orders", {"lines": [{"quantity": "1"}]})
    client.delete(f"/sales-orders/{order['id']}")
    assert client.patch(f"/sales-order-lines/{order['lines'][0]['id']}", {"quantity": "2"}).status_code == 404


def test_lines_written_at_once_are_all_counted(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            client = app.client()
            order = (await client.post("/sales-orders", json={})).json()
            body = {"document_id": order["id"], "quantity": "1", "unit_price": "1"}
            answers = await asyncio.gather(*(client.post("/sales-order-lines", json=body) for _ in range(8)))
            assert [answer.status_code for answer in answers] == [201] * 8
            after = (await client.get(f"/sales-orders/{order['id']}")).json()
            assert (after["total"], after["version"]) == ("8.0000", 9)

    run(scenario())
