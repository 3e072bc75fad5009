"""What is paused, by whom and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Instant, Text

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pause",
        sa.Column("subject", Text, primary_key=True),
        sa.Column("by", Text, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("pause")
