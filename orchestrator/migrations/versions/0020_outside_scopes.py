"""When each scope outside was asked last, and what kept it from answering."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Instant, Text

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outside_scope",
        sa.Column("system", Text, primary_key=True),
        sa.Column("scope", Text, primary_key=True),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("problem", Text),
        sa.Column("problem_since", Instant),
    )


def downgrade() -> None:
    op.drop_table("outside_scope")
