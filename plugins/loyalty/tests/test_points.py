from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_loyalty.points import Lot, after_months, points_for, still_owed, tier_for, unspent

TODAY = date(2026, 7, 1)
MONEY = st.decimals(Decimal("-1e14"), Decimal("1e14"), places=4)
RATES = st.decimals(0, 1000, places=4)


@st.composite
def lots(draw: st.DrawFn) -> list[Lot]:
    days = st.none() | st.dates(TODAY - timedelta(60), TODAY + timedelta(60))
    drawn = draw(st.lists(st.tuples(st.integers(0, 1000), days), max_size=8))
    return [Lot(UUID(int=index), points, expires_on) for index, (points, expires_on) in enumerate(drawn)]


@pytest.mark.parametrize(
    ("total", "rate", "minimum", "points"),
    [
        ("99.9999", "1", "0", 99),
        ("100", "0.5", "0", 50),
        ("0.9999", "1", "0", 0),
        ("19.99", "1", "20", 0),
        ("20", "1", "20", 20),
        ("-5", "1", "0", 0),
        ("0", "1", "0", 0),
        ("333.3333", "3", "0", 999),
        ("100000000000000.9999", "1000", "0", 100_000_000_000_000_999),
    ],
)
def test_points_are_total_times_rate_rounded_down(total: str, rate: str, minimum: str, points: int) -> None:
    assert points_for(Decimal(total), Decimal(rate), Decimal(minimum)) == points


@given(MONEY, RATES)
def test_points_lose_less_than_one_point_to_rounding(total: Decimal, rate: Decimal) -> None:
    exact = Fraction(total) * Fraction(rate) if total > 0 else Fraction(0)

    assert 0 <= exact - points_for(total, rate, Decimal(0)) < 1


@given(lots(), st.integers(0, 10_000))
def test_what_is_left_is_what_was_given_less_what_was_spent(given_lots: list[Lot], spent: int) -> None:
    total = sum(lot.points for lot in given_lots)
    left = unspent(given_lots, spent)

    assert sum(lot.points for lot in left) == max(total - spent, 0)
    assert all(lot.points > 0 for lot in left)


@given(lots(), st.integers(0, 5000), st.integers(0, 5000))
def test_spending_twice_is_spending_the_sum(given_lots: list[Lot], first: int, second: int) -> None:
    assert unspent(unspent(given_lots, first), second) == unspent(given_lots, first + second)


@given(lots(), st.integers(0, 10_000))
def test_spending_takes_the_points_that_expire_first(given_lots: list[Lot], spent: int) -> None:
    left = {lot.id: lot for lot in unspent(given_lots, spent)}
    touched = [lot for lot in given_lots if lot.points and left.get(lot.id) != lot]
    whole = [lot for lot in given_lots if lot.points and left.get(lot.id) == lot]

    latest_touched = max((lot.expires_on or date.max for lot in touched), default=date.min)
    assert all((lot.expires_on or date.max) >= latest_touched for lot in whole)


@given(lots(), st.integers(0, 5000))
def test_expiry_conserves_points(given_lots: list[Lot], spent: int) -> None:
    """What was given is what was spent, expired or is still there, and a second run finds nothing to expire."""
    total = sum(lot.points for lot in given_lots)
    over = {lot.id: lot.points for lot in unspent(given_lots, spent) if lot.is_over(TODAY)}
    after = [Lot(lot.id, lot.points - over.get(lot.id, 0), lot.expires_on) for lot in given_lots]
    balance = sum(lot.points for lot in after) - spent

    assert total == spent + sum(over.values()) + balance
    assert balance >= min(total - spent, 0)
    assert not [lot for lot in unspent(after, spent) if lot.is_over(TODAY)]


@given(lots(), st.integers(0, 5000), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(given_lots: list[Lot], spent: int, random: object) -> None:
    shuffled = list(given_lots)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert unspent(shuffled, spent) == unspent(given_lots, spent)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_expired_points_are_not_taken_back_a_second_time(granted: int, expired: int) -> None:
    assert still_owed(granted, expired) == (granted - expired if granted > expired else 0)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 12, 15), 0, None),
        (date(9990, 1, 1), 1200, None),
    ],
)
def test_months_end_on_a_day_the_month_has(day: date, months: int, later: date | None) -> None:
    assert after_months(day, months) == later


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 600))
def test_months_are_counted_by_the_calendar(day: date, months: int) -> None:
    later = after_months(day, months)

    assert later is not None
    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day <= day.day


@pytest.mark.parametrize(
    ("balance", "tier"),
    [(-5, "bronze"), (0, "bronze"), (999, "bronze"), (1000, "silver"), (4999, "silver"), (5000, "gold")],
)
def test_a_tier_begins_at_its_limit(balance: int, tier: str) -> None:
    assert tier_for(balance, 1000, 5000) == tier


def test_a_gold_limit_below_the_silver_one_leaves_no_silver() -> None:
    assert [tier_for(balance, 100, 50) for balance in (49, 50, 100)] == ["bronze", "gold", "gold"]
