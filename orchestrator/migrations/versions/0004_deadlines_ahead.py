"""Deadlines are indexed only while they can still pass."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAME = "ix_command_entity_deadline"


def upgrade() -> None:
    _index_where("deadline IS NOT NULL AND end_time IS NULL")


def downgrade() -> None:
    _index_where("deadline IS NOT NULL")


def _index_where(condition: str) -> None:
    op.drop_index(NAME, "command_entity")
    where = sa.text(condition)
    op.create_index(
        NAME, "command_entity", ["deadline"], postgresql_where=where, sqlite_where=where
    )
