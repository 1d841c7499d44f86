"""Make the table of fingerprints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "plg_duplicate_guard"


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "fingerprint",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("record_type", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_fingerprint"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "record_id"],
            ["core.record.tenant_id", "core.record.id"],
            name="fk_fingerprint_record",
            ondelete="CASCADE",
        ),
        schema=SCHEMA,
    )
    # It begins with the reference, so it is also the index by which the database follows a deleted record.
    op.create_index(
        "uq_fingerprint_record",
        "fingerprint",
        ["tenant_id", "record_id", "kind", "value"],
        unique=True,
        schema=SCHEMA,
    )
    op.create_index("ix_fingerprint_value", "fingerprint", ["tenant_id", "kind", "value"], schema=SCHEMA)


def downgrade() -> None:
    """Drop the table: fingerprints can be built again from the records at any time."""
    op.drop_table("fingerprint", schema=SCHEMA)
