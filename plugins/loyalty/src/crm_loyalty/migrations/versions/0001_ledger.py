"""The ledger and the notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "plg_loyalty"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "ledger",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("lot_id", sa.Uuid()),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("sales_order_id", sa.Uuid()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date()),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_ledger"),
        _account("fk_ledger_account"),
        sa.CheckConstraint("kind IN ('earn', 'cancel', 'expire', 'adjust')", name="ck_ledger_kind"),
        sa.CheckConstraint("points <> 0", name="ck_ledger_points"),
        sa.UniqueConstraint("tenant_id", "lot_id", "sequence", name="uq_ledger_lot"),
        schema=SCHEMA,
    )
    op.create_index("ix_ledger_account", "ledger", ["tenant_id", "account_id", "occurred_on", "id"], schema=SCHEMA)
    op.create_index("ix_ledger_expiry", "ledger", ["tenant_id", "expires_on", "account_id"], schema=SCHEMA)
    op.create_table(
        "notice",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_notice"),
        _account("fk_notice_account"),
        # It also serves the reference: its first columns are the reference's.
        sa.UniqueConstraint("tenant_id", "account_id", "month", name="uq_notice_month"),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Drop the tables with everything in them."""
    op.drop_table("notice", schema=SCHEMA)
    op.drop_table("ledger", schema=SCHEMA)


def _account(name: str) -> sa.ForeignKeyConstraint:
    columns = ["core.record.tenant_id", "core.record.id"]
    return sa.ForeignKeyConstraint(["tenant_id", "account_id"], columns, name=name, ondelete="CASCADE")
