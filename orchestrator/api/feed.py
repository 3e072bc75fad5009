"""The feed over HTTP: server-sent events for those who stay, a page for those who ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from sse_starlette import EventSourceResponse

from orchestrator.api.bodies import Limit
from orchestrator.api.desk import AtDesk, Desk
from orchestrator.api.login import Follower
from orchestrator.core.entity import CommandEntity
from orchestrator.monitor.feed import Batch
from orchestrator.monitor.monitor import Monitor, cursor_number
from orchestrator.monitor.own import VendorMonitor

router = APIRouter(tags=["feed"])
EVENT_STREAM = "text/event-stream"
BEAT = b"event: beat\ndata: {}\n\n"
NEVER_S = 10**6


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

    An event `ready` comes first, and `beat` every `beat_s` seconds (it says) when nothing else does.
    The stream ends with its token or session. Without a number it begins with what happens next. With
    `Accept: application/json` it gives one page of what was modified since `after` (the beginning, if
    there is none).
    """
    monitor = desk.sees(caller)
    root = None if root_id is None else await to_thread.run_sync(_seen, desk, monitor, root_id)
    if _wants_a_page(request.headers.get("accept", "")):
        return JSONResponse(await to_thread.run_sync(monitor.modified_since, after, limit))
    since = last_event_id or after
    start = cursor_number(since) if since else await desk.feed.end()
    stream = _stream(desk, monitor, start, root.root_id if root else None, request.state.digest)
    return EventSourceResponse(stream, ping=NEVER_S)  # the stream has heart-beats of its own


def _wants_a_page(accept: str) -> bool:
    return "application/json" in accept and EVENT_STREAM not in accept


def _seen(desk: Desk, monitor: Monitor, command_id: str) -> CommandEntity:
    command = desk.orchestrator.get(command_id)
    monitor.show(command)  # raises where the caller sees nothing
    return command


async def _stream(
    desk: Desk, monitor: Monitor, start: int, root_id: str | None, digest: str
) -> AsyncIterator[bytes]:
    """Sends changes, and a heart-beat where there are none, until the token is taken out of force."""
    beat_s = desk.settings.keep_alive_s
    # Names the place at once: who loses the connection before the first change misses nothing.
    yield b"retry: 1000\n" + _sent("ready", {"seq": start, "beat_s": beat_s}, start)
    async for batch in desk.feed.follow(start, idle_s=beat_s):
        if not await desk.standing.holds(digest):
            return
        if not batch:
            yield BEAT  # as data: a comment is seen by no script, which could not tell quiet from dead
            continue
        sent = await _rendered(desk, monitor, batch)
        if chosen := b"".join(text for root, text in sent if root_id in (None, root)):
            yield chosen


async def _rendered(desk: Desk, monitor: Monitor, batch: Batch) -> list[tuple[str, bytes]]:
    """Gives the text of each change with its root. For all who see everything it is made once."""
    if isinstance(monitor, VendorMonitor):
        return await to_thread.run_sync(_render, monitor, batch)
    making = batch.shared.get("text")
    if making is None:
        making = asyncio.ensure_future(to_thread.run_sync(_render, desk.monitor, batch))
        batch.shared["text"] = making
    made: list[tuple[str, bytes]] = await asyncio.shield(making)  # whoever leaves, the others wait
    return made


def _render(monitor: Monitor, batch: Batch) -> list[tuple[str, bytes]]:
    shown = monitor.events(batch)
    return [(one["root_id"], _sent("change", one, one["seq"])) for one in shown]


def _sent(event: str, data: Any, number: int) -> bytes:
    return f"id: {number}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()
