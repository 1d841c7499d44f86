"""The tenant's settings with their types, read once per hook call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from plugin_sdk import Context

__all__ = ["Terms", "terms_of"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the tenant has agreed with its customers; the manifest explains each setting."""

    rate: Decimal
    minimum: Decimal
    earning: frozenset[str]
    months: int
    silver_from: int
    gold_from: int
    notice_days: int
    notice_minimum: int
    backfill: bool


def terms_of(ctx: Context) -> Terms:
    """Return the settings of the tenant of a hook call."""
    given = ctx.settings
    return Terms(
        rate=given["points_per_unit_of_currency"],
        minimum=given["minimum_total"],
        earning=frozenset(part.strip() for part in given["earning_statuses"].split(",")),
        months=given["expire_after_months"],
        silver_from=given["silver_from"],
        gold_from=given["gold_from"],
        notice_days=given["notice_days"],
        notice_minimum=given["notice_minimum"],
        backfill=given["backfill"],
    )
