"""The VDSM adapter: what the engine drives, and what commands ask for by type."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from adapters.vdsm import conversions
from adapters.vdsm.backups import BackupVerbs
from adapters.vdsm.calls import Calls
from adapters.vdsm.client import UnreachableError, UntrustedError, VdsmError
from adapters.vdsm.conversions import CONVERT
from adapters.vdsm.discovery import (
    followed_job,
    followed_task,
    found_jobs,
    found_tasks,
    is_found,
    is_job,
    is_task,
)
from adapters.vdsm.examination import examined
from adapters.vdsm.machines import MachineVerbs
from adapters.vdsm.outbox import Outbox
from adapters.vdsm.pool import Pool
from adapters.vdsm.reports import ABORTED, SYSTEM, report
from adapters.vdsm.settings import VdsmSettings
from adapters.vdsm.storage import StorageVerbs
from adapters.vdsm.storage_jobs import STORAGE_JOBS, fence_id, find_job, list_jobs
from adapters.vdsm.storage_tasks import STORAGE_TASKS
from orchestrator import (
    AsyncTaskRef,
    FoundTask,
    Refused,
    TaskReport,
    TaskStatus,
    Trouble,
    TryAgain,
)

log = structlog.get_logger(__name__)

UNKNOWN_TASK, NOT_CLEARABLE = 401, 410
MOST_QUESTIONS = 64  # at a time, so that many hosts that do not answer do not hold up the others
JOB_ENDED = "|jobs|status|"
Question = tuple[list[AsyncTaskRef], Callable[[], list[TaskReport]]]
"""Whom a question is about, and the question."""


class Reading(NamedTuple):
    """What a listing said of a task, and what we made of it."""

    task: AsyncTaskRef
    found: Mapping[str, Any] | None
    report: TaskReport


class Vdsm:
    """The storage pools of the settings; a scope is a pool's id.

    Commands ask a pool for what they want: `vdsm.storage(pool_id)`, `vdsm.machines(pool_id)`. Without an
    id the first pool of the settings is meant.
    """

    name = SYSTEM

    def __init__(self, settings: VdsmSettings) -> None:
        self.settings = settings
        self._pools = {
            str(one.storage_pool): Pool(
                one, settings, partial(self._take_event, str(one.storage_pool))
            )
            for one in settings.all_pools()
        }
        self._readings: dict[str, dict[str, Reading]] = {}
        self._heard: Callable[[str], None] = lambda scope: None
        self._asking = ThreadPoolExecutor(MOST_QUESTIONS, thread_name_prefix="vdsm-poll")
        self.outbox = Outbox(settings.outbox)

    def storage(self, pool_id: UUID | None = None) -> StorageVerbs:
        """Gives what commands ask of a pool's images and volumes."""
        return StorageVerbs(Calls(pool=self._pool(pool_id)))

    def machines(self, pool_id: UUID | None = None) -> MachineVerbs:
        """Gives what commands ask of the VMs on a pool's hosts."""
        return MachineVerbs(Calls(pool=self._pool(pool_id)))

    def backups(self, pool_id: UUID | None = None) -> BackupVerbs:
        """Gives what commands ask of backups of the VMs on a pool's hosts."""
        return BackupVerbs(Calls(pool=self._pool(pool_id)))

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Starts a task, or with `again` finds what became of an earlier start."""
        try:
            return self._start(task, again=again)
        except TryAgain as problem:
            # What VDSM refuses for now it has not begun. Only a reply that never came says nothing.
            problem.untouched = not (isinstance(problem, UnreachableError) and problem.was_sent)
            raise

    def _start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        calls = Calls(pool=self._in_scope(task.scope), correlation_id=task.correlation_id)
        if task.verb == CONVERT:
            return conversions.start(calls, task, self.settings.sources, again=again)
        if task.verb in STORAGE_JOBS:
            return STORAGE_JOBS[task.verb].start(calls, task, again=again)
        if task.verb in STORAGE_TASKS:
            return STORAGE_TASKS[task.verb].start(calls, task, again=again)
        known = ", ".join(sorted((*STORAGE_JOBS, *STORAGE_TASKS, CONVERT)))
        raise Refused(f"the VDSM adapter cannot start {task.verb!r}; it knows {known}")

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        """Reports on all tasks: one listing of the pool's manager, one of jobs on each host that has some.

        They are judged apart: who does not answer delays and hides nothing that the others tell. Only
        what is absent from its listing costs one more question, to the entity.
        """
        calls = Calls(pool=self._in_scope(scope))
        others = [task for task in tasks if is_task(task)]
        questions: list[Question] = []
        if others:
            questions.append((others, partial(self._poll_tasks, calls, others)))
        jobs = _by_host(task for task in tasks if is_job(task))
        questions += [
            (some, partial(self._poll_jobs, calls, where, some)) for where, some in jobs.items()
        ]
        return self._answers([*questions, *self._converted(calls, tasks)])

    def _converted(self, calls: Calls, tasks: Iterable[AsyncTaskRef]) -> list[Question]:
        converted = _by_host(task for task in tasks if task.verb == CONVERT)
        return [
            (some, partial(conversions.poll, calls, where, some))
            for where, some in converted.items()
        ]

    def scopes(self) -> Collection[str]:
        """Gives the pools, if any were set up."""
        is_set_up = self.settings.model_fields_set & {"pools", "address", "storage_pool"}
        return tuple(self._pools) if is_set_up else ()

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterable[TaskReport | FoundTask]:
        """Reports on these, and from the same listings on all tasks and jobs that the pool's hosts know."""
        calls = Calls(pool=self._in_scope(scope))
        others = [task for task in tasks if is_task(task)]
        jobs = _by_host(task for task in tasks if is_job(task))
        hosts = {one.address for one in calls.pool.hosts}
        found: list[FoundTask] = []
        questions: list[Question] = [(others, partial(self._poll_tasks, calls, others, found))]
        questions += [
            (jobs.get(one, []), partial(self._poll_jobs, calls, one, jobs.get(one, []), found))
            for one in hosts
        ]
        questions += [
            (some, partial(self._poll_jobs, calls, where, some))
            for where, some in jobs.items()
            if where not in hosts
        ]
        reports = self._answers([*questions, *self._converted(calls, tasks)])
        fences = {fence_id(one) for some in jobs.values() for one in some}
        return [*reports, *(one for one in found if one.report.external_id not in fences)]

    def stop(self, task: AsyncTaskRef) -> None:
        """Asks a task to end; one that is unknown or aborts already is fine. A job ends by itself."""
        calls = Calls(pool=self._in_scope(task.scope), correlation_id=task.correlation_id)
        if task.verb == CONVERT:
            conversions.stop(calls, task)
        elif not is_job(task) and task.external_id is not None:
            _unless(calls, "Task.stop", task.external_id, fine=(UNKNOWN_TASK, ABORTED))

    def clear(self, task: AsyncTaskRef) -> None:
        """Has VDSM forget an ended task; jobs it forgets by itself."""
        if is_job(task) or task.external_id is None:
            return
        calls = Calls(pool=self._in_scope(task.scope))
        if task.verb == CONVERT:
            conversions.clear(calls, task)
            return
        try:
            _unless(calls, "Task.clear", task.external_id, fine=(UNKNOWN_TASK,))
        except VdsmError as error:
            if error.code == NOT_CLEARABLE:
                raise TryAgain(
                    f"VDSM task {task.external_id} has not ended yet", after=timedelta(seconds=2)
                ) from error
            raise

    def listen(self, heard: Callable[[str], None]) -> None:
        """Has `heard` told the pool whenever a job ended on one of its hosts."""
        self._heard = heard

    def examine(self, scopes: Collection[str]) -> Iterable[Trouble]:
        """Asks each host for a sign of life, all at once; the ones that are resting are not waited for."""
        pools = [(scope, pool, host) for scope, pool in self._pools.items() for host in pool.hosts]
        asked = [
            self._asking.submit(examined, scope, pool, host, is_at_work=scope in scopes)
            for scope, pool, host in pools
        ]
        return [found for one in asked if (found := one.result()) is not None]

    def close(self) -> None:
        """Closes idle connections; the adapter can still be used."""
        for pool in self._pools.values():
            pool.close()

    def _poll_tasks(
        self, calls: Calls, tasks: list[AsyncTaskRef], found: list[FoundTask] | None = None
    ) -> list[TaskReport]:
        """Judges tasks by a listing of the pool's manager; with `found`, tells there what else it lists."""
        listed = calls.listing("Host.getAllTasksStatuses")
        ids = {one.external_id for one in tasks}
        others = {one: it for one, it in listed.items() if one not in ids}
        if found is not None and others:
            found += found_tasks(calls.pool.id, others, calls.listing("Host.getAllTasksInfo"))
        before, now = self._readings.get(calls.pool.id, {}), dict[str, Reading]()
        for one in tasks:
            it = listed.get(one.external_id)
            known = before.get(one.task_id)
            if known and known.task is one and it is not None and known.found == it:
                now[one.task_id] = known  # of thousands that run, few have news
                continue
            followed = is_found(one)
            told = (
                followed_task(one, it) if followed else STORAGE_TASKS[one.verb].read(calls, one, it)
            )
            now[one.task_id] = Reading(one, it, told)
        self._readings[calls.pool.id] = now
        return [one.report for one in now.values()]

    def _poll_jobs(
        self,
        calls: Calls,
        address: str,
        tasks: list[AsyncTaskRef],
        found: list[FoundTask] | None = None,
    ) -> list[TaskReport]:
        """Judges jobs by a listing of their host; with `found`, tells there what else it lists."""
        ours = [one for one in tasks if not is_found(one)]
        others = [one for one in tasks if is_found(one)]
        host = calls.pool.host(address)
        if host is None:  # a host that was taken out of the settings, or a start that told no more
            asked = [(one, find_job(calls, one)) for one in ours]
            return [followed_job(one, None) for one in others] + [
                STORAGE_JOBS[one.verb].judge(calls, one)
                if it is None
                else STORAGE_JOBS[one.verb].read(calls, one, *it)
                for one, it in asked
            ]
        try:
            listed = list_jobs(calls, host, [] if others or found is not None else tasks)
        except UnreachableError:
            if host.away_for_s() < self.settings.fence_after_s or not ours:
                raise
            return [STORAGE_JOBS[one.verb].fence(calls, one) for one in ours]
        if found is not None:
            ids = {one.external_id for one in tasks} | {one.task_id for one in tasks}
            unknown = [one for name, one in listed.items() if name not in ids]
            found += found_jobs(calls.pool.id, unknown, host.address)
        return [followed_job(one, listed.get(one.external_id or "")) for one in others] + [
            STORAGE_JOBS[one.verb].read(calls, one, host, listed.get(one.task_id)) for one in ours
        ]

    def _answers(self, questions: Sequence[Question]) -> list[TaskReport]:
        """Asks all at once; fails only when nobody answers.

        Of whom we do not trust, or who does not trust us, the tasks say so: an operator must mend that.
        """
        reports: list[TaskReport] = []
        problem: TryAgain | None = None
        answered = False
        asked = [(tasks, self._asking.submit(question)) for tasks, question in questions]
        for tasks, answer in asked:
            try:
                reports += answer.result()
                answered = True
            except UntrustedError as error:
                answered, problem = answered or bool(tasks), error
                reports += [report(one, TaskStatus.RUNNING, message=str(error)) for one in tasks]
            except TryAgain as error:
                problem = error
                log.warning("vdsm_host_not_asked", why=str(error))
        if problem is not None and not answered:
            raise problem
        return reports

    def _take_event(self, scope: str, name: str, params: dict[str, Any]) -> None:
        """Passes on that a job ended. How it ended, a poll tells: the volume may have to be asked."""
        if name.startswith(JOB_ENDED):
            self._heard(scope)

    def _pool(self, pool_id: UUID | None) -> Pool:
        if pool_id is None:
            return next(iter(self._pools.values()))
        return self._in_scope(str(pool_id))

    def _in_scope(self, scope: str) -> Pool:
        found = self._pools.get(scope)
        if found is None:
            raise TryAgain(
                f"storage pool {scope} is not configured here, {', '.join(self._pools)} is;"
                " add it to ORCHESTRATOR_VDSM_POOLS or wait for a worker that has it",
                after=timedelta(minutes=1),
            )
        return found


def _by_host(tasks: Iterable[AsyncTaskRef]) -> dict[str, list[AsyncTaskRef]]:
    found: dict[str, list[AsyncTaskRef]] = {}
    for task in tasks:
        found.setdefault(str(task.detail.get("host")), []).append(task)
    return found


def _unless(calls: Calls, method: str, task_id: str, *, fine: tuple[int, ...]) -> None:
    try:
        calls.manage(method, taskID=task_id)
    except VdsmError as error:
        if error.code not in fine:
            raise
