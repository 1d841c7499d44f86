"""The plugin's own tables."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Index, Integer, Text, UniqueConstraint, Uuid

from plugin_sdk.db import Namespace, record_reference

__all__ = ["Kind", "ledger", "namespace", "notice"]


class Kind(StrEnum):
    """Why points moved."""

    EARN = "earn"
    CANCEL = "cancel"
    EXPIRE = "expire"
    ADJUST = "adjust"


namespace: Final = Namespace("loyalty")

# A lot is what expires together: the points of one order, or of one adjustment by hand. Its id is that of the order
# or of the adjustment. Points that are spent belong to no lot, they are drawn from all lots, oldest first.
ledger: Final = namespace.table(
    "ledger",
    *record_reference("account_id"),
    Column("lot_id", Uuid(), comment="The lot the points belong to; empty for points spent."),
    Column(
        "sequence", Integer, nullable=False, comment="Counts the movements of a lot, so that none is written twice."
    ),
    Column("sales_order_id", Uuid(), comment="The order the points are for; no foreign key, the facts outlive it."),
    Column("kind", Text, nullable=False),
    Column("points", BigInteger, nullable=False, comment="Positive: given. Negative: taken."),
    Column("occurred_on", Date, nullable=False),
    Column("expires_on", Date, comment="The last day the lot is good for; empty: it never expires."),
    Column("note", Text),
    CheckConstraint("kind IN ('earn', 'cancel', 'expire', 'adjust')", name="ck_ledger_kind"),
    CheckConstraint("points <> 0", name="ck_ledger_points"),
    # Two transactions that both saw the same movements of a lot cannot both add the next one.
    UniqueConstraint("tenant_id", "lot_id", "sequence", name="uq_ledger_lot"),
    Index("ix_ledger_account", "tenant_id", "account_id", "occurred_on", "id"),
    Index("ix_ledger_expiry", "tenant_id", "expires_on", "account_id"),
)

# Remembered here and not looked up among the activities: a notice that a person has deleted must not come back.
notice: Final = namespace.table(
    "notice",
    *record_reference("account_id"),
    Column("month", Date, nullable=False, comment="The first day of the month in which the points expire."),
    Column("activity_id", Uuid(), nullable=False, comment="The task that announces it; no foreign key."),
    UniqueConstraint("tenant_id", "account_id", "month", name="uq_notice_month"),
)
