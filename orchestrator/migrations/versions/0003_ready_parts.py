"""The ready parts of a command are found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAME = "ix_command_entity_ready_part"
IS_READY = sa.text("action_state = 'ready' AND parent_id IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        NAME,
        "command_entity",
        ["parent_id", "command_id"],
        postgresql_where=IS_READY,
        sqlite_where=IS_READY,
    )


def downgrade() -> None:
    op.drop_index(NAME, "command_entity")
