from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_loyalty.orders import movements_for
from crm_loyalty.tables import Kind
from crm_loyalty.terms import Terms
from plugin_sdk import Record

if TYPE_CHECKING:
    from plugin_sdk.testing.tenant import Crm
    from plugins.loyalty.tests.conftest import Shop

EARNING = frozenset({"confirmed", "paid", "fulfilled"})
TERMS = Terms(Decimal(1), Decimal(0), EARNING, 24, 1000, 5000, 30, 100, backfill=False)
TODAY = date(2026, 7, 1)
ORDER, ANNA, BERT = UUID(int=1), UUID(int=2), UUID(int=3)


def order(**values: Any) -> Record:
    defaults = {
        "status": "confirmed",
        "account_id": ANNA,
        "total": Decimal(100),
        "deleted_at": None,
        "ordered_on": date(2026, 6, 1),
        "document_date": None,
        "created_at": datetime(2026, 6, 2, tzinfo=UTC),
        "number": "SO-1",
    }
    return Record("sales_order", ORDER, 1, MappingProxyType(defaults | values))


def posted(*steps: Record | int) -> list[dict[str, Any]]:
    """Return the ledger of one order after it has stood like this, one after the other; a number expires points."""
    rows: list[dict[str, Any]] = []
    for step in steps:
        if isinstance(step, int):
            last = rows[-1]
            rows.append({**last, "sequence": len(rows) + 1, "kind": "expire", "points": -step})
            continue
        rows += [
            {
                "account_id": one.account_id,
                "sequence": one.sequence,
                "kind": one.kind.value,
                "points": one.points,
                "expires_on": one.expires_on,
            }
            for one in movements_for(step, rows, TERMS, TODAY)
        ]
    return rows


def held(rows: list[dict[str, Any]], account: UUID = ANNA) -> int:
    return sum(row["points"] for row in rows if row["account_id"] == account)


def test_the_first_movement_has_the_date_of_the_order() -> None:
    (movement,) = movements_for(order(), (), TERMS, TODAY)

    assert (movement.kind, movement.points, movement.account_id) == (Kind.EARN, 100, ANNA)
    assert (movement.occurred_on, movement.expires_on) == (date(2026, 6, 1), date(2028, 6, 1))
    assert (movement.lot_id, movement.sales_order_id, movement.sequence) == (ORDER, ORDER, 1)


@pytest.mark.parametrize(
    ("dates", "day"),
    [
        ({"ordered_on": date(2026, 5, 1), "document_date": date(2026, 5, 2)}, date(2026, 5, 1)),
        ({"ordered_on": None, "document_date": date(2026, 5, 2)}, date(2026, 5, 2)),
        ({"ordered_on": None, "document_date": None}, date(2026, 6, 2)),
    ],
)
def test_the_date_of_an_order_is_the_first_it_has(dates: dict[str, Any], day: date) -> None:
    assert movements_for(order(**dates), (), TERMS, TODAY)[0].occurred_on == day


@pytest.mark.parametrize(
    "values",
    [
        {"status": "draft"},
        {"account_id": None},
        {"total": Decimal(0)},
        {"deleted_at": datetime(2026, 6, 3, tzinfo=UTC)},
    ],
)
def test_such_an_order_earns_nothing(values: dict[str, Any]) -> None:
    assert movements_for(order(**values), (), TERMS, TODAY) == []


def test_a_correction_is_dated_today_and_keeps_the_expiry_of_the_first_points() -> None:
    (movement,) = movements_for(order(total=Decimal(80), ordered_on=date(2020, 1, 1)), posted(order()), TERMS, TODAY)

    assert (movement.kind, movement.points, movement.sequence) == (Kind.ADJUST, -20, 2)
    assert (movement.occurred_on, movement.expires_on) == (TODAY, date(2028, 6, 1))


def test_an_order_moved_to_another_account_takes_its_points_along() -> None:
    rows = posted(order(), order(account_id=BERT))

    assert [(row["kind"], row["account_id"], row["points"]) for row in rows] == [
        ("earn", ANNA, 100),
        ("cancel", ANNA, -100),
        ("earn", BERT, 100),
    ]


def test_points_that_expired_are_not_taken_back_again() -> None:
    assert held(posted(order(), 100, order(status="cancelled"))) == 0
    assert held(posted(order(), 40, order(status="cancelled"))) == 0


def test_cancelling_and_confirming_again_earns_again() -> None:
    rows = posted(order(), order(status="cancelled"), order())

    assert [(row["kind"], row["points"]) for row in rows] == [("earn", 100), ("cancel", -100), ("earn", 100)]


STATES = st.builds(
    order,
    status=st.sampled_from(["draft", "confirmed", "paid", "cancelled"]),
    total=st.decimals(0, 500, places=2),
    account_id=st.sampled_from([ANNA, BERT, None]),
)


@given(st.lists(STATES, max_size=6), STATES)
def test_the_order_of_corrections_does_not_matter(path: list[Record], last: Record) -> None:
    rows, direct = posted(*path, last), posted(last)

    assert [held(rows, ANNA), held(rows, BERT)] == [held(direct, ANNA), held(direct, BERT)]


@given(st.lists(STATES, min_size=1, max_size=6))
def test_a_repeated_hook_writes_nothing(path: list[Record]) -> None:
    rows = posted(*path)

    assert movements_for(path[-1], rows, TERMS, TODAY) == []
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["expires_on"] for row in rows}) <= 1


