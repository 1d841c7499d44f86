"""The arithmetic of points: pure functions over whole numbers and exact decimals."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

__all__ = ["Lot", "after_months", "points_for", "still_owed", "tier_for", "unspent"]

# Wide enough for any total times any rate without rounding: only whole points are ever rounded, and downwards.
_EXACT: Final = Context(prec=60)
_MONTHS_OF_YEAR: Final = 12


@dataclass(frozen=True, slots=True)
class Lot:
    """Points of one account that expire together; ``expires_on`` is their last good day, None: they never expire."""

    id: UUID
    points: int
    expires_on: date | None
    sequence: int = 0
    sales_order_id: UUID | None = None

    def is_over(self, today: date) -> bool:
        """Tell whether the last good day has passed."""
        return self.expires_on is not None and self.expires_on < today


def points_for(total: Decimal, rate: Decimal, minimum: Decimal) -> int:
    """Return the points of an order: total times rate, the fraction dropped; none below the smallest total."""
    if total <= 0 or total < minimum:
        return 0
    return int(_EXACT.multiply(total, rate).to_integral_value(ROUND_FLOOR, context=_EXACT))


def still_owed(granted: int, expired: int) -> int:
    """Return what a lot should hold in the end, when so many of its points have expired already.

    Points that have expired are not taken back a second time with their order, and the result depends on the two
    numbers alone: however often an amount changed on the way, the lot ends with the same points.
    """
    return max(granted - expired, 0)


def unspent(lots: Iterable[Lot], spent: int) -> tuple[Lot, ...]:
    """Return the lots with what is left of them after spending from the one that expires first.

    Lots that are used up are left out. Spending more than there is leaves nothing and is no error: the account owes.
    """
    left = []
    for lot in sorted(lots, key=lambda lot: (lot.expires_on or date.max, lot.id)):
        used = min(max(lot.points, 0), spent)
        spent -= used
        if lot.points > used:
            left.append(replace(lot, points=lot.points - used))
    return tuple(left)


def after_months(day: date, months: int) -> date | None:
    """Return the day so many months later, None ("never") for 0; a day the month does not have becomes its last."""
    if months == 0:
        return None
    year, month = divmod(day.year * _MONTHS_OF_YEAR + day.month - 1 + months, _MONTHS_OF_YEAR)
    if year >= date.max.year:  # beyond what the databases hold; nobody will miss the expiry
        return None
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def tier_for(balance: int, silver_from: int, gold_from: int) -> str:
    """Return the tier of a balance."""
    if balance >= gold_from:
        return "gold"
    return "silver" if balance >= silver_from else "bronze"
