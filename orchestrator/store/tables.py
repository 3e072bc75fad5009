"""The tables. Names and columns start from the Task Manager design that this project grew out of."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.core.status import FINAL
from orchestrator.store.access_tables import (
    api_login,
    api_process,
    api_token,
    audit,
    keyed_request,
    pause,
    vendor_grant,
    webhook_delivery,
    webhook_endpoint,
)
from orchestrator.store.schema import metadata
from orchestrator.store.stamp import WrittenNow
from orchestrator.store.types import AnyJson, Counter, Id, Instant, Json, Text

__all__ = [
    "api_login",
    "api_process",
    "api_token",
    "async_task",
    "audit",
    "command_entity",
    "command_sequence",
    "entity_lock",
    "entity_touch",
    "event",
    "idempotency_key",
    "keyed_request",
    "lease",
    "metadata",
    "pause",
    "vendor_grant",
    "webhook_delivery",
    "webhook_endpoint",
    "worker",
]

command_entity = sa.Table(
    "command_entity",
    metadata,
    sa.Column("command_id", Id, primary_key=True),
    sa.Column("root_id", Id, nullable=False),
    sa.Column("parent_id", Id),
    sa.Column("action_type", Text, nullable=False),  # the kind
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("label", Text, nullable=False),
    sa.Column("action_state", Text, nullable=False),  # the status
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
    sa.Column("entity_name", Text),  # what type of thing the command is about
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
    sa.Column("restarts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("stuck", sa.Integer, nullable=False, server_default="0"),  # of a root's whole tree
    sa.Column("parameters", Json, nullable=False),
    sa.Column("inputs", Json),
    sa.Column("return_value", AnyJson()),
    postgresql_with={"fillfactor": 80},
)
_c = command_entity.c
# No index on root_id or on all of parent_id: a tree is a range of ids, and the parts of a command are found by
# their places. Every index here is written again with each move of a command, so there are few.
_is_ready = sa.text("action_state = 'ready'")
sa.Index(
    "ix_command_entity_ready",  # however many others are done, or not due yet
    _c.created_at,
    _c.command_id,
    postgresql_where=_is_ready,
    sqlite_where=_is_ready,
)
sa.Index(
    "ix_command_entity_wake_at",
    _c.wake_at,
    postgresql_where=_c.wake_at.is_not(None),
    sqlite_where=_c.wake_at.is_not(None),
)
sa.Index(
    "ix_command_entity_worker_id",
    _c.worker_id,
    postgresql_where=_c.worker_id.is_not(None),
    sqlite_where=_c.worker_id.is_not(None),
)
sa.Index(
    "ix_command_entity_deadline",  # ended commands keep theirs, and there may be millions of them
    _c.deadline,
    postgresql_where=sa.and_(_c.deadline.is_not(None), _c.end_time.is_(None)),
    sqlite_where=sa.and_(_c.deadline.is_not(None), _c.end_time.is_(None)),
)
_is_being_stopped = sa.text(
    " AND ".join(("stopping IS NOT NULL", *(f"action_state != '{one}'" for one in sorted(FINAL))))
)
sa.Index(
    "ix_command_entity_stopping",  # the few that are being stopped and have not ended
    _c.command_id,
    postgresql_where=_is_being_stopped,
    sqlite_where=_is_being_stopped,
)
_is_root = _c.parent_id.is_(None)
for _name, _first in (
    ("created_at", ()),
    ("action_state", (_c.action_state,)),
    ("action_type", (_c.action_type,)),
    ("owner_id", (_c.owner_id,)),
):  # lists walk one of these from the newest on; a step of a part writes none of them
    sa.Index(
        f"ix_command_entity_{_name}",
        *_first,
        _c.created_at,
        _c.command_id,
        postgresql_where=_is_root,
        sqlite_where=_is_root,
    )
_is_stuck = sa.text("stuck > 0")
sa.Index(
    "ix_command_entity_stuck",  # roots of trees in which something needs attention
    _c.created_at,
    _c.command_id,
    postgresql_where=_is_stuck,
    sqlite_where=_is_stuck,
)
_needs_attention = sa.text("action_state = 'needs_attention'")
sa.Index(
    "ix_command_entity_needs_attention",  # and what it is
    _c.root_id,
    _c.command_id,
    postgresql_where=_needs_attention,
    sqlite_where=_needs_attention,
)
sa.Index(
    "ix_command_entity_correlation_id",
    _c.correlation_id,
    _c.created_at,
    _c.command_id,
    postgresql_where=sa.and_(_c.parent_id.is_(None), _c.correlation_id.is_not(None)),
    sqlite_where=sa.and_(_c.parent_id.is_(None), _c.correlation_id.is_not(None)),
)
sa.Index(
    "ix_command_entity_vendor",  # what belongs to a vendor in a tree: few rows, and none is written again
    _c.owner_id,
    _c.root_id,
    postgresql_where=_c.owner_type == sa.literal_column("'vendor'"),
    sqlite_where=_c.owner_type == sa.literal_column("'vendor'"),
)

entity_touch = sa.Table(
    "entity_touch",  # which trees are about which entities: by the locks of all their commands
    metadata,
    sa.Column("entity_type", Text, primary_key=True),
    sa.Column("entity_id", Text, primary_key=True),
    sa.Column("root_id", Id, primary_key=True),
    sa.Column(
        "created_at", Instant, nullable=False
    ),  # of the root, so that lists come in its order
)
_e = entity_touch.c
sa.Index("ix_entity_touch_entity_id", _e.entity_id, _e.created_at, _e.root_id)
sa.Index("ix_entity_touch_root_id", _e.root_id)

command_sequence = sa.Table(
    "command_sequence",
    metadata,
    sa.Column("entity_id", Id, primary_key=True),  # the command whose place this is
    sa.Column("sequence_id", Id, nullable=False),  # its parent
    sa.Column("order_in_sequence", sa.Integer, nullable=False),
    sa.Column("next_command_id", Id),
    sa.Column("initiator_command_id", Id, nullable=False),  # its root
)
sa.Index(
    "ix_command_sequence_sequence_id",
    command_sequence.c.sequence_id,
    command_sequence.c.order_in_sequence,
)
sa.Index("ix_command_sequence_initiator_command_id", command_sequence.c.initiator_command_id)
sa.Index(
    "ix_command_sequence_next_command_id",
    command_sequence.c.next_command_id,
    postgresql_where=command_sequence.c.next_command_id.is_not(None),
    sqlite_where=command_sequence.c.next_command_id.is_not(None),
)

async_task = sa.Table(
    "async_task",
    metadata,
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
    sa.Column("result", AnyJson()),
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
    sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("claimed_until", Instant),
    sa.Column("found", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column(
        "stamp",  # set by every INSERT and UPDATE that is made from this table
        Counter,
        nullable=False,
        server_default=sa.text("0"),
        default=WrittenNow(),
        onupdate=WrittenNow(),
    ),
)
_t = async_task.c
sa.Index("ix_async_task_stamp", _t.stamp)
sa.Index("ix_async_task_command_id", _t.command_id)
sa.Index(
    "ix_async_task_external_id",
    _t.external_id,
    postgresql_where=_t.external_id.is_not(None),
    sqlite_where=_t.external_id.is_not(None),
)
sa.Index(
    "ix_async_task_open",
    _t.system,
    _t.scope,
    _t.external_id,
    postgresql_where=_t.state != "Cleared",
    sqlite_where=_t.state != "Cleared",
)
_is_followed = sa.text("found AND state <> 'Cleared'")
sa.Index(
    "ix_async_task_found",  # one found task is one command, whoever finds it and however often
    _t.system,
    _t.scope,
    _t.external_id,
    unique=True,
    postgresql_where=_is_followed,
    sqlite_where=_is_followed,
)
sa.Index(
    "ix_async_task_wake_at",
    _t.wake_at,
    postgresql_where=_t.wake_at.is_not(None),
    sqlite_where=_t.wake_at.is_not(None),
)

entity_lock = sa.Table(
    "entity_lock",
    metadata,
    sa.Column("entity_type", Text, primary_key=True),
    sa.Column("entity_id", Text, primary_key=True),
    sa.Column("command_id", Id, primary_key=True),
    sa.Column("root_id", Id, nullable=False),
    sa.Column("mode", Text, nullable=False),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),  # in the queue: first come, first served
    sa.Column("since", Instant, nullable=False),
)
sa.Index("ix_entity_lock_command_id", entity_lock.c.command_id)
sa.Index("ix_entity_lock_root_id", entity_lock.c.root_id)

event = sa.Table(
    "event",
    metadata,
    sa.Column(
        "seq",
        Counter,
        primary_key=True,
        autoincrement=True,
    ),
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
    sa.Column("actor", Text),  # who caused it, where a person or a program did
    sqlite_autoincrement=True,
)
sa.Index("ix_event_command_id", event.c.command_id)

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("worker_id", Text, primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("role", Text, nullable=False),
    sa.Column("host", Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("alive_until", Instant, nullable=False),
    sa.Column("kinds", Json),
    sa.Column("place", Text, nullable=False, server_default=""),
    sa.Column("born", sa.BigInteger),  # when its process began, in its kernel's own count
)

outside_scope = sa.Table(
    "outside_scope",
    metadata,
    sa.Column("system", Text, primary_key=True),
    sa.Column("scope", Text, primary_key=True),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("problem", Text),
    sa.Column("problem_since", Instant),
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("holder", Text, nullable=False),
    sa.Column("until", Instant, nullable=False),
)

idempotency_key = sa.Table(
    "idempotency_key",
    metadata,
    sa.Column("key", Text, primary_key=True),
    sa.Column("digest", Text, nullable=False),
    sa.Column("command_id", Id, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)
