"""The first tables of the platform."""

from __future__ import annotations

from crm_core.db.migrations.scripts import refuse_downgrade, run_script

revision = "platform_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    run_script(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
