"""Vendors: tokens that expire and rotate, whose a task is, who was let in, and the life of each task."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OWNED = "ix_command_entity_vendor"
IS_VENDORS = sa.text("owner_type = 'vendor'")


def upgrade() -> None:
    op.add_column("api_token", sa.Column("vendor", sa.Text()))
    op.add_column("api_token", sa.Column("expires_at", Instant))
    op.add_column(
        "api_token",
        sa.Column("acts_for_others", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute("UPDATE api_token SET vendor = name WHERE role = 'vendor'")
    op.add_column(
        "async_task", sa.Column("attempt", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_table(
        "vendor_grant",
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("about", "subject", "vendor", name="pk_vendor_grant"),
    )
    # A task belonged to whoever submitted its tree; from now on it belongs to its vendor.
    op.execute(
        "UPDATE command_entity SET owner_type = 'vendor', owner_id = parameters ->> 'vendor'"
        " WHERE action_type = 'external'"
    )
    op.create_index(
        OWNED,
        "command_entity",
        ["owner_id", "root_id"],
        postgresql_where=IS_VENDORS,
        sqlite_where=IS_VENDORS,
    )


def downgrade() -> None:
    op.drop_index(OWNED, "command_entity")
    op.drop_table("vendor_grant")
    with op.batch_alter_table("async_task") as tasks:
        tasks.drop_column("attempt")
    with op.batch_alter_table("api_token") as tokens:
        for name in ("acts_for_others", "expires_at", "vendor"):
            tokens.drop_column(name)
