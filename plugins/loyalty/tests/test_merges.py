from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugins.loyalty.tests.conftest import Shop


def test_points_follow_an_account_that_is_merged_away(shop: Shop) -> None:
    winner, loser = shop.account("Winner"), shop.account("Loser")
    shop.order(winner, "600")
    order_id = shop.order(loser, "700")
    shop.adjust(loser, -50)

    shop.client.expect(200, "POST", f"accounts/{winner}/merge", json={"loser_id": loser})

    assert shop.fields(winner) == {"tier": "silver", "balance": 1250, "lifetime_points": 1300}
    # The order is still the same lot: what happens to it afterwards concerns the winner, and once only.
    shop.client.update("sales-orders", order_id, status="cancelled")
    assert shop.fields(winner) == {"tier": "bronze", "balance": 550, "lifetime_points": 600}
