"""Since when vendors could reach us: one row for each API process."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_process",
        sa.Column("process_id", sa.Text(), nullable=False),
        sa.Column("open_since", Instant, nullable=False),
        sa.Column("open_until", Instant, nullable=False),
        sa.PrimaryKeyConstraint("process_id", name="pk_api_process"),
    )


def downgrade() -> None:
    op.drop_table("api_process")
