"""Tasks that announce the expiry of many points, and their removal."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select

from crm_loyalty import ledger
from crm_loyalty.tables import notice
from plugin_sdk import NotFound, new_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from crm_loyalty.ledger import Holding
    from crm_loyalty.points import Lot
    from crm_loyalty.terms import Terms
    from plugin_sdk import Context

__all__ = ["announce_expiry", "withdraw_open_notices"]

_MARK: Final = "loyalty"


def announce_expiry(ctx: Context, terms: Terms, today: date) -> int:
    """Create a task for every account and month in which many points will expire; return how many.

    The task comes ``notice_days`` before the first of the month's points expire and speaks of all of them, so that an
    account that orders every day gets one task a month and not thirty.
    """
    horizon = today + timedelta(days=terms.notice_days)
    created = 0
    for page in ledger.pages(ledger.accounts_with_lots(ctx, today, horizon)):
        told = _announced(ctx, page, today)
        for account_id, holding in ledger.holdings(ctx, page).items():
            for month, lots in _months(holding, today, horizon).items():
                points = sum(lot.points for lot in lots)
                if points >= terms.notice_minimum and (account_id, month) not in told:
                    created += _announce(ctx, account_id, month, lots)
    return created


def withdraw_open_notices(ctx: Context) -> int:
    """Delete the tasks that nobody has done yet; return how many."""
    withdrawn = 0
    for row in ctx.sql.rows(select(notice.c.activity_id).order_by(notice.c.activity_id)):
        try:
            activity = ctx.api.get("activity", row["activity_id"])
        except NotFound:
            continue  # a person has deleted it
        if activity["done_at"] is None and (activity["data"] or {}).get("plugin") == _MARK:
            ctx.api.delete("activity", activity.id)
            withdrawn += 1
    return withdrawn


def _announced(ctx: Context, account_ids: Sequence[UUID], today: date) -> set[tuple[UUID, date]]:
    statement = select(notice.c.account_id, notice.c.month).where(
        notice.c.account_id.in_(account_ids), notice.c.month >= today.replace(day=1)
    )
    return {(row["account_id"], row["month"]) for row in ctx.sql.rows(statement)}


def _months(holding: Holding, today: date, horizon: date) -> dict[date, list[Lot]]:
    """Return what will expire by month, for the months whose first expiry is in sight."""
    months: dict[date, list[Lot]] = defaultdict(list)
    for lot in holding.left():  # sorted by expiry
        if lot.expires_on is None or lot.expires_on < today:
            continue
        month = lot.expires_on.replace(day=1)
        if lot.expires_on <= horizon or month in months:
            months[month].append(lot)
    return months


def _announce(ctx: Context, account_id: UUID, month: date, lots: Sequence[Lot]) -> int:
    points, first = sum(lot.points for lot in lots), lots[0].expires_on
    try:
        account = ctx.api.get("account", account_id)
    except NotFound:
        return 0  # it has been deleted; its points expire unannounced
    task: dict[str, Any] = {
        "kind": "task",
        "subject": f"{points} loyalty points of {account['name']} expire from {first} on",
        "body": f"{points} points expire in {month:%Y-%m}, the first of them after {first}. Tell the customer.",
        "due_on": first,
        "owner_id": account["owner_id"],
        "regarding_id": account_id,
        "data": {"plugin": _MARK, "points": points, "month": month.isoformat()},
    }
    activity = ctx.api.create("activity", task)
    row = {"id": new_id(), "account_id": account_id, "month": month, "activity_id": activity.id}
    ctx.sql.execute(insert(notice).values(row))
    return 1
