"""How commands look as oVirt's jobs and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.external import EXTERNAL_KINDS
from orchestrator.core.status import Status

ASKED = "ovirt"
"""The key in a task's `data` that holds what its client said and only oVirt knows."""

STATUSES = {
    Status.SUCCEEDED: "finished",
    Status.COMPENSATED: "aborted",
    Status.FAILED: "failed",
    Status.STOPPED: "aborted",
    Status.SKIPPED: "aborted",
    Status.NEEDS_ATTENTION: "unknown",
}
TOLD = {
    TaskStatus.RUNNING: "started",
    TaskStatus.SUCCEEDED: "finished",
    TaskStatus.FAILED: "failed",
    TaskStatus.ABORTED: "aborted",
    TaskStatus.LOST: "unknown",
}
STEP_TYPES = (
    "executing",
    "finalizing",
    "rebalancing_volume",
    "removing_bricks",
    "unknown",
    "validating",
)


def is_external(command: CommandEntity) -> bool:
    """Tells whether it is a vendor's task."""
    return command.kind in EXTERNAL_KINDS


def status_of(command: CommandEntity, task: TaskEntity | None) -> str:
    """Gives one of oVirt's five words. What was told counts at once, also while sub-steps go on."""
    if command.status in STATUSES:
        return STATUSES[command.status]
    return TOLD[task.status] if task is not None and is_external(command) else "started"


def job_view(command: CommandEntity, task: TaskEntity | None, prefix: str) -> dict[str, Any]:
    """Gives a job."""
    href = f"{prefix}/jobs/{command.command_id}"
    return {
        "href": href,
        "id": command.command_id,
        "actions": actions(href, "clear", "end"),
        "description": described(command, task),
        "link": [{"href": f"{href}/steps", "rel": "steps"}],
        "auto_cleared": flag(asked(task).get("auto_cleared") is True),
        **times(command),
        "external": flag(is_external(command)),
        "last_updated": instant(command.last_update_time or command.created_at),
        "status": status_of(command, task),
        "owner": user_link(command.owner_id, prefix),
    }


def step_view(
    command: CommandEntity, task: TaskEntity | None, number: int, prefix: str
) -> dict[str, Any]:
    """Gives a step; `number` is its place among those beside it."""
    job_href = f"{prefix}/jobs/{command.root_id}"
    href = f"{job_href}/steps/{command.command_id}"
    parent = command.parent_id or ""
    shown = {
        "href": href,
        "id": command.command_id,
        "actions": actions(href, "end"),
        "description": described(command, task),
        "link": [{"href": f"{href}/statistics", "rel": "statistics"}],
        **times(command),
        "external": flag(is_external(command)),
        "number": str(number),
        "status": status_of(command, task),
        "type": str(asked(task).get("type", "executing")),
        "job": {"href": job_href, "id": command.root_id},
    }
    if command.progress is not None:
        shown["progress"] = str(round(command.progress * 100))
    if parent != command.root_id:
        shown["parent_step"] = {"href": f"{job_href}/steps/{parent}", "id": parent}
    return shown


def steps_view(
    tree: Sequence[CommandEntity], tasks: Mapping[str, TaskEntity], prefix: str
) -> list[dict[str, Any]]:
    """Gives the steps of a job as one flat list, in the order in which they came to be."""
    below = sorted(tree[1:], key=lambda one: (instant(one.created_at), one.order < 0))
    counts: dict[str, int] = {}
    shown = []
    for one in below:
        number = counts.get(one.parent_id or "", 0)
        counts[one.parent_id or ""] = number + 1
        shown.append(step_view(one, tasks.get(one.command_id), number, prefix))
    return shown


def user_id(name: str) -> str:
    """Gives the id of an owner: always the same for a name, and shaped as oVirt's."""
    return str(uuid5(NAMESPACE_URL, f"orchestrator:user:{name}"))


def user_link(name: str, prefix: str) -> dict[str, str]:
    """Gives a link to an owner."""
    return {"href": f"{prefix}/users/{user_id(name)}", "id": user_id(name)}


def described(command: CommandEntity, task: TaskEntity | None) -> str:
    """Gives the whole description; a label may be cut."""
    is_its_own = task is not None and is_external(command)
    return task.description if task is not None and is_its_own else command.label


def asked(task: TaskEntity | None) -> Mapping[str, Any]:
    """Gives what the client asked for that only oVirt knows."""
    found = task.request.get(ASKED) if task is not None else None
    return found if isinstance(found, Mapping) else {}


def actions(href: str, *names: str) -> dict[str, Any]:
    """Gives the links to what can be done."""
    return {"link": [{"href": f"{href}/{name}", "rel": name} for name in names]}


def times(command: CommandEntity) -> dict[str, str]:
    """Gives when it began, and when it ended if it did."""
    start = instant(command.start_time or command.created_at)
    if command.end_time is None or not command.status.is_final:
        return {"start_time": start}
    return {"end_time": instant(command.end_time), "start_time": start}


def instant(at: datetime | None) -> str:
    """Writes a time with milliseconds and offset."""
    return "" if at is None else at.isoformat(timespec="milliseconds")


def flag(value: bool) -> str:
    """Writes a truth value."""
    return "true" if value else "false"
