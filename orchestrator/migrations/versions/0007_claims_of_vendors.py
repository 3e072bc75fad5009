"""Until when a program of a vendor has taken an external task for itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("async_task", sa.Column("claimed_until", Instant))


def downgrade() -> None:
    with op.batch_alter_table("async_task") as tasks:
        tasks.drop_column("claimed_until")
