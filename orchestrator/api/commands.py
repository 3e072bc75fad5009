"""Commands over HTTP: submit, list, look at, and the operators' verbs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query, Response
from fastapi.responses import StreamingResponse

from orchestrator.api import bulk, submissions
from orchestrator.api.bodies import (
    Cursor,
    Limit,
    Order,
    RestartOrder,
    Statuses,
    Submission,
    Verdict,
    command_query,
    read_statuses,
)
from orchestrator.api.bulk import BulkAnswer, BulkOrder
from orchestrator.api.desk import AtDesk
from orchestrator.api.login import Follower, Reader
from orchestrator.api.once import KeyedRoute
from orchestrator.core.query import CommandQuery
from orchestrator.monitor.shapes import CommandDetail, CommandList, CommandView, EventPage, Preview

router = APIRouter(prefix="/commands", tags=["commands"], route_class=KeyedRoute)
PIECES = 1_000
Ordered = Annotated[Order, Body(default_factory=Order)]


@router.post("", status_code=201)
def submit(body: Submission, response: Response, caller: Follower, desk: AtDesk) -> CommandView:
    """Submits a command."""
    submitted = submissions.submit(caller, body, desk)
    response.headers["Location"] = f"/api/v1/commands/{submitted.id}"
    return desk.sees(caller).show(desk.orchestrator.get(submitted.id))


@router.get("")
def list_commands(
    caller: Follower, desk: AtDesk, query: Annotated[CommandQuery, Depends(command_query)]
) -> CommandList:
    """Lists commands, newest first."""
    return desk.sees(caller).commands(query)


@router.get("/{command_id}")
def show(command_id: str, caller: Follower, desk: AtDesk) -> CommandDetail:
    """Shows a command with its parameters, return value, tasks outside and locks."""
    return desk.sees(caller).detail(desk.orchestrator.get(command_id))


@router.get("/{command_id}/tree")
def show_tree(
    command_id: str,
    caller: Follower,
    desk: AtDesk,
    depth: Annotated[int | None, Query(ge=0, description="levels below the command")] = None,
) -> StreamingResponse:
    """Shows a command with all below it: each has its parts in `parts_list`."""
    views = desk.sees(caller).tree(desk.orchestrator.tree(command_id))
    return StreamingResponse(nested(views, depth), media_type="application/json")


@router.get("/{command_id}/parts")
def list_parts(
    command_id: str,
    caller: Follower,
    desk: AtDesk,
    status: Statuses = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> CommandList:
    """Lists the direct parts of a command in the order of its plan, for trees too large to show."""
    parent = desk.orchestrator.resolve_id(command_id)
    return desk.sees(caller).parts(parent, read_statuses(status), limit, cursor)


@router.get("/{command_id}/events")
def list_events(
    command_id: str, caller: Follower, desk: AtDesk, limit: Limit = 200, cursor: Cursor = None
) -> EventPage:
    """Lists what happened to a command, oldest first."""
    return desk.sees(caller).history(desk.orchestrator.resolve_id(command_id), cursor, limit)


@router.get("/{command_id}/preview")
def preview(
    command_id: str,
    caller: Reader,
    desk: AtDesk,
    verb: Literal["stop", "restart", "skip", "clear", "resolve"] = "stop",
) -> Preview:
    """Says what an order would do, without giving it: how much it stops, undoes, frees, whom it asks."""
    return desk.sees(caller).preview(desk.orchestrator.get(command_id), verb)


@router.post("/bulk")
def order_many(body: BulkOrder, caller: Follower, desk: AtDesk) -> BulkAnswer:
    """Orders something of many commands: those named, or all that a query finds; a result for each."""
    return bulk.order(caller, body, desk)


@router.post("/{command_id}/stop")
def stop(command_id: str, caller: Follower, desk: AtDesk, order: Ordered) -> CommandView:
    """Stops a command and all below it; what it did is undone."""
    submissions.check_steers(caller, command_id, desk)
    desk.orchestrator.stop(command_id, order.reason, actor=caller.name)
    return desk.sees(caller).show(desk.orchestrator.get(command_id))


@router.post("/{command_id}/restart")
def restart(
    command_id: str,
    caller: Follower,
    desk: AtDesk,
    order: Annotated[RestartOrder, Body(default_factory=RestartOrder)],
) -> CommandView:
    """Begins a failed or stopped command anew where it failed, or tries again what is stuck."""
    submissions.check_steers(caller, command_id, desk)
    desk.orchestrator.restart(
        command_id, order.reason, from_part=order.from_part, actor=caller.name
    )
    return desk.sees(caller).show(desk.orchestrator.get(command_id))


@router.post("/{command_id}/skip")
def skip(command_id: str, caller: Follower, desk: AtDesk, order: Ordered) -> CommandView:
    """Goes on without a command that has not begun or is stuck."""
    submissions.check_steers(caller, command_id, desk)
    desk.orchestrator.skip(command_id, order.reason, actor=caller.name)
    return desk.sees(caller).show(desk.orchestrator.get(command_id))


@router.post("/{command_id}/clear")
def clear(command_id: str, caller: Follower, desk: AtDesk, order: Ordered) -> CommandView:
    """Has the system outside forget an ended task that somebody else began; a reason is asked for."""
    submissions.check_steers(caller, command_id, desk)
    desk.orchestrator.clear(command_id, order.reason, actor=caller.name)
    return desk.sees(caller).show(desk.orchestrator.get(command_id))


@router.post("/{command_id}/resolve")
def resolve(command_id: str, verdict: Verdict, caller: Follower, desk: AtDesk) -> CommandView:
    """Says how a command came out that needs attention."""
    submissions.check_steers(caller, command_id, desk)
    desk.orchestrator.resolve(
        command_id, verdict.as_outcome, verdict.reason, value=verdict.value, actor=caller.name
    )
    return desk.sees(caller).show(desk.orchestrator.get(command_id))


def nested(views: list[CommandView], depth: int | None) -> Iterator[bytes]:
    """Writes the tree as nested JSON without nested calls: plans may be a thousand levels deep.

    Gives some hundred commands at a time: each piece costs a way through the server.
    """
    levels: dict[str, int] = {}
    open_levels = 0
    pieces: list[bytes] = []
    for view in views:
        level = levels.get(view["parent_id"] or "", -1) + 1
        levels[view["id"]] = level
        if depth is not None and level > depth:
            continue
        pieces.append(b"]}" * max(0, open_levels - level))
        pieces.append(b"," if level < open_levels else b"")
        pieces.append(json.dumps(view)[:-1].encode() + b', "parts_list": [')
        open_levels = level + 1
        if len(pieces) > PIECES:
            yield b"".join(pieces)
            pieces.clear()
    pieces.append(b"]}" * open_levels)
    yield b"".join(pieces)
