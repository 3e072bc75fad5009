"""Async tasks bear the stamp of their last writing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Counter

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "async_task", sa.Column("stamp", Counter, nullable=False, server_default=sa.text("0"))
    )
    op.create_index("ix_async_task_stamp", "async_task", ["stamp"])


def downgrade() -> None:
    op.drop_index("ix_async_task_stamp", "async_task")
    op.drop_column("async_task", "stamp")
