from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.loyalty.tests.conftest import Shop


def test_the_ledger_is_read_in_pages_latest_first(shop: Shop) -> None:
    account = shop.account()
    for day in ("2026-01-03", "2026-01-01", "2026-01-02"):
        shop.order(account, "10", ordered_on=day)

    first = shop.ledger(account, limit=2)
    second = shop.ledger(account, limit=2, cursor=first["next_cursor"])

    days = [one["occurred_on"] for page in (first, second) for one in page["data"]]
    assert days == ["2026-01-03", "2026-01-02", "2026-01-01"]
    assert (first["balance"], second["balance"], second["next_cursor"]) == (30, 30, None)


def test_a_movement_says_where_it_comes_from(shop: Shop) -> None:
    account = shop.account()
    order_id = shop.order(account, "10.50", ordered_on="2026-02-28")

    (movement,) = shop.ledger(account)["data"]

    assert movement.pop("id")
    assert movement.pop("note") == shop.client.read("sales-orders", order_id)["number"]
    assert movement == {
        "kind": "earn",
        "points": 10,
        "occurred_on": "2026-02-28",
        "expires_on": "2028-02-28",
        "sales_order_id": order_id,
    }


def test_points_are_given_and_taken_by_hand(shop: Shop) -> None:
    account = shop.account()

    given = shop.adjust(account, 6000, "welcome")
    taken = shop.adjust(account, -5500, "redeemed")

    assert (given["balance"], given["tier"]) == (6000, "gold")
    assert (taken["balance"], taken["tier"]) == (500, "bronze")
    assert {one["note"] for one in shop.ledger(account)["data"]} == {"welcome", "redeemed"}
    assert shop.fields(account)["lifetime_points"] == 6000


def test_nobody_takes_more_points_than_there_are(shop: Shop) -> None:
    account = shop.account()
    shop.order(account, "100")

    path = f"x/loyalty/accounts/{account}/adjustments"
    refused = shop.client.post(path, json={"points": -101, "note": "too many"})

    assert refused.status == 422
    assert [issue["code"] for issue in refused.json["issues"]] == ["balance_below_zero"]
    assert shop.movements(account) == [("earn", 100)]
    assert shop.adjust(account, -100)["balance"] == 0


def test_points_taken_at_the_same_moment_are_taken_once(shop: Shop) -> None:
    account = shop.account()
    shop.adjust(account, 100)
    path = f"x/loyalty/accounts/{account}/adjustments"

    with ThreadPoolExecutor(4) as threads:
        taken = [threads.submit(shop.client.post, path, json={"points": -40, "note": "now"}) for _ in range(4)]

    assert sorted(answer.result().status for answer in taken) == [201, 201, 422, 422]
    assert shop.fields(account)["balance"] == 20


@pytest.mark.parametrize("body", [{"points": 0, "note": "x"}, {"points": 5, "note": ""}, {"points": "many"}, {}])
def test_an_adjustment_that_says_nothing_is_refused(shop: Shop, body: dict[str, object]) -> None:
    account = shop.account()

    assert shop.client.post(f"x/loyalty/accounts/{account}/adjustments", json=body).status == 422
    assert shop.movements(account) == []


@pytest.mark.parametrize("account", ["0190163d-8694-739b-aea5-966c26f8ad91", "nobody"])
def test_an_account_that_does_not_exist_is_not_found(shop: Shop, account: str) -> None:
    assert shop.client.get(f"x/loyalty/accounts/{account}/ledger").status == 404


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"cursor": "x"}])
def test_a_page_that_cannot_be_is_refused(shop: Shop, query: dict[str, str]) -> None:
    account = shop.account()

    assert shop.client.get(f"x/loyalty/accounts/{account}/ledger", params=query).status == 422


def test_who_only_reads_cannot_adjust(shop: Shop) -> None:
    account = shop.account()
    reader = shop.client.as_role("read_only")

    assert reader.get(f"x/loyalty/accounts/{account}/ledger").status == 200
    body = {"points": 5, "note": "for me"}
    assert reader.post(f"x/loyalty/accounts/{account}/adjustments", json=body).status == 403


def test_the_routes_are_there_only_while_the_plugin_is_enabled(shop: Shop) -> None:
    account = shop.account()
    shop.crm.disable("loyalty")

    assert shop.client.get(f"x/loyalty/accounts/{account}/ledger").status == 404
