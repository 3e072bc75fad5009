"""Who caused an event, and an audit that can be read: of what, of which tree, about which entity."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Id, Text

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_audit_root_id": ["root_id"],
    "ix_audit_actor": ["actor", "audit_id"],
    "ix_audit_verb": ["verb", "audit_id"],
    "ix_audit_entity": ["entity", "audit_id"],
    "ix_audit_at": ["at"],
}


def upgrade() -> None:
    op.add_column("event", sa.Column("actor", Text))
    op.add_column("audit", sa.Column("root_id", Id))
    op.add_column("audit", sa.Column("subject", Text, nullable=False, server_default=""))
    op.add_column("audit", sa.Column("entity", Text))
    for name, columns in INDEXES.items():
        op.create_index(name, "audit", columns)
    of_it = " FROM command_entity WHERE command_entity.command_id = audit.command_id)"
    op.execute(
        f"UPDATE audit SET root_id = (SELECT command_entity.root_id{of_it},"
        f" entity = (SELECT entity_name || ':' || entity_id{of_it},"
        f" subject = COALESCE((SELECT label || ' (' || action_type || ')'{of_it}, '')"
        " WHERE command_id IS NOT NULL"
    )


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "audit")
    with op.batch_alter_table("audit") as audit:
        for name in ("root_id", "subject", "entity"):
            audit.drop_column(name)
    with op.batch_alter_table("event") as event:
        event.drop_column("actor")
