"""The daily job: points past their date expire, tiers follow, coming expiries are announced."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from crm_loyalty import ledger
from crm_loyalty.ledger import Movement
from crm_loyalty.notices import announce_expiry
from crm_loyalty.tables import Kind
from crm_loyalty.terms import terms_of
from crm_loyalty.tiers import keep_tiers
from plugin_sdk import Job

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

    from crm_loyalty.ledger import Holding
    from plugin_sdk import Context

__all__ = ["EXPIRE_POINTS", "expire_points"]


def expire_points(ctx: Context) -> None:
    """Do the day's work; a second run on the same day finds nothing to do."""
    terms, today = terms_of(ctx), ctx.now.date()
    expired = 0
    for page in ledger.pages(ledger.accounts_with_lots(ctx, None, today - timedelta(days=1))):
        ledger.lock(ctx, page)
        movements = [
            movement
            for account_id, holding in ledger.holdings(ctx, page).items()
            for movement in _expiries(account_id, holding, today)
        ]
        ledger.add(ctx, movements)
        expired -= sum(movement.points for movement in movements)
    # All accounts, not only those above: a tenant that changes its limits sees the new tiers the next day.
    keep_tiers(ctx, terms, ledger.every_account(ctx))
    announced = announce_expiry(ctx, terms, today)
    ctx.log.info("loyalty: %d points expired, %d coming expiries announced", expired, announced)


def _expiries(account_id: UUID, holding: Holding, today: date) -> list[Movement]:
    return [
        Movement(
            account_id,
            Kind.EXPIRE,
            -lot.points,
            occurred_on=today,
            lot_id=lot.id,
            sequence=lot.sequence + 1,
            sales_order_id=lot.sales_order_id,
            expires_on=lot.expires_on,
        )
        for lot in holding.left()
        if lot.is_over(today)
    ]


EXPIRE_POINTS: Final = Job(
    "expire_points",
    timedelta(days=1),
    expire_points,
    "Lets points past their date expire, keeps tiers in step and announces large expiries.",
)
