"""The tables of who may do what, who did what, and whom we tell: tokens, audit, grants, API processes, webhooks."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.store.schema import metadata
from orchestrator.store.types import Counter, Id, Instant, Json, Text

api_token = sa.Table(
    "api_token",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("digest", Text, nullable=False),
    sa.Column("role", Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("vendor", Text),  # whom it speaks for, with the role vendor
    sa.Column("expires_at", Instant),
    sa.Column("acts_for_others", sa.Boolean, nullable=False, server_default=sa.false()),
)
sa.Index("ix_api_token_digest", api_token.c.digest, unique=True)

api_login = sa.Table(
    "api_login",
    metadata,
    sa.Column("digest", Text, primary_key=True),  # of the secret that the login was given
    sa.Column("token_digest", Text, nullable=False),  # of the token that it stands for
    sa.Column("expires_at", Instant, nullable=False),
)
sa.Index("ix_api_login_expires_at", api_login.c.expires_at)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column(
        "audit_id",
        Counter,
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("actor", Text, nullable=False),
    sa.Column("verb", Text, nullable=False),
    sa.Column("command_id", Id),
    sa.Column("reason", Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("root_id", Id),
    sa.Column("subject", Text, nullable=False, server_default=""),  # in words, for when it is gone
    sa.Column("entity", Text),  # type:id
)
sa.Index("ix_audit_command_id", audit.c.command_id)
sa.Index("ix_audit_root_id", audit.c.root_id)
sa.Index("ix_audit_actor", audit.c.actor, audit.c.audit_id)
sa.Index("ix_audit_verb", audit.c.verb, audit.c.audit_id)
sa.Index("ix_audit_entity", audit.c.entity, audit.c.audit_id)
sa.Index("ix_audit_at", audit.c.at)

keyed_request = sa.Table(
    "keyed_request",
    metadata,
    sa.Column("key", Text, primary_key=True),  # whose, and a digest of the key that was sent
    sa.Column("digest", Text, nullable=False),  # of what was asked
    sa.Column("answer", Text, nullable=False),  # sealed with the key that was sent
    sa.Column("at", Instant, nullable=False),
)
sa.Index("ix_keyed_request_at", keyed_request.c.at)

pause = sa.Table(
    "pause",
    metadata,
    sa.Column("subject", Text, primary_key=True),  # command:ID, kind:K, scope:SYSTEM/SCOPE
    sa.Column("by", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

vendor_grant = sa.Table(
    "vendor_grant",
    metadata,
    sa.Column("about", Text, primary_key=True),  # command: where to add tasks; kind: what to submit
    sa.Column("subject", Text, primary_key=True),
    sa.Column("vendor", Text, primary_key=True),
    sa.Column("granted_by", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

api_process = sa.Table(
    "api_process",
    metadata,
    sa.Column("process_id", Text, primary_key=True),
    sa.Column("open_since", Instant, nullable=False),  # without a gap until now
    sa.Column("open_until", Instant, nullable=False),
)

webhook_endpoint = sa.Table(
    "webhook_endpoint",
    metadata,
    sa.Column("endpoint_id", Id, primary_key=True),
    sa.Column("vendor", Text, nullable=False),
    sa.Column("url", Text, nullable=False),
    sa.Column("news", Json, nullable=False),
    sa.Column("topics", Json, nullable=False),
    sa.Column("secret", Text, nullable=False),  # itself: what is sent is signed with it
    sa.Column("old_secret", Text),
    sa.Column("old_until", Instant),
    sa.Column("created_at", Instant, nullable=False),
)

webhook_delivery = sa.Table(
    "webhook_delivery",
    metadata,
    sa.Column("delivery_id", Text, primary_key=True),
    sa.Column("endpoint_id", Id, nullable=False),
    sa.Column("vendor", Text, nullable=False),
    sa.Column("task_id", Id, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("news", Text, nullable=False),
    sa.Column("body", Text, nullable=False),
    sa.Column("status", Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("problem", Text),
    sa.Column("wake_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)
_d = webhook_delivery.c
sa.Index("ix_webhook_delivery_told", _d.endpoint_id, _d.task_id, _d.attempt, _d.news, unique=True)
sa.Index("ix_webhook_delivery_status", _d.status, _d.wake_at)
