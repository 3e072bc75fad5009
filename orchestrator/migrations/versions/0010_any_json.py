"""Results as text on SQLite, where a column of the type JSON changes bare numbers.

A number of more than 64 bits or a fraction that was changed before stays as it is.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMNS = (("command_entity", "return_value"), ("async_task", "result"))


def upgrade() -> None:
    _retype("TEXT")


def downgrade() -> None:
    _retype("JSON")


def _retype(wanted: str) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for table, column in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column}_new {wanted}")
        op.execute(f"UPDATE {table} SET {column}_new = {column} WHERE {column} IS NOT NULL")
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {column}_new TO {column}")
