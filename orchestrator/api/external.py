"""External tasks over HTTP: vendors register them, and report status and progress."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from typing_extensions import TypedDict

from orchestrator.api.bodies import Cursor, Limit, Statuses, read_statuses
from orchestrator.api.desk import AtDesk, desk_at
from orchestrator.api.login import Follower, Vendor
from orchestrator.api.once import KeyedRoute, waits
from orchestrator.api.vendor_bodies import Bulk, BulkAnswer, Claim, News, Registered, Registration
from orchestrator.api.vendors import ANY_LIFE, Life, Vendors
from orchestrator.core.errors import BadInputError
from orchestrator.monitor.shapes import ExternalList, ExternalView

LOOK_AGAIN_S = 0.5


class BulkAnswers(TypedDict):
    """The answers to many reports, in their order."""

    items: list[BulkAnswer]


router = APIRouter(prefix="/external-tasks", tags=["external tasks"], route_class=KeyedRoute)


async def vendors_at(desk: AtDesk) -> Vendors:
    """Gives the counter where vendors are served."""
    return Vendors(desk)


def life_of(if_match: str | None) -> Life:
    """Reads the attempt and the claim that a report is about. Raises BadInputError."""
    if if_match is None or if_match.strip() == "*":
        return ANY_LIFE
    found = ETAG.fullmatch(if_match.strip())
    if found is None:
        raise BadInputError(f"If-Match: {if_match!r} is no ETag of an external task")
    attempt, claim = found.groups()
    return int(attempt), int(claim) if claim else None


ETAG = re.compile(r'(?:W/)?"(\d{1,9})(?:\.(\d{1,9}))?"', re.ASCII)
IfMatch = Annotated[str | None, Header()]
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"description": "it ended otherwise, was begun anew, or has not begun"}
}
AtCounter = Annotated[Vendors, Depends(vendors_at)]


@router.post("", status_code=201)
def register(
    body: Registration,
    response: Response,
    caller: Vendor,
    vendors: AtCounter,
) -> Registered:
    """Registers a task under a command, under another external task, or as a job of its own.

    With `tasks` a whole tree is stored at once.
    """
    registered = vendors.register(caller, body)
    response.headers["Location"] = f"/api/v1/external-tasks/{registered.id}"
    shown = tagged(vendors.show(caller, registered.id), response)
    return {**shown, "tasks": vendors.planned(registered.id) if body.tasks else []}


@router.post("/claim")
@waits
async def claim(asked: Claim, request: Request, caller: Vendor, vendors: AtCounter) -> ExternalList:
    """Takes tasks to work on. Each is given to one program, until its lease runs out without a sign of life.

    Reports carry its `claim`, or its ETag as If-Match: who has lost the task is answered 409.
    """
    until = time.monotonic() + asked.wait_s
    while True:  # no thread is held by those who wait
        taken = await to_thread.run_sync(vendors.claim, caller, asked)
        left = until - time.monotonic()
        if taken["items"] or left <= 0 or await request.is_disconnected():
            return taken
        await asyncio.sleep(min(left, LOOK_AGAIN_S))


@router.post("/bulk")
def report_all(bulk: Bulk, caller: Vendor, vendors: AtCounter) -> BulkAnswers:
    """Takes reports on many tasks. Each has its own answer, with the status that it would have had alone."""
    return {"items": vendors.report_all(caller, bulk.reports)}


@router.get("")
def list_tasks(
    caller: Follower,
    vendors: AtCounter,
    vendor: str | None = None,
    status: Statuses = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ExternalList:
    """Lists external tasks whose turn has come, newest first.

    A vendor sees its own.
    """
    return vendors.tasks(caller, vendor, read_statuses(status), limit, cursor)


@router.get("/{task_id}")
def show(task_id: str, response: Response, caller: Follower, vendors: AtCounter) -> ExternalView:
    """Shows an external task; `data` is what the engine says about the work."""
    return tagged(vendors.show(caller, task_id), response)


@router.patch("/{task_id}", responses=CONFLICT, response_model=ExternalView)
async def report(
    task_id: str, news: News, caller: Vendor, request: Request, if_match: IfMatch = None
) -> Response:
    """Takes the news of a task.

    The same end again is accepted; another end, and news of an earlier life of the task, are a conflict.
    """
    vendors, life = Vendors(desk_at(request)), life_of(if_match)
    return written(await to_thread.run_sync(vendors.report, caller, task_id, news, life))


@router.post("/{task_id}/heartbeat", responses=CONFLICT, response_model=ExternalView)
async def heartbeat(
    task_id: str,
    caller: Vendor,
    request: Request,
    if_match: IfMatch = None,
    _: Annotated[dict[str, str] | None, Body()] = None,
) -> Response:
    """Says that the task is being worked on; its lease runs anew.

    Look at `stop_requested` in the answer.
    """
    vendors, life = Vendors(desk_at(request)), life_of(if_match)
    return written(await to_thread.run_sync(vendors.heartbeat, caller, task_id, life))


def written(task: ExternalView) -> Response:
    """Writes a task as the answer itself: what comes most often is not held to its shape each time."""
    answer = JSONResponse(task)
    tagged(task, answer)
    return answer


def tagged(task: ExternalView, response: Response) -> ExternalView:
    """Names the life of the task in the ETag, which If-Match holds a report to."""
    if task["attempt"] is not None:
        claim = "" if task["claim"] is None else f".{task['claim']}"
        response.headers["ETag"] = f'"{task["attempt"]}{claim}"'
    return task
