"""Points follow their account when it is merged into another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, update

from crm_loyalty.tables import ledger, notice
from crm_loyalty.tiers import keep_tiers

if TYPE_CHECKING:
    from crm_loyalty.terms import Terms
    from plugin_sdk import Context, Record

__all__ = ["follow_merge"]


def follow_merge(ctx: Context, terms: Terms, old: Record | None, new: Record) -> None:
    """Move the ledger of an account that has just been merged away; any other write of an account costs nothing."""
    winner = new["merged_into_id"]
    if winner is None or (old is not None and old["merged_into_id"] == winner):
        return
    ctx.sql.execute(update(ledger).where(ledger.c.account_id == new.id).values(account_id=winner))
    # Together the two may lose more points in a month than either was told: the next run announces it anew.
    ctx.sql.execute(delete(notice).where(notice.c.account_id == new.id))
    keep_tiers(ctx, terms, [winner, new.id])
