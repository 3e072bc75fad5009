"""Which trees touch which entities, and indexes in the order in which lists are read."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Id, Instant, Text

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ROOT = "parent_id IS NULL"
OLD = {
    "created_at": (["created_at"], ROOT),
    "action_state": (["action_state", "created_at"], ROOT),
    "correlation_id": (["correlation_id"], f"{ROOT} AND correlation_id IS NOT NULL"),
    "entity_id": (["entity_id"], f"{ROOT} AND entity_id IS NOT NULL"),
}
KEYS = ["created_at", "command_id"]
NEW = {
    "created_at": (KEYS, ROOT),
    "action_state": (["action_state", *KEYS], ROOT),
    "action_type": (["action_type", *KEYS], ROOT),
    "owner_id": (["owner_id", *KEYS], ROOT),
    "correlation_id": (["correlation_id", *KEYS], f"{ROOT} AND correlation_id IS NOT NULL"),
}


def upgrade() -> None:
    op.create_table(
        "entity_touch",
        sa.Column("entity_type", Text, primary_key=True),
        sa.Column("entity_id", Text, primary_key=True),
        sa.Column("root_id", Id, primary_key=True),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.execute(_from_names())
    op.execute(_from_locks(op.get_bind().dialect.name))
    op.create_index(
        "ix_entity_touch_entity_id", "entity_touch", ["entity_id", "created_at", "root_id"]
    )
    op.create_index("ix_entity_touch_root_id", "entity_touch", ["root_id"])
    outside = sa.text("external_id IS NOT NULL")
    op.create_index(
        "ix_async_task_external_id",
        "async_task",
        ["external_id"],
        postgresql_where=outside,
        sqlite_where=outside,
    )
    _exchange(OLD, NEW)


def downgrade() -> None:
    _exchange(NEW, OLD)
    op.drop_index("ix_async_task_external_id", "async_task")
    op.drop_table("entity_touch")


def _exchange(old: dict[str, Any], new: dict[str, Any]) -> None:
    for name in old:
        op.drop_index(f"ix_command_entity_{name}", "command_entity")
    for name, (columns, which) in new.items():
        op.create_index(
            f"ix_command_entity_{name}",
            "command_entity",
            columns,
            postgresql_where=sa.text(which),
            sqlite_where=sa.text(which),
        )


def _from_names() -> str:
    return (
        "INSERT INTO entity_touch (entity_type, entity_id, root_id, created_at)"
        " SELECT DISTINCT one.entity_name, one.entity_id, root.command_id, root.created_at"
        " FROM command_entity AS one JOIN command_entity AS root ON root.command_id = one.root_id"
        " WHERE one.entity_id IS NOT NULL AND one.entity_name IS NOT NULL"
    )


def _from_locks(dialect: str) -> str:
    if dialect == "postgresql":
        kind, name = "lock.value ->> 0", "lock.value ->> 1"
        each = "CROSS JOIN LATERAL json_array_elements(one.locks::json) AS lock(value)"
        is_list = "json_typeof(one.locks::json) = 'array'"
    else:
        kind, name = (
            f"CASE lock.type WHEN 'array' THEN json_extract(lock.value, '$[{at}]') END"
            for at in (0, 1)
        )
        # A row that was garbled by hand stops no upgrade.
        sound = "CASE WHEN json_valid(one.locks) THEN one.locks ELSE 'null' END"
        each = f"JOIN json_each({sound}) AS lock"
        is_list = f"json_type({sound}) = 'array'"
    return (
        "INSERT INTO entity_touch (entity_type, entity_id, root_id, created_at)"
        f" SELECT DISTINCT {kind}, {name}, root.command_id, root.created_at"
        f" FROM (SELECT * FROM command_entity AS one WHERE one.locks IS NOT NULL AND {is_list})"
        " AS one JOIN command_entity AS root ON root.command_id = one.root_id"
        f" {each} WHERE {kind} IS NOT NULL AND {name} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entity_touch AS known"
        f" WHERE known.entity_type = {kind} AND known.entity_id = {name}"
        " AND known.root_id = root.command_id)"
    )
