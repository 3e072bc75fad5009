"""What is ready is found by an index, whatever it is a part of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PARTS = "ix_command_entity_ready_part"
IS_READY_PART = sa.text("action_state = 'ready' AND parent_id IS NOT NULL")
ALL = "ix_command_entity_ready"
IS_READY = sa.text("action_state = 'ready'")


def upgrade() -> None:
    op.drop_index(PARTS, "command_entity")
    op.create_index(
        ALL,
        "command_entity",
        ["created_at", "command_id"],
        postgresql_where=IS_READY,
        sqlite_where=IS_READY,
    )


def downgrade() -> None:
    op.drop_index(ALL, "command_entity")
    op.create_index(
        PARTS,
        "command_entity",
        ["parent_id", "command_id"],
        postgresql_where=IS_READY_PART,
        sqlite_where=IS_READY_PART,
    )
