"""What runs on a pool's hosts, whoever began it, in the words of a report."""

from __future__ import annotations

from typing import Any

from adapters.vdsm.reports import SYSTEM, job_status, storage_task_status
from adapters.vdsm.storage_jobs import STORAGE_JOBS
from adapters.vdsm.storage_tasks import STORAGE_TASKS
from orchestrator import TaskReport

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
