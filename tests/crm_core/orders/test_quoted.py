from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.app import BlockingClient

LINES = [
    {"quantity": "2", "unit_price": "7", "discount_percent": "10", "tax": "1", "description": "a"},
    {"quantity": "1"},
]


def test_a_quote_becomes_an_order_once(client: BlockingClient) -> None:
    account = client.made("/accounts", {"name": "Acme"})
    quote = client.made("/quotes", {"account_id": account["id"], "terms": "30 days", "lines": LINES})
    answer = client.post(f"/quotes/{quote['id']}/order", if_match='"1"')
    order = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/v1/sales-orders/{order['id']}")
    assert order == client.get(f"/sales-orders/{order['id']}").json()
    for name in ("account_id", "terms", "currency", "net", "tax", "total", "owner_id"):
        assert order[name] == quote[name], name
    assert order["origin_id"] == quote["id"]
    names = ("position", "description", "quantity", "unit_price", "discount_percent", "net", "tax")
    assert [[line[name] for name in names] for line in order["lines"]] == [
        [line[name] for name in names] for line in quote["lines"]
    ]
    accepted = client.get(f"/quotes/{quote['id']}").json()
    assert (accepted["status"], accepted["version"], accepted["accepted_at"] is None) == ("accepted", 2, False)
    again = client.post(f"/quotes/{quote['id']}/order")
    assert (again.status_code, again.json()["issues"][0]["code"]) == (422, "already_ordered")
    assert len(client.get("/sales-orders").json()["data"]) == 1


def test_a_bare_quote_keeps_its_amounts(client: BlockingClient) -> None:
    quote = client.made("/quotes", {"net": "10", "tax": "2"})
    order = client.post(f"/quotes/{quote['id']}/order").json()
    assert (order["net"], order["tax"], order["total"], order["lines"]) == ("10.0000", "2.0000", "12.0000", [])


def test_an_old_version_orders_nothing(client: BlockingClient) -> None:
    quote = client.made("/quotes", {})
    client.patch(f"/quotes/{quote['id']}", {"terms": "new"})
    assert client.post(f"/quotes/{quote['id']}/order", if_match='"1"').status_code == 409
    assert client.get("/sales-orders").json()["data"] == []


def test_two_at_once_make_one_order(database_url: str) -> None:
    async def scenario() -> None:
        async with running(database_url) as app:
            client = app.client()
            quote = (await client.post("/quotes", json={"lines": LINES})).json()
            path = f"/quotes/{quote['id']}/order"
            answers = await asyncio.gather(*(client.post(path, json={}) for _ in range(4)))
            assert [answer.status_code for answer in answers].count(201) == 1
            assert {answer.status_code for answer in answers} <= {201, 409, 422}
            orders = (await client.get("/sales-orders")).json()["data"]
            assert [order["origin_id"] for order in orders] == [quote["id"]]
            lines = (await client.get("/sales-order-lines")).json()["data"]
            assert len(lines) == len(LINES)

    run(scenario())
