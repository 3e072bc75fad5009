"""External tasks over HTTP: vendors register them, and report status and progress."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Response

from orchestrator.api.bodies import Cursor, IdempotencyKey, Limit, Statuses, read_statuses
from orchestrator.api.desk import AtDesk
from orchestrator.api.login import Follower, Vendor
from orchestrator.api.vendors import News, Registration, Vendors
from orchestrator.core.errors import BadInputError
from orchestrator.monitor.shapes import ExternalList, ExternalView

router = APIRouter(prefix="/external-tasks", tags=["external tasks"])


def vendors_at(desk: AtDesk) -> Vendors:
    """Gives the counter where vendors are served."""
    return Vendors(desk)


def attempt_of(if_match: Annotated[str | None, Header()] = None) -> int | None:
    """Reads the life of the task that a report is about. Raises BadInputError."""
    if if_match is None or if_match.strip() == "*":
        return None
    digits = if_match.strip().removeprefix("W/").strip('"')
    if not digits.isdecimal() or len(digits) > 9:
        raise BadInputError(f"If-Match: {if_match!r} is no ETag of an external task")
    return int(digits)


Attempt = Annotated[int | None, Depends(attempt_of)]
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"description": "it ended otherwise, was begun anew, or has not begun"}
}
AtCounter = Annotated[Vendors, Depends(vendors_at)]


@router.post("", status_code=201, responses={200: {"description": "registered before"}})
def register(
    body: Registration,
    response: Response,
    caller: Vendor,
    vendors: AtCounter,
    idempotency_key: IdempotencyKey = None,
) -> ExternalView:
    """Registers a task under a command, under another external task, or as a job of its own."""
    registered = vendors.register(caller, body, idempotency_key)
    response.status_code = 200 if registered.repeated else 201
    response.headers["Location"] = f"/api/v1/external-tasks/{registered.id}"
    return tagged(vendors.show(caller, registered.id), response)


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


@router.patch("/{task_id}", responses=CONFLICT)
def report(
    task_id: str,
    news: News,
    response: Response,
    caller: Vendor,
    vendors: AtCounter,
    attempt: Attempt = None,
) -> ExternalView:
    """Takes the news of a task.

    The same end again is accepted; another end, and news of an earlier life of the task, are a conflict.
    """
    return tagged(vendors.report(caller, task_id, news, attempt), response)


@router.post("/{task_id}/heartbeat", responses=CONFLICT)
def heartbeat(
    task_id: str,
    response: Response,
    caller: Vendor,
    vendors: AtCounter,
    attempt: Attempt = None,
    _: Annotated[dict[str, str] | None, Body()] = None,
) -> ExternalView:
    """Says that the task is being worked on; its lease runs anew.

    Look at `stop_requested` in the answer.
    """
    return tagged(vendors.heartbeat(caller, task_id, attempt), response)


def tagged(task: ExternalView, response: Response) -> ExternalView:
    """Names the life of the task in the ETag, which If-Match holds a report to."""
    if task["attempt"] is not None:
        response.headers["ETag"] = f'"{task["attempt"]}"'
    return task
