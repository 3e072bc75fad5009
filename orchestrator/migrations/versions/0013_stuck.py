"""How many commands of each tree need attention, at its root."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "command_entity", sa.Column("stuck", sa.Integer, nullable=False, server_default="0")
    )
    for name, columns, which in (
        (
            "ix_command_entity_needs_attention",
            ["root_id", "command_id"],
            "action_state = 'needs_attention'",
        ),
        ("ix_command_entity_stuck", ["created_at", "command_id"], "stuck > 0"),
    ):
        op.create_index(
            name,
            "command_entity",
            columns,
            postgresql_where=sa.text(which),
            sqlite_where=sa.text(which),
        )
    op.execute(
        "UPDATE command_entity SET stuck ="
        " (SELECT count(*) FROM command_entity AS part"
        " WHERE part.action_state = 'needs_attention' AND part.root_id = command_entity.command_id)"
        " WHERE command_id IN"
        " (SELECT root_id FROM command_entity WHERE action_state = 'needs_attention')"
    )


def downgrade() -> None:
    op.drop_index("ix_command_entity_stuck", "command_entity")
    op.drop_index("ix_command_entity_needs_attention", "command_entity")
    with op.batch_alter_table("command_entity") as commands:
        commands.drop_column("stuck")
