"""External tasks over HTTP: vendors register them, and report status and progress."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response

from orchestrator.api.bodies import Cursor, IdempotencyKey, Limit, Statuses, read_statuses
from orchestrator.api.desk import AtDesk
from orchestrator.api.login import Follower, Vendor
from orchestrator.api.vendors import News, Registration, Vendors
from orchestrator.monitor.shapes import ExternalList, ExternalView

router = APIRouter(prefix="/external-tasks", tags=["external tasks"])


def vendors_at(desk: AtDesk) -> Vendors:
    """Gives the counter where vendors are served."""
    return Vendors(desk)


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
    return vendors.show(caller, registered.id)


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
def show(task_id: str, caller: Follower, vendors: AtCounter) -> ExternalView:
    """Shows an external task; `data` is what the engine says about the work."""
    return vendors.show(caller, task_id)


@router.patch("/{task_id}")
def report(task_id: str, news: News, caller: Vendor, vendors: AtCounter) -> ExternalView:
    """Takes the news of a task.

    The same news of an ended task again is accepted, other news is a conflict.
    """
    return vendors.report(caller, task_id, news)


@router.post("/{task_id}/heartbeat")
def heartbeat(
    task_id: str,
    caller: Vendor,
    vendors: AtCounter,
    _: Annotated[dict[str, str] | None, Body()] = None,
) -> ExternalView:
    """Says that the task is being worked on; its lease runs anew.

    Look at `stop_requested` in the answer.
    """
    return vendors.heartbeat(caller, task_id)
