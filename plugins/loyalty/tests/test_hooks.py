from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crm_loyalty.hooks import plugin_check
from plugin_sdk import Environment

if TYPE_CHECKING:
    from plugins.loyalty.tests.conftest import Shop


def test_an_account_with_points_cannot_be_deleted(shop: Shop) -> None:
    account = shop.account()
    shop.order(account, "120")

    refused = shop.client.delete(f"accounts/{account}")

    assert refused.status == 422
    assert [issue["code"] for issue in refused.json["issues"]] == ["loyalty_points_left"]
    assert "120 unexpired loyalty points" in refused.json["issues"][0]["message"]

    shop.adjust(account, -120, "paid out")
    shop.client.remove("accounts", account)


def test_expired_points_keep_nobody_from_deleting_an_account(shop: Shop) -> None:
    account = shop.account()
    shop.order(account, "120", ordered_on="2001-01-01")
    assert shop.fields(account)["balance"] == 120

    shop.client.remove("accounts", account)


def test_accounts_can_be_found_by_their_tier(shop: Shop) -> None:
    orders = {"Gold": "5000", "Silver": "4999.99", "Bronze": "1", "None": None}
    for name, total in orders.items():
        account = shop.account(name)
        if total is not None:
            shop.order(account, total)

    def names(**filters: Any) -> list[str]:
        return sorted(account["name"] for account in shop.client.list("accounts", **filters))

    assert names(**{"loyalty.tier": "gold"}) == ["Gold"]
    assert names(**{"loyalty.tier[in]": "silver,bronze"}) == ["Bronze", "Silver"]
    assert names(**{"loyalty.tier[empty]": "true"}) == ["None"]


def test_a_page_of_accounts_carries_the_points_of_each(shop: Shop) -> None:
    for name, total in (("A", "10"), ("B", "20")):
        shop.order(shop.account(name), total)
    shop.account("C")

    page = shop.client.list("accounts", sort="name")

    shown = {one["name"]: one["plugins"]["loyalty"] for one in page}
    assert {name: fields["balance"] for name, fields in shown.items()} == {"A": 10, "B": 20, "C": 0}
    assert shown["C"] == {"tier": None, "balance": 0, "lifetime_points": 0}


def test_nobody_but_the_plugin_sets_a_tier(shop: Shop) -> None:
    refused = shop.client.post("accounts", json={"name": "A", "plugins": {"loyalty": {"tier": "gold"}}})

    assert refused.status == 422
    assert "loyalty" in refused.json["detail"]


def test_a_tenant_does_not_see_the_points_of_another(shop: Shop) -> None:
    account = shop.account()
    shop.order(account, "100")
    other = shop.crm.another()
    other.enable("loyalty")

    assert other.client.get(f"x/loyalty/accounts/{account}/ledger").status == 404


@pytest.mark.parametrize(("database", "refused"), [("sqlite", False), ("postgresql", False), ("mysql", True)])
def test_only_a_database_the_ledger_is_proven_on_is_accepted(database: str, *, refused: bool) -> None:
    issues = plugin_check(Environment("0.1.0", "0.1.0", database, "3.11.9", {}))

    assert [issue.code for issue in issues or ()] == (["database_unproven"] if refused else [])
