"""Logins: secrets that stand for a token for a while, as oVirt's clients ask for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_login",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("token_digest", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_api_login"),
    )
    op.create_index("ix_api_login_expires_at", "api_login", ["expires_at"])


def downgrade() -> None:
    op.drop_table("api_login")
