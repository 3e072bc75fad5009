"""Tasks that others began outside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

IS_FOLLOWED = sa.text("found AND state <> 'Cleared'")


def upgrade() -> None:
    op.add_column(
        "async_task", sa.Column("found", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index(
        "ix_async_task_found",
        "async_task",
        ["system", "scope", "external_id"],
        unique=True,
        postgresql_where=IS_FOLLOWED,
        sqlite_where=IS_FOLLOWED,
    )


def downgrade() -> None:
    op.drop_index("ix_async_task_found", "async_task")
    with op.batch_alter_table("async_task") as tasks:
        tasks.drop_column("found")
