"""What runs on a pool's hosts, whoever began it, in the words of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.vdsm.reports import SYSTEM, job_status, report, storage_task_status
from adapters.vdsm.storage_jobs import STORAGE_JOBS
from adapters.vdsm.storage_tasks import STORAGE_TASKS
from orchestrator import AsyncTaskRef, FoundTask, TaskReport, TaskStatus

FOUND, TASK, JOB = "found", "task", "job"
"""In a request: that somebody else began it, and whether it is a task of the manager's or a job of a host."""

OF_THE_POOL = frozenset({"spmStart", "spmStop"})
"""The manager's own coming and going is no work that anybody asked for."""

_TASKS = {one.listed_as: one.method for one in STORAGE_TASKS.values()}
_JOBS = {one.listed_as: one.method for one in STORAGE_JOBS.values()}


def discovered_task(scope: str, task_id: str, found: dict[str, Any], verb: str) -> TaskReport:
    """Gives a task of the pool's manager; `verb` is its name in the listing."""
    return TaskReport(
        system=SYSTEM,
        scope=scope,
        status=storage_task_status(found),
        external_id=task_id,
        verb=_TASKS.get(verb, verb),
        message=str(found["message"]),
        detail={
            "state": found["taskState"],
            "result": found["taskResult"],
            "code": found["code"],
        },
    )


def discovered_job(scope: str, found: dict[str, Any], host: str) -> TaskReport:
    """Gives a job of one host; its id is ours when we began it."""
    progress = found.get("progress")
    description = str(found["description"])
    return TaskReport(
        system=SYSTEM,
        scope=scope,
        status=job_status(found),
        task_id=found["id"],
        external_id=found["id"],
        verb=_JOBS.get(description, description),
        progress=None if progress is None else float(progress) / 100,
        message=found.get("error", {}).get("message"),
        detail={"status": found["status"], "host": host},
    )


def found_tasks(
    scope: str, statuses: Mapping[str, dict[str, Any]], infos: Mapping[str, dict[str, Any]]
) -> list[FoundTask]:
    """Gives all tasks of the pool's manager. The listing names verbs, not what they work on: so no locks."""
    verbs = {task_id: str(infos.get(task_id, {}).get("verb", "")) for task_id in statuses}
    return [
        FoundTask(
            report=discovered_task(scope, task_id, status, verbs[task_id]),
            description=f"{verbs[task_id] or 'A task'} on pool {scope}",
            request={FOUND: TASK},
        )
        for task_id, status in statuses.items()
        if verbs[task_id] not in OF_THE_POOL
    ]


def found_jobs(scope: str, infos: Iterable[dict[str, Any]], host: str) -> list[FoundTask]:
    """Gives all jobs of one host. Their listing does not say on which volumes they work: so no locks."""
    return [
        FoundTask(
            report=discovered_job(scope, info, host),
            description=f"{info['description']} on host {host}",
            request={FOUND: JOB},
        )
        for info in infos
    ]


def followed_task(task: AsyncTaskRef, found: dict[str, Any] | None) -> TaskReport:
    """Judges a task that somebody else began by the listing alone; None when it was not there."""
    if found is None:
        return report(task, TaskStatus.LOST, message="VDSM does not know the task any more")
    told = discovered_task(task.scope, task.external_id or "", found, task.verb)
    status = storage_task_status(found, stopped=task.stop_requested)
    return told._replace(task_id=task.task_id, verb=task.verb, status=status)


def followed_job(task: AsyncTaskRef, found: dict[str, Any] | None) -> TaskReport:
    """Judges a job that somebody else began by the listing alone; None when it was not there."""
    if found is None:
        return report(task, TaskStatus.LOST, message="its host does not know the job any more")
    told = discovered_job(task.scope, found, str(task.detail.get("host")))
    return told._replace(task_id=task.task_id, verb=task.verb)


def is_found(task: AsyncTaskRef) -> bool:
    """Tells whether somebody else began it."""
    return FOUND in task.request


def is_job(task: AsyncTaskRef) -> bool:
    """Tells whether it is a job of a host."""
    return task.request.get(FOUND) == JOB if is_found(task) else task.verb in STORAGE_JOBS


def is_task(task: AsyncTaskRef) -> bool:
    """Tells whether it is a task of the pool's manager."""
    return task.request.get(FOUND) == TASK if is_found(task) else task.verb in STORAGE_TASKS
