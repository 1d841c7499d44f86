from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugins.loyalty.tests.conftest import Shop


def days_from_now(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days)).isoformat()


def tasks(shop: Shop, account: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.client.list("activities", regarding_id=account, kind="task", sort="due_on")
    return found


def test_points_past_their_date_expire_and_the_tier_follows(shop: Shop) -> None:
    account = shop.account()
    shop.order(account, "4000", ordered_on="2020-01-01")
    shop.order(account, "1500")
    assert shop.fields(account)["tier"] == "gold"

    shop.expire()
    shop.expire()

    assert shop.movements(account) == [("earn", 1500), ("earn", 4000), ("expire", -4000)]
    assert shop.fields(account) == {"tier": "silver", "balance": 1500, "lifetime_points": 5500}


def test_points_spent_do_not_expire(shop: Shop) -> None:
    account = shop.account()
    shop.order(account, "100", ordered_on="2020-01-01")
    shop.order(account, "50")
    shop.adjust(account, -70)

    shop.expire()

    assert shop.movements(account) == [("adjust", -70), ("earn", 50), ("earn", 100), ("expire", -30)]
    assert shop.fields(account)["balance"] == 50


def test_cancelling_an_expired_order_takes_nothing_twice(shop: Shop) -> None:
    account = shop.account()
    order_id = shop.order(account, "100", ordered_on="2020-01-01")
    shop.expire()

    shop.client.update("sales-orders", order_id, status="cancelled")

    assert shop.movements(account) == [("earn", 100), ("expire", -100)]


def test_points_are_good_until_the_end_of_their_last_day(enabled_shop: Any) -> None:
    shop: Shop = enabled_shop(expire_after_months=1)
    account = shop.account()
    made = shop.adjust(account, 10)
    last_day = shop.ledger(account)["data"][0]["expires_on"]

    shop.expire()

    assert made["balance"] == 10
    assert days_from_now(27) < last_day <= days_from_now(31)
    assert shop.fields(account)["balance"] == 10


def test_a_large_expiry_is_announced_once(enabled_shop: Any) -> None:
    shop: Shop = enabled_shop(expire_after_months=1, notice_days=40)
    account, small = shop.account("Acme"), shop.account("Small")
    shop.order(account, "900", ordered_on=days_from_now(-1))
    shop.order(small, "99", ordered_on=days_from_now(-1))

    shop.expire()
    shop.expire()

    (task,) = tasks(shop, account)
    first = shop.ledger(account)["data"][0]["expires_on"]
    assert task["subject"] == f"900 loyalty points of Acme expire from {first} on"
    assert (task["due_on"], task["regarding_id"], task["done_at"]) == (first, account, None)
    assert task["data"] == {"plugin": "loyalty", "points": 900, "month": f"{first[:7]}-01"}
    assert tasks(shop, small) == []


def test_a_notice_that_somebody_deleted_does_not_come_back(enabled_shop: Any) -> None:
    shop: Shop = enabled_shop(expire_after_months=1, notice_days=40)
    account = shop.account()
    shop.order(account, "900")
    shop.expire()
    (task,) = tasks(shop, account)
    shop.client.remove("activities", task["id"])

    shop.expire()

    assert tasks(shop, account) == []


def test_changed_limits_reach_every_account_with_the_next_run(shop: Shop) -> None:
    account = shop.account()
    shop.order(account, "300")
    shop.change_settings(gold_from=200)
    assert shop.fields(account)["tier"] == "bronze"

    shop.expire()

    assert shop.fields(account)["tier"] == "gold"
