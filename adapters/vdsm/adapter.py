"""The VDSM adapter: what the engine drives, and what commands ask for by type."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from adapters.vdsm.calls import Calls
from adapters.vdsm.client import VdsmClient, VdsmError
from adapters.vdsm.machines import MachineVerbs
from adapters.vdsm.outbox import Outbox
from adapters.vdsm.reports import SYSTEM, job_status, storage_task_status
from adapters.vdsm.settings import VdsmSettings
from adapters.vdsm.storage import StorageVerbs
from adapters.vdsm.storage_jobs import STORAGE_JOBS
from adapters.vdsm.storage_tasks import STORAGE_TASKS
from orchestrator import AsyncTaskRef, Refused, TaskReport, TryAgain

UNKNOWN_TASK, NOT_CLEARABLE = 401, 410
_METHOD_OF = {one.listed_as: one.method for one in STORAGE_TASKS.values()}


class Vdsm(StorageVerbs, MachineVerbs):
    """One storage pool, reached through the host that manages it; a scope is a pool's id."""

    name = SYSTEM

    def __init__(self, settings: VdsmSettings) -> None:
        client = VdsmClient(
            settings.host,
            settings.port,
            tls=settings.tls,
            connect_timeout_s=settings.connect_timeout_s,
        )
        self._calls = Calls(client=client, settings=settings)
        self.outbox = Outbox(settings.outbox)

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Starts a task, or with `again` finds what became of an earlier start."""
        calls = replace(self._in_scope(task.scope), correlation_id=task.correlation_id)
        if task.verb in STORAGE_JOBS:
            return STORAGE_JOBS[task.verb].start(calls, task, again=again)
        if task.verb in STORAGE_TASKS:
            return STORAGE_TASKS[task.verb].start(calls, task, again=again)
        known = ", ".join(sorted((*STORAGE_JOBS, *STORAGE_TASKS)))
        raise Refused(f"the VDSM adapter cannot start {task.verb!r}; it knows {known}")

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        """Reports on all tasks with one listing of tasks and, when there are jobs, one of jobs.

        Only those that are absent from their listing cost one more question, to the entity.
        """
        calls = self._in_scope(scope)
        jobs = [task for task in tasks if task.verb in STORAGE_JOBS]
        others = [task for task in tasks if task.verb in STORAGE_TASKS]
        reports: list[TaskReport] = []
        if others:
            listed = calls.ask("Host.getAllTasksStatuses")
            for task in others:
                found = listed.get(task.external_id)
                reports.append(STORAGE_TASKS[task.verb].read(calls, task, found))
        if jobs:
            ids = [task.task_id for task in jobs]
            listed = calls.ask("Host.getJobs", job_type="storage", job_ids=ids)
            for task in jobs:
                found = listed.get(task.task_id)
                reports.append(STORAGE_JOBS[task.verb].read(calls, task, found))
        return reports

    def discover(self, scope: str) -> Iterable[TaskReport]:
        """Reports on all tasks and jobs that VDSM knows, whoever began them."""
        calls = self._in_scope(scope)
        statuses = calls.ask("Host.getAllTasksStatuses")
        infos = calls.ask("Host.getAllTasksInfo")
        jobs = calls.ask("Host.getJobs", job_type="storage", job_ids=[])
        found = [
            _discovered_task(scope, task_id, status, infos.get(task_id, {}).get("verb", ""))
            for task_id, status in statuses.items()
        ]
        return found + [_discovered_job(scope, info) for info in jobs.values()]

    def stop(self, task: AsyncTaskRef) -> None:
        """Asks a task to end, or fences a job; one that is unknown has ended."""
        calls = replace(self._in_scope(task.scope), correlation_id=task.correlation_id)
        if task.verb in STORAGE_JOBS:
            STORAGE_JOBS[task.verb].stop(calls, task)
        elif task.external_id is not None:
            _unless_unknown(calls, "Task.stop", task.external_id)

    def clear(self, task: AsyncTaskRef) -> None:
        """Has VDSM forget an ended task; jobs it forgets by itself."""
        if task.verb in STORAGE_JOBS or task.external_id is None:
            return
        try:
            _unless_unknown(self._in_scope(task.scope), "Task.clear", task.external_id)
        except VdsmError as error:
            if error.code == NOT_CLEARABLE:
                raise TryAgain(
                    f"VDSM task {task.external_id} has not ended yet", after=timedelta(seconds=2)
                ) from error
            raise

    def close(self) -> None:
        """Closes idle connections; the adapter can still be used."""
        self._calls.client.close()

    def _in_scope(self, scope: str) -> Calls:
        configured = str(self._calls.settings.storage_pool)
        if scope != configured:
            raise TryAgain(
                f"storage pool {scope} is not configured here, {configured} is;"
                " set ORCHESTRATOR_VDSM_STORAGE_POOL or wait for a worker that has it",
                after=timedelta(minutes=1),
            )
        return self._calls


def _unless_unknown(calls: Calls, method: str, task_id: str) -> None:
    try:
        calls.do(method, taskID=task_id)
    except VdsmError as error:
        if error.code != UNKNOWN_TASK:
            raise


def _discovered_task(scope: str, task_id: str, found: dict[str, Any], verb: str) -> TaskReport:
    return TaskReport(
        system=SYSTEM,
        scope=scope,
        status=storage_task_status(found),
        external_id=task_id,
        verb=_METHOD_OF.get(verb, verb),
        message=str(found["message"]),
        detail={
            "state": found["taskState"],
            "result": found["taskResult"],
            "code": found["code"],
        },
    )


def _discovered_job(scope: str, found: dict[str, Any]) -> TaskReport:
    progress = found.get("progress")
    return TaskReport(
        system=SYSTEM,
        scope=scope,
        status=job_status(found),
        task_id=found["id"],
        external_id=found["id"],
        verb=f"SDM.{found['description']}",
        progress=None if progress is None else float(progress) / 100,
        message=found.get("error", {}).get("message"),
        detail={"status": found["status"]},
    )
