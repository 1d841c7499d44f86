from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from crm_core.db.statements import Statement
from crm_core.schema import tenant

if TYPE_CHECKING:
    from tests.support.app import BlockingClient

DOCUMENTS = pytest.mark.parametrize("path", ["quotes", "sales-orders"])
LINE = st.fixed_dictionaries(
    {"quantity": st.decimals("0", "10000", places=6), "unit_price": st.decimals("-1000", "100000", places=6)},
    optional={
        "discount_percent": st.decimals("0", "100", places=4),
        "tax": st.decimals("0", "1000", places=4),
        "description": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    },
)


def written(line: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in line.items()}


def net_of(line: dict[str, Any]) -> Decimal:
    exact = line["quantity"] * line["unit_price"] * (100 - line.get("discount_percent", Decimal(0))) / 100
    return Decimal(exact).quantize(Decimal("0.0001"), rounding="ROUND_HALF_UP")


@DOCUMENTS
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINE, min_size=1, max_size=5))
def test_the_total_is_the_sum_of_nets_and_taxes(client: BlockingClient, path: str, lines: list[dict[str, Any]]) -> None:
    document = client.made(f"/{path}", {"lines": [written(line) for line in lines]})
    nets = [net_of(line) for line in lines]
    taxes = [line.get("tax", Decimal(0)) for line in lines]
    assert [Decimal(line["net"]) for line in document["lines"]] == nets
    assert [Decimal(line["tax"]) for line in document["lines"]] == taxes
    assert [line["position"] for line in document["lines"]] == list(range(1, len(lines) + 1))
    assert Decimal(document["net"]) == sum(nets)
    assert Decimal(document["tax"]) == sum(taxes)
    assert Decimal(document["total"]) == sum(nets) + sum(taxes)
    turned = client.patch(f"/{path}/{document['id']}", {"lines": [written(line) for line in reversed(lines)]}).json()
    assert {name: turned[name] for name in ("net", "tax", "total")} == {
        name: document[name] for name in ("net", "tax", "total")
    }
    assert client.get(f"/{path}/{document['id']}").json() == turned


VOLATILE = {"version", "updated_at", "updated_by", "id", "created_at", "lines"}


def lasting(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in VOLATILE}


@DOCUMENTS
def test_the_same_lines_again_change_nothing_but_the_version(client: BlockingClient, path: str) -> None:
    lines = [{"quantity": "2", "unit_price": "3.5", "discount_percent": "5"}, {"quantity": "1", "description": "free"}]
    before = client.made(f"/{path}", {"lines": lines})
    after = client.patch(f"/{path}/{before['id']}", {"lines": lines}).json()
    assert after["version"] == before["version"] + 1
    assert lasting(after) == lasting(before)
    assert [lasting(line) for line in after["lines"]] == [lasting(line) for line in before["lines"]]
    line_path = "quote-lines" if path == "quotes" else "sales-order-lines"
    old = {line["id"] for line in before["lines"]}
    bin_ = client.get(f"/{line_path}", deleted="true").json()["data"]
    assert {line["id"] for line in bin_} == old


def test_a_version_that_moved_on_keeps_the_lines(client: BlockingClient) -> None:
    order = client.made("/sales-orders", {"lines": [{"quantity": "1", "unit_price": "1"}]})
    client.patch(f"/sales-orders/{order['id']}", {"terms": "30 days"})
    answer = client.patch(f"/sales-orders/{order['id']}", {"lines": []}, if_match='"1"')
    assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")
    assert len(client.get(f"/sales-orders/{order['id']}").json()["lines"]) == 1


