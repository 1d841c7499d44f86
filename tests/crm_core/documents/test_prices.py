from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.app import BlockingClient


@pytest.fixture
def shop(client: BlockingClient) -> dict[str, Any]:
    product = client.made("/products", {"name": "Bolt", "unit": "piece", "tax_code": "standard"})
    book = client.made("/price-books", {"book_key": "list", "name": "List", "currency": "EUR"})
    for least, unit_price in (("0", "2.5"), ("10", "2"), ("100", "1.5")):
        body = {"price_book_id": book["id"], "product_id": product["id"], "min_quantity": least}
        client.made("/prices", {**body, "unit_price": unit_price})
    return {"product": product["id"], "book": book["id"]}


@pytest.mark.parametrize(("quantity", "price"), [("9.999999", "2.5"), ("10", "2"), ("99", "2"), ("100", "1.5")])
def test_the_price_of_the_largest_quantity_reached(
    client: BlockingClient, shop: dict[str, Any], quantity: str, price: str
) -> None:
    line = {"product_id": shop["product"], "quantity": quantity}
    quote = client.made("/quotes", {"price_book_id": shop["book"], "lines": [line]})
    assert float(quote["lines"][0]["unit_price"]) == float(price)
    single = client.made("/quote-lines", {"document_id": quote["id"], **line})
    assert single["unit_price"] == quote["lines"][0]["unit_price"]


def test_what_is_sent_wins_over_the_product(client: BlockingClient, shop: dict[str, Any]) -> None:
    given = {"unit": "box", "description": "Bolts", "tax_code": None, "unit_price": "0"}
    lines = [
        {"product_id": shop["product"], "quantity": "1"},
        {"product_id": shop["product"], "quantity": "1", **given},
    ]
    quote = client.made("/quotes", {"price_book_id": shop["book"], "lines": lines})
    names = ("description", "unit", "tax_code", "unit_price")
    assert [tuple(line[name] for name in names) for line in quote["lines"]] == [
        ("Bolt", "piece", "standard", "2.500000"),
        ("Bolts", "box", None, "0.000000"),
    ]


def test_no_price_is_an_error_that_says_what_to_do(client: BlockingClient, shop: dict[str, Any]) -> None:
    line = {"product_id": shop["product"], "quantity": "1"}
    issue = client.post("/quotes", {"lines": [{"quantity": "1"}, line]}).json()["issues"][0]
    assert (issue["code"], issue["field"]) == ("no_price", "lines[1].unit_price")
    assert "set price_book_id" in issue["message"]
    other = client.made("/products", {"name": "Nut"})
    body = {"price_book_id": shop["book"], "lines": [{**line, "product_id": other["id"]}]}
    assert client.post("/quotes", body).json()["issues"][0]["code"] == "no_price"
    body = {"price_book_id": shop["book"], "currency": "USD", "lines": [line]}
    assert client.post("/quotes", body).json()["issues"][0]["code"] == "currency_mismatch"


def test_a_product_of_nobody_is_a_missing_reference(client: BlockingClient) -> None:
    stranger = client.app.tenant_id
    line = {"product_id": str(stranger), "quantity": "1", "unit_price": "1"}
    answer = client.post("/quotes", {"lines": [line]})
    assert (answer.status_code, answer.json()["code"]) == (422, "reference_not_found")
    assert client.get("/quotes").json()["data"] == []
