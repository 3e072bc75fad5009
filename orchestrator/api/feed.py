"""The feed over HTTP: server-sent events for those who stay, a page for those who ask."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from orchestrator.api.bodies import Limit
from orchestrator.api.desk import AtDesk, Desk
from orchestrator.api.login import Follower
from orchestrator.core.entity import CommandEntity
from orchestrator.monitor.monitor import Monitor, cursor_number

router = APIRouter(tags=["feed"])
EVENT_STREAM = "text/event-stream"


@router.get("/feed", responses={200: {"content": {EVENT_STREAM: {}, "application/json": {}}}})
async def feed(
    request: Request,
    caller: Follower,
    desk: AtDesk,
    after: Annotated[str | None, Query(description="the number of the last event seen")] = None,
    root_id: Annotated[str | None, Query(description="only this tree")] = None,
    limit: Limit = 500,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Streams all changes, resumable without gaps by Last-Event-ID or `after`.

    Without either it begins with what happens next. With `Accept: application/json` it gives one page
    of what was modified since `after` (the beginning, if there is none).
    """
    monitor = desk.sees(caller)
    root = None if root_id is None else await to_thread.run_sync(_seen, desk, monitor, root_id)
    if _wants_a_page(request.headers.get("accept", "")):
        return JSONResponse(await to_thread.run_sync(monitor.modified_since, after, limit))
    since = last_event_id or after
    start = cursor_number(since) if since else await desk.feed.end()
    stream = _stream(desk, monitor, start, root.root_id if root else None)
    return EventSourceResponse(stream, ping=desk.settings.keep_alive_s, ping_message_factory=_ping)


def _wants_a_page(accept: str) -> bool:
    return "application/json" in accept and EVENT_STREAM not in accept


def _seen(desk: Desk, monitor: Monitor, command_id: str) -> CommandEntity:
    command = desk.orchestrator.get(command_id)
    monitor.show(command)  # raises where the caller sees nothing
    return command


async def _stream(
    desk: Desk, monitor: Monitor, start: int, root_id: str | None
) -> AsyncIterator[Any]:
    # Names the place at once: who loses the connection before the first change misses nothing.
    yield ServerSentEvent(id=str(start), event="ready", data=json.dumps({"seq": start}), retry=1000)
    async for events in desk.feed.follow(start):
        wanted = [one for one in events if root_id in (None, one.root_id)]
        for event in await to_thread.run_sync(monitor.events, wanted):
            yield ServerSentEvent(id=str(event["seq"]), event="change", data=json.dumps(event))


def _ping() -> ServerSentEvent:
    return ServerSentEvent(comment="still here")