def test_a_bare_document_takes_its_amounts_as_given(client: BlockingClient) -> None:
    for sent, amounts in (
        ({"total": "119", "tax": "19"}, ("100.0000", "19.0000", "119.0000")),
        ({"net": "100", "tax": "19"}, ("100.0000", "19.0000", "119.0000")),
        ({"net": "100", "total": "119"}, ("100.0000", "19.0000", "119.0000")),
        ({"total": "119"}, ("119.0000", "0.0000", "119.0000")),
        ({}, ("0.0000", "0.0000", "0.0000")),
    ):
        order = client.made("/sales-orders", sent)
        assert (order["net"], order["tax"], order["total"]) == amounts
    changed = client.patch(f"/sales-orders/{order['id']}", {"net": "5"}).json()
    assert (changed["net"], changed["total"]) == ("5.0000", "5.0000")
    answer = client.post("/sales-orders", {"net": "1", "tax": "1", "total": "3"})
    assert (answer.status_code, answer.json()["issues"][0]["code"]) == (422, "total_mismatch")


@pytest.mark.parametrize("name", ["net", "tax", "total"])
def test_amounts_beside_lines_are_refused_by_name(client: BlockingClient, name: str) -> None:
    line = {"quantity": "1", "unit_price": "0"}
    answer = client.post("/quotes", {"lines": [line], name: "0"})
    assert (answer.status_code, answer.json()["field"]) == (422, name)
    quote = client.made("/quotes", {"lines": [line]})
    for body in ({name: "0", "lines": [line]}, {name: "7"}):
        answer = client.patch(f"/quotes/{quote['id']}", body)
        assert (answer.status_code, answer.json()["field"]) == (422, name), body


def test_the_currency_is_the_books_or_the_tenants(client: BlockingClient) -> None:
    book = client.made("/price-books", {"book_key": "usa", "name": "USA", "currency": "USD"})
    assert client.made("/quotes", {"price_book_id": book["id"]})["currency"] == "USD"
    assert client.made("/quotes", {})["currency"] == "EUR"
    assert client.made("/quotes", {"currency": "CHF", "price_book_id": book["id"]})["currency"] == "CHF"


def test_a_number_is_kept_or_taken_from_the_series_past_used_ones(client: BlockingClient) -> None:
    assert client.made("/sales-orders", {"number": "SO-000002"})["number"] == "SO-000002"
    assert [client.made("/sales-orders", {})["number"] for _ in range(2)] == ["SO-000001", "SO-000003"]
    answer = client.post("/sales-orders", {"number": "SO-000002"})
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate")


def test_half_even_is_the_tenants_choice(client: BlockingClient) -> None:
    statement = Statement(update(tenant).values(rounding="half_even"))
    client.as_system(lambda scope: scope.uow.execute(statement, {}))
    line = {"quantity": "1.00005", "unit_price": "1"}
    assert client.made("/quotes", {"lines": [line]})["total"] == "1.0000"


def test_a_mistake_in_a_line_names_the_line(client: BlockingClient) -> None:
    good = {"quantity": "1"}
    answer = client.post("/quotes", {"lines": [good, {"quantity": "1", "discount_percent": "101"}]})
    assert answer.json()["issues"][0]["field"] == "lines[1].discount_percent"
    answer = client.post("/quotes", {"lines": [good, {"quantity": "1.0000001"}]})
    assert answer.json()["field"] == "lines[1].quantity"
    answer = client.post("/quotes", {"lines": [{}]})
    assert (answer.status_code, answer.json()["pointer"]) == (422, "$.lines[0]")
    answer = client.post("/quotes", {"lines": [{"quantity": "9000000000000", "unit_price": "9000000000000"}]})
    assert answer.json()["field"] == "lines[0].net"
    assert client.get("/quotes").json()["data"] == []


def test_a_list_answers_the_lines_of_each_document(client: BlockingClient) -> None:
    made = [client.made("/quotes", {"lines": [{"quantity": str(n)}] * n}) for n in (1, 3, 2)]
    assert client.get("/quotes").json()["data"] == made


def test_many_at_once_come_with_their_lines(client: BlockingClient) -> None:
    operations = [{"create": {"lines": [{"quantity": "2", "unit_price": "3"}]}}, {"create": {"lines": [{}]}}]
    results = client.post("/sales-orders/bulk", {"operations": operations}).json()["results"]
    assert [result["status"] for result in results] == [201, 422]
    record = results[0]["record"]
    assert record == client.get(f"/sales-orders/{record['id']}").json()
    assert (record["total"], len(record["lines"])) == ("6.0000", 1)
