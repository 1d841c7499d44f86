"""Keep the stored field ``tier`` in step with the balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_loyalty import ledger
from crm_loyalty.points import tier_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from crm_loyalty.terms import Terms
    from plugin_sdk import Context

__all__ = ["keep_tiers"]


def keep_tiers(ctx: Context, terms: Terms, account_ids: Iterable[UUID]) -> None:
    """Store the tier of each account where it has changed; an account gets its first one with its first points."""
    for page in ledger.pages(sorted(set(account_ids))):
        balances = ledger.balances(ctx, page)
        stored = ctx.fields.get("account", page)
        for account_id, balance in balances.items():
            tier = tier_for(balance, terms.silver_from, terms.gold_from)
            if stored.get(account_id, {}).get("tier") != tier:
                ctx.fields.set("account", account_id, {"tier": tier})
