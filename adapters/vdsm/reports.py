"""VDSM's states in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator import AsyncTaskRef, TaskReport, TaskStatus

SYSTEM = "vdsm"
ABORTED, NO_ERROR = 411, 0


def storage_task_status(found: Mapping[str, Any], *, stopped: bool = False) -> TaskStatus:
    """Judges what `Host.getAllTasksStatuses` says of a task; `stopped` tells that we asked for its end.

    Only the result "success" is one: "cleanSuccess" means that the task failed and was undone.
    Codes and messages do not survive a restart of VDSM, so they only refine a failure; and a task
    that was stopped before it ran has none. The states before the end may come in any order.
    """
    match found["taskState"], found["taskResult"]:
        case "finished", "success":
            return TaskStatus.SUCCEEDED
        case "finished", _ if int(found["code"]) == ABORTED:
            return TaskStatus.ABORTED
        case "finished", _ if stopped and int(found["code"]) == NO_ERROR:
            return TaskStatus.ABORTED
        case "finished", _:
            return TaskStatus.FAILED
        case "unknown", _:
            return TaskStatus.LOST
        case _:
            return TaskStatus.RUNNING


def job_status(found: Mapping[str, Any]) -> TaskStatus:
    """Judges what `Host.getJobs` says of a job."""
    match found["status"]:
        case "done":
            return TaskStatus.SUCCEEDED
        case "failed":
            return TaskStatus.FAILED
        case "aborted":
            return TaskStatus.ABORTED
        case _:
            return TaskStatus.RUNNING


def report(
    task: AsyncTaskRef,
    status: TaskStatus,
    *,
    external_id: str | None = None,
    progress: float | None = None,
    message: str | None = None,
    result: Any = None,
    detail: Mapping[str, Any] | None = None,
) -> TaskReport:
    """Gives a report on a task of ours."""
    return TaskReport(
        system=SYSTEM,
        scope=task.scope,
        status=status,
        task_id=task.task_id,
        external_id=external_id or task.external_id,
        verb=task.verb,
        progress=progress,
        message=message,
        result=result,
        detail=detail or {},
    )
