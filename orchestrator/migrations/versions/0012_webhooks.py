"""Webhooks of vendors: where they are told, and what is on its way to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Id, Instant, Json

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("endpoint_id", Id, nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("news", Json, nullable=False),
        sa.Column("topics", Json, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text()),
        sa.Column("old_until", Instant),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name="pk_webhook_endpoint"),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", Id, nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("task_id", Id, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("news", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("wake_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_webhook_delivery"),
    )
    op.create_index(
        "ix_webhook_delivery_told",
        "webhook_delivery",
        ["endpoint_id", "task_id", "attempt", "news"],
        unique=True,
    )
    op.create_index("ix_webhook_delivery_status", "webhook_delivery", ["status", "wake_at"])


def downgrade() -> None:
    op.drop_table("webhook_delivery")
    op.drop_table("webhook_endpoint")
