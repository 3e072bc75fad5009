"""External tasks as vendors see them: a command and the async task that it waits for, in one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from orchestrator.core.entity import CLAIMED_BY, CommandEntity, TaskEntity
from orchestrator.core.external import EXTERNAL_KIND, TREE_KIND
from orchestrator.core.sealed import masked
from orchestrator.core.status import Phase, Status, TaskState
from orchestrator.monitor.shapes import ExternalView
from orchestrator.monitor.views import instant

UNDOING = (Phase.COMPENSATE, Phase.START_COMPENSATE, Phase.UNDO_PARTS)


def external_view(
    command: CommandEntity, task: TaskEntity | None, parameters: Mapping[str, Any], now: datetime
) -> ExternalView:
    """Gives an external task.

    `parameters` are asked only while its turn has not come, and may be empty after.
    """
    parameters = masked(parameters)
    return {
        "id": command.command_id,
        "root_id": command.root_id,
        "parent_id": command.parent_id,
        "vendor": task.scope if task else parameters["vendor"],
        "description": task.description if task else parameters["description"],
        "state": state_of(command, task),
        "status": command.status.value,
        "attempt": task.attempt if task else None,
        "topic": task.verb if task else parameters.get("topic", EXTERNAL_KIND),
        "claim": (task.claims or None) if task else None,
        "claimed_by": task.detail.get(CLAIMED_BY) if task else None,
        "claimed_until": instant(task.claimed_until) if task else None,
        "task_status": task.status.value if task else None,
        "progress": command.progress,
        "weight": command.weight,
        "sub_tasks": command.parts,
        "message": command.message,
        "data": dict(masked(task.request) if task else parameters.get("data") or {}),
        "stop_requested": task.stop_requested if task else command.stopping is not None,
        "lease_s": task.lease_s if task else parameters.get("lease_s"),
        "deadline": instant(task.deadline if task else command.deadline),
        "created_at": instant(command.created_at),
        "stale": task is not None and is_stale(task, now),
    }


def state_of(command: CommandEntity, task: TaskEntity | None) -> str:
    """Gives the word for where it stands: of a task, and of a sub-task that was added to one."""
    if command.phase in UNDOING and not command.status.is_final:
        return "undoing"
    match command.status:
        case Status.SUCCEEDED:
            return "completed"
        case Status.NEEDS_ATTENTION:
            return "unknown"
        case Status.COMPENSATED:
            return "undone"
        case Status.FAILED | Status.STOPPED | Status.SKIPPED:
            return command.status.value
    if command.kind == TREE_KIND:
        return "started" if command.start_time else "waiting"
    if task is None or not (task.has_begun or task.status.has_ended):
        return "waiting"
    return "running" if command.order < 0 else "started"


def is_stale(task: TaskEntity, now: datetime) -> bool:
    """Tells whether a task that is under way has been silent past its lease.

    Once that has been noticed nothing wakes it any more, until the vendor speaks again.
    """
    is_under_way = task.state is TaskState.POLLING and task.lease_s is not None
    return is_under_way and (task.wake_at is None or task.wake_at <= now)
