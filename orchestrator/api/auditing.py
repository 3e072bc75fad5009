"""The audit over HTTP: who did what, when and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.bodies import Cursor, Limit
from orchestrator.api.desk import AtDesk
from orchestrator.api.fields import Moment, Span
from orchestrator.api.login import Reader
from orchestrator.core.audit import AuditQuery
from orchestrator.monitor.shapes import AuditPage

router = APIRouter(tags=["audit"])


@router.get("/audit")
def list_deeds(
    _: Reader,
    desk: AtDesk,
    actor: Annotated[str | None, Query(description="the name of a token")] = None,
    verb: Annotated[str | None, Query(description="stop, submit, grant, token create, ...")] = None,
    entity: Annotated[str | None, Query(description="type:id")] = None,
    command_id: Annotated[str | None, Query(description="of one command, or a whole tree")] = None,
    since: Annotated[Moment | Span | None, Query(description="a time, or how long ago")] = None,
    until: Annotated[Moment | Span | None, Query(description="a time, or how long ago")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AuditPage:
    """Lists who did what, newest first. It is kept longer than the commands."""
    now = desk.orchestrator.store.now()
    query = AuditQuery(
        actor=actor or None,
        verb=verb or None,
        entity=entity or None,
        command_id=command_id or None,
        since=now - since if isinstance(since, timedelta) else since,
        until=now - until if isinstance(until, timedelta) else until,
        limit=limit,
        cursor=cursor or None,
    )
    return desk.monitor.audit(query)
