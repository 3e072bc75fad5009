"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.store.types import Counter, Id, Instant, Json, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("name", Text, primary_key=True),
        sa.Column("digest", Text, nullable=False),
        sa.Column("role", Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("revoked_at", Instant),
    )
    op.create_index(
        "ix_api_token_digest",
        "api_token",
        ["digest"],
        unique=True,
    )
    op.create_table(
        "async_task",
        sa.Column("task_id", Id, primary_key=True),
        sa.Column("command_id", Id, nullable=False),
        sa.Column("root_id", Id, nullable=False),
        sa.Column("system", Text, nullable=False),
        sa.Column("scope", Text, nullable=False),
        sa.Column("verb", Text, nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("description", Text, nullable=False),
        sa.Column("external_id", Text),
        sa.Column("state", Text, nullable=False),
        sa.Column("status", Text, nullable=False),
        sa.Column("progress", sa.Float),
        sa.Column("message", Text),
        sa.Column("result", Json),
        sa.Column("detail", Json),
        sa.Column("stop_requested", sa.Boolean, nullable=False),
        sa.Column("lease_s", sa.Float),
        sa.Column("when_silent", Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("retry_s", sa.Float),
        sa.Column("correlation_id", Text),
        sa.Column("wake_at", Instant),
        sa.Column("deadline", Instant),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
    )
    op.create_index(
        "ix_async_task_command_id",
        "async_task",
        ["command_id"],
    )
    op.create_index(
        "ix_async_task_open",
        "async_task",
        ["system", "scope", "external_id"],
        postgresql_where=sa.text("state != 'Cleared'"),
        sqlite_where=sa.text("state != 'Cleared'"),
    )
    op.create_index(
        "ix_async_task_wake_at",
        "async_task",
        ["wake_at"],
        postgresql_where=sa.text("wake_at IS NOT NULL"),
        sqlite_where=sa.text("wake_at IS NOT NULL"),
    )
    op.create_table(
        "audit",
        sa.Column("audit_id", Counter, primary_key=True, autoincrement=True),
        sa.Column("actor", Text, nullable=False),
        sa.Column("verb", Text, nullable=False),
        sa.Column("command_id", Id),
        sa.Column("reason", Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_index(
        "ix_audit_command_id",
        "audit",
        ["command_id"],
    )
    op.create_table(
        "command_entity",
        sa.Column("command_id", Id, primary_key=True),
        sa.Column("root_id", Id, nullable=False),
        sa.Column("parent_id", Id),
        sa.Column("action_type", Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("label", Text, nullable=False),
        sa.Column("action_state", Text, nullable=False),
        sa.Column("phase", Text, nullable=False),
        sa.Column("mode", Text),
        sa.Column("verbs", sa.Integer, nullable=False),
        sa.Column("in_sequence", sa.Boolean, nullable=False),
        sa.Column("best_effort", sa.Boolean, nullable=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("pending", sa.Integer, nullable=False),
        sa.Column("outcome", Text),
        sa.Column("stopping", Text),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("nudges", sa.Integer, nullable=False),
        sa.Column("worker_id", Text),
        sa.Column("wake_at", Instant),
        sa.Column("deadline", Instant),
        sa.Column("locks", Json),
        sa.Column("entity_name", Text),
        sa.Column("entity_id", Text),
        sa.Column("owner_id", Text, nullable=False),
        sa.Column("owner_type", Text, nullable=False),
        sa.Column("correlation_id", Text),
        sa.Column("message", Text),
        sa.Column("progress", sa.Float),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("visible_to_ui", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("start_time", Instant),
        sa.Column("end_time", Instant),
        sa.Column("last_update_time", Instant, nullable=False),
        sa.Column("parameters", Json, nullable=False),
        sa.Column("inputs", Json),
        sa.Column("return_value", Json),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_command_entity_action_state",
        "command_entity",
        ["action_state", "created_at"],
        postgresql_where=sa.text("parent_id IS NULL"),
        sqlite_where=sa.text("parent_id IS NULL"),
    )
    op.create_index(
        "ix_command_entity_correlation_id",
        "command_entity",
        ["correlation_id"],
        postgresql_where=sa.text("parent_id IS NULL AND correlation_id IS NOT NULL"),
        sqlite_where=sa.text("parent_id IS NULL AND correlation_id IS NOT NULL"),
    )
    op.create_index(
        "ix_command_entity_created_at",
        "command_entity",
        ["created_at"],
        postgresql_where=sa.text("parent_id IS NULL"),
        sqlite_where=sa.text("parent_id IS NULL"),
    )
    op.create_index(
        "ix_command_entity_deadline",
        "command_entity",
        ["deadline"],
        postgresql_where=sa.text("deadline IS NOT NULL"),
        sqlite_where=sa.text("deadline IS NOT NULL"),
    )
    op.create_index(
        "ix_command_entity_entity_id",
        "command_entity",
        ["entity_id"],
        postgresql_where=sa.text("parent_id IS NULL AND entity_id IS NOT NULL"),
        sqlite_where=sa.text("parent_id IS NULL AND entity_id IS NOT NULL"),
    )
    op.create_index(
        "ix_command_entity_wake_at",
        "command_entity",
        ["wake_at"],
        postgresql_where=sa.text("wake_at IS NOT NULL"),
        sqlite_where=sa.text("wake_at IS NOT NULL"),
    )
    op.create_index(
        "ix_command_entity_worker_id",
        "command_entity",
        ["worker_id"],
        postgresql_where=sa.text("worker_id IS NOT NULL"),
        sqlite_where=sa.text("worker_id IS NOT NULL"),
    )
    op.create_table(
        "command_sequence",
        sa.Column("entity_id", Id, primary_key=True),
        sa.Column("sequence_id", Id, nullable=False),
        sa.Column("order_in_sequence", sa.Integer, nullable=False),
        sa.Column("next_command_id", Id),
        sa.Column("initiator_command_id", Id, nullable=False),
    )
    op.create_index(
        "ix_command_sequence_initiator_command_id", "command_sequence", ["initiator_command_id"]
    )
    op.create_index(
        "ix_command_sequence_next_command_id",
        "command_sequence",
        ["next_command_id"],
        postgresql_where=sa.text("next_command_id IS NOT NULL"),
        sqlite_where=sa.text("next_command_id IS NOT NULL"),
    )
    op.create_index(
        "ix_command_sequence_sequence_id",
        "command_sequence",
        ["sequence_id", "order_in_sequence"],
    )
    op.create_table(
        "entity_lock",
        sa.Column("entity_type", Text, primary_key=True),
        sa.Column("entity_id", Text, primary_key=True),
        sa.Column("command_id", Id, primary_key=True),
        sa.Column("root_id", Id, nullable=False),
        sa.Column("mode", Text, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("since", Instant, nullable=False),
    )
    op.create_index(
        "ix_entity_lock_command_id",
        "entity_lock",
        ["command_id"],
    )
    op.create_index(
        "ix_entity_lock_root_id",
        "entity_lock",
        ["root_id"],
    )
    op.create_table(
        "event",
        sa.Column("seq", Counter, primary_key=True, autoincrement=True),
        sa.Column("command_id", Id, nullable=False),
        sa.Column("root_id", Id, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("path", Text, nullable=False),
        sa.Column("phase", Text, nullable=False),
        sa.Column("causes", Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("worker_id", Text),
        sa.Column("message", Text),
        sa.Column("progress", sa.Float),
        sa.Column("at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_event_command_id",
        "event",
        ["command_id"],
    )
    op.create_table(
        "idempotency_key",
        sa.Column("key", Text, primary_key=True),
        sa.Column("digest", Text, nullable=False),
        sa.Column("command_id", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "lease",
        sa.Column("name", Text, primary_key=True),
        sa.Column("holder", Text, nullable=False),
        sa.Column("until", Instant, nullable=False),
    )
    op.create_table(
        "worker",
        sa.Column("worker_id", Text, primary_key=True),
        sa.Column("name", Text, nullable=False),
        sa.Column("role", Text, nullable=False),
        sa.Column("host", Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("alive_until", Instant, nullable=False),
        sa.Column("kinds", Json),
        sa.Column("place", Text, nullable=False, server_default=""),
    )


def downgrade() -> None:
    op.drop_table("worker")
    op.drop_table("lease")
    op.drop_table("idempotency_key")
    op.drop_table("event")
    op.drop_table("entity_lock")
    op.drop_table("command_sequence")
    op.drop_table("command_entity")
    op.drop_table("audit")
    op.drop_table("async_task")
    op.drop_table("api_token")
