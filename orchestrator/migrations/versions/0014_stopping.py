"""Finds what is being stopped by an index, and tells processes apart that had the same id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

IS_BEING_STOPPED = sa.text(
    "stopping IS NOT NULL AND action_state != 'compensated' AND action_state != 'failed'"
    " AND action_state != 'skipped' AND action_state != 'stopped' AND action_state != 'succeeded'"
)


def upgrade() -> None:
    op.create_index(
        "ix_command_entity_stopping",
        "command_entity",
        ["command_id"],
        postgresql_where=IS_BEING_STOPPED,
        sqlite_where=IS_BEING_STOPPED,
    )
    op.add_column("worker", sa.Column("born", sa.BigInteger))


def downgrade() -> None:
    with op.batch_alter_table("worker") as workers:
        workers.drop_column("born")
    op.drop_index("ix_command_entity_stopping", "command_entity")
