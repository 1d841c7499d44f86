"""What sales orders earn: the points an order should have are compared with those it has, the difference is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crm_loyalty import ledger
from crm_loyalty.ledger import Movement
from crm_loyalty.points import after_months, points_for, still_owed
from crm_loyalty.tables import Kind
from crm_loyalty.tiers import keep_tiers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from uuid import UUID

    from crm_loyalty.terms import Terms
    from plugin_sdk import Context, Record

__all__ = ["catch_up", "follow_order", "movements_for", "points_of"]

# Only these decide about points: an order is not rated anew, with today's settings, because its terms were edited.
_RATED: Final = ("status", "account_id", "total", "deleted_at")


def follow_order(ctx: Context, terms: Terms, old: Record | None, new: Record) -> None:
    """Bring the ledger in step with an order that has just been written."""
    if old is None and not points_of(new, terms):
        return
    if old is not None and all(old.get(name) == new.get(name) for name in _RATED):
        return
    _post(ctx, terms, [new])


def catch_up(ctx: Context, terms: Terms) -> None:
    """Bring the ledger in step with all orders, deleted ones too; those that are in step get no movement."""
    for filters in ({}, {"deleted": "true"}):
        cursor: str | None = None
        orders = written = 0
        while True:
            page = ctx.api.list("sales_order", filters, limit=ledger.PAGE, cursor=cursor)
            orders += len(page.records)
            written += _post(ctx, terms, page.records)
            cursor = page.next_cursor
            if cursor is None:
                break
        ctx.log.info("loyalty: caught up with %d orders %s, %d movements written", orders, filters, written)


def points_of(order: Record, terms: Terms) -> int:
    """Return the points an order is worth as it stands."""
    if order["account_id"] is None or order["status"] not in terms.earning or order["deleted_at"] is not None:
        return 0
    return points_for(order["total"], terms.rate, terms.minimum)


def movements_for(order: Record, posted: Sequence[Mapping[str, Any]], terms: Terms, today: date) -> list[Movement]:
    """Return what is missing in the ledger for an order, given its movements so far."""
    held: dict[UUID, int] = {}
    for row in posted:
        held[row["account_id"]] = held.get(row["account_id"], 0) + row["points"]
    expired = -sum(row["points"] for row in posted if row["kind"] == Kind.EXPIRE.value)
    wanted = dict.fromkeys(held, 0)
    granted = points_of(order, terms)
    if granted:
        wanted[order["account_id"]] = still_owed(granted, expired)
    day = _day(order)
    sequence = posted[-1]["sequence"] if posted else 0
    movements = []
    # Points leave the account an order was moved from before they reach the other one.
    for account_id in sorted(wanted, key=lambda account_id: wanted[account_id] > 0):
        change = wanted[account_id] - held.get(account_id, 0)
        if change == 0:
            continue
        sequence += 1
        movements.append(
            Movement(
                account_id,
                _kind(held.get(account_id, 0), wanted[account_id]),
                change,
                occurred_on=today if posted else day,
                lot_id=order.id,
                sequence=sequence,
                sales_order_id=order.id,
                # The lot keeps its date, so that a correction years later does not renew the points.
                expires_on=posted[0]["expires_on"] if posted else after_months(day, terms.months),
                note=order.get("number"),
            )
        )
    return movements


def _post(ctx: Context, terms: Terms, orders: Sequence[Record]) -> int:
    """Write what is missing for some orders and return the number of movements."""
    if not orders:
        return 0
    posted = ledger.movements_of(ctx, [order.id for order in orders])
    today = ctx.now.date()
    movements = [
        movement for order in orders for movement in movements_for(order, posted.get(order.id, ()), terms, today)
    ]
    ledger.add(ctx, movements)
    keep_tiers(ctx, terms, _accounts(movements))
    return len(movements)


def _accounts(movements: Iterable[Movement]) -> set[UUID]:
    return {movement.account_id for movement in movements}


def _kind(held: int, wanted: int) -> Kind:
    if wanted <= 0:
        return Kind.CANCEL
    return Kind.EARN if held <= 0 else Kind.ADJUST


def _day(order: Record) -> date:
    day: date = order["ordered_on"] or order["document_date"] or order["created_at"].date()
    return day