@given(st.integers(1, 500), st.data(), st.integers(0, 500))
def test_expiry_and_corrections_add_up(first: int, data: st.DataObject, second: int) -> None:
    expired = data.draw(st.integers(1, first))
    rows = posted(order(total=Decimal(first)), expired, order(total=Decimal(second)))

    assert held(rows) == max(second - expired, 0)


# ------------------------------------------------------------------------------------ against a real core


def test_an_order_earns_when_it_is_confirmed(shop: Shop) -> None:
    account = shop.account()
    draft = shop.order(account, "250.75", status="draft")
    assert shop.movements(account) == []

    shop.client.update("sales-orders", draft, status="confirmed")
    shop.client.update("sales-orders", draft, status="paid")

    assert shop.movements(account) == [("earn", 250)]
    assert shop.fields(account) == {"tier": "bronze", "balance": 250, "lifetime_points": 250}


def test_an_order_without_an_account_earns_nothing(shop: Shop) -> None:
    account = shop.account()
    order_id = shop.order(None, "100")
    assert shop.movements(account) == []

    shop.client.update("sales-orders", order_id, account_id=account)

    assert shop.movements(account) == [("earn", 100)]


def test_a_change_of_the_amount_is_corrected(shop: Shop) -> None:
    account = shop.account()
    order_id = shop.order(account, "100")

    for total in ("150", "120", "120"):
        shop.client.update("sales-orders", order_id, total=total)

    assert shop.movements(account) == [("adjust", -30), ("adjust", 50), ("earn", 100)]
    assert shop.fields(account)["lifetime_points"] == 120


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
def test_the_points_go_with_the_order(shop: Shop, how: str) -> None:
    account = shop.account()
    order_id = shop.order(account, "1500")
    assert shop.fields(account)["tier"] == "silver"

    if how == "deleted":
        shop.client.remove("sales-orders", order_id)
    else:
        shop.client.update("sales-orders", order_id, status="cancelled")

    assert shop.movements(account) == [("cancel", -1500), ("earn", 1500)]
    assert shop.fields(account) == {"tier": "bronze", "balance": 0, "lifetime_points": 0}


def test_a_restored_order_has_its_points_again(shop: Shop) -> None:
    account = shop.account()
    order_id = shop.order(account, "40")
    shop.client.remove("sales-orders", order_id)

    shop.client.expect(200, "POST", f"sales-orders/{order_id}/restore")

    assert shop.movements(account) == [("cancel", -40), ("earn", 40), ("earn", 40)]


def test_an_order_that_is_refused_leaves_no_points(shop: Shop) -> None:
    account = shop.account()
    order_id = shop.order(account, "100")

    stale = shop.client.patch(f"sales-orders/{order_id}", json={"total": "900"}, headers={"If-Match": '"7"'})
    wrong = shop.client.patch(f"sales-orders/{order_id}", json={"total": "900", "contact_id": str(uuid4())})

    assert stale.status == 409
    assert wrong.status == 422
    assert shop.movements(account) == [("earn", 100)]


def test_a_disabled_plugin_gives_no_points_and_catches_up_on_request(shop: Shop) -> None:
    account = shop.account()
    cancelled, deleted = shop.order(account, "100"), shop.order(account, "200")
    shop.crm.disable("loyalty")
    shop.order(account, "30")
    shop.client.update("sales-orders", cancelled, status="cancelled")
    shop.client.remove("sales-orders", deleted)
    shop.crm.enable("loyalty")
    assert shop.movements(account) == [("earn", 100), ("earn", 200)]

    shop.crm.disable("loyalty")
    shop.crm.enable("loyalty", backfill=True)

    assert shop.movements(account) == [
        ("cancel", -200),
        ("cancel", -100),
        ("earn", 30),
        ("earn", 100),
        ("earn", 200),
    ]


def test_changed_settings_leave_an_order_alone_until_its_amount_changes(shop: Shop) -> None:
    account = shop.account()
    order_id = shop.order(account, "100")
    shop.change_settings(points_per_unit_of_currency="2")

    shop.client.update("sales-orders", order_id, terms="30 days")
    assert shop.fields(account)["balance"] == 100

    shop.client.update("sales-orders", order_id, total="101")
    assert shop.fields(account)["balance"] == 202


def test_settings_decide_what_earns(crm: Crm, enabled_shop: Any) -> None:
    shop: Shop = enabled_shop(
        points_per_unit_of_currency="0.5", minimum_total="20", earning_statuses="done , shipped", silver_from=10
    )
    account = shop.account()

    for total, status in (("19.99", "done"), ("41", "done"), ("100", "confirmed")):
        shop.order(account, total, status)

    assert crm.is_enabled("loyalty")
    assert shop.movements(account) == [("earn", 20)]
    assert shop.fields(account)["tier"] == "silver"


def test_enabling_again_with_backfill_writes_nothing_twice(crm: Crm, enabled_shop: Any) -> None:
    account = str(crm.client.create("accounts", name="Acme")["id"])
    before = {"currency": "EUR", "status": "paid", "total": "75", "account_id": account}
    crm.client.create("sales-orders", **before)
    shop: Shop = enabled_shop(backfill=True)
    assert shop.movements(account) == [("earn", 75)]

    crm.disable("loyalty")
    crm.enable("loyalty", backfill=True)

    assert shop.movements(account) == [("earn", 75)]
    assert shop.fields(account)["tier"] == "bronze"
