"""What isolation of plugins has to remember: whom an operator trusts, what fails, what the installation was like."""

from __future__ import annotations

from crm_core.db.migrations.scripts import refuse_downgrade, run_script

revision = "platform_0002"
down_revision = "platform_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    run_script(__file__)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(revision)
