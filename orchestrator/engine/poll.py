"""Asks the outside systems: one call for each scope and interval, however many tasks there are."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from orchestrator.core.asynctask import TaskReport, TaskStatus
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.errors import ContendedError, Refused, TryAgain, UnavailableError
from orchestrator.core.ports import Adapter, Clock, Sender
from orchestrator.core.status import TaskState
from orchestrator.engine.report import Reporter
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

log = structlog.get_logger(__name__)

CLEARABLE = (TaskState.ENDED, TaskState.CLEAR_FAILED)
BACK_OFF_MOST = 32
REST_PER_TASK = timedelta(milliseconds=2)  # a scope with very many tasks is asked less often
LONGEST_REST = timedelta(seconds=30)


@dataclass(slots=True)
class Watch:
    """When a scope is asked next, and how often it failed to answer."""

    due: datetime
    failures: int = 0
    busy: bool = False


class Poller:
    """Polls every scope that has tasks of ours; stops and clears there what is to be stopped and cleared.

    With an executor each scope is visited by a thread of its own, so one that does not answer delays no other,
    nor whoever calls `tick`. New scopes are looked for every `look_every`.
    """

    def __init__(
        self,
        writer: Writer,
        reporter: Reporter,
        adapters: Mapping[str, Adapter],
        sender: Sender,
        clock: Clock,
        *,
        interval: timedelta = timedelta(seconds=2),
        look_every: timedelta = timedelta(0),
        executor: Executor | None = None,
    ) -> None:
        self.writer = writer
        self.reporter = reporter
        self.adapters = adapters
        self.sender = sender
        self.clock = clock
        self.interval = interval
        self.look_every = look_every
        self.executor = executor
        self.polls = 0
        self._look_at: datetime | None = None
        self._watched: dict[tuple[str, str], Watch] = {}

    def tick(self) -> int:
        """Asks all scopes whose time has come; says how many that were."""
        now = self.clock.now()
        if self._look_at is None or self._look_at <= now:
            self._look_at = now + self.look_every
            scopes = self.writer.store.scopes()
            self._watched = {scope: self._watched.get(scope) or Watch(due=now) for scope in scopes}
        due = [
            (system, scope, watch)
            for (system, scope), watch in self._watched.items()
            if watch.due <= now and not watch.busy and system in self.adapters
        ]
        for system, scope, watch in due:
            if self.executor is None:
                self._visit(self.adapters[system], scope, watch)
            else:
                watch.busy = True
                self.executor.submit(self._visit_apart, self.adapters[system], scope, watch)
        return len(due)

    def _visit_apart(self, adapter: Adapter, scope: str, watch: Watch) -> None:
        try:
            self._visit(adapter, scope, watch)
        except (UnavailableError, ContendedError) as problem:
            watch.due = self.clock.now() + self.interval
            log.warning("poll_waits", system=adapter.name, scope=scope, why=str(problem))
        finally:
            watch.busy = False

    def _visit(self, adapter: Adapter, scope: str, watch: Watch) -> None:
        tasks = 0
        try:
            tasks = self._poll(adapter, scope)
            watch.failures = 0
        except TryAgain as problem:  # nothing is concluded from a system that does not answer
            watch.failures = min(watch.failures + 1, BACK_OFF_MOST)
            log.warning("poll_failed", system=adapter.name, scope=scope, why=str(problem))
        except (UnavailableError, ContendedError):
            raise  # it is our database that does not answer: the scheduler waits
        except Exception:
            watch.failures = min(watch.failures + 1, BACK_OFF_MOST)
            log.exception("poll_broke", system=adapter.name, scope=scope)
        rest = min(tasks * REST_PER_TASK, LONGEST_REST)
        watch.due = self.clock.now() + max(self.interval * (1 + watch.failures), rest)

    def _poll(self, adapter: Adapter, scope: str) -> int:
        """Asks, stops and clears; says how many tasks were looked at."""
        pushes = getattr(adapter, "pushes", False)  # vendors report by themselves
        tasks = self.writer.store.open_tasks(adapter.name, scope, to_tend=pushes)
        running = [one for one in tasks if one.state is TaskState.POLLING]
        if running and not pushes:
            self.polls += 1
            known = {one.task_id: one for one in running}
            by_external = {one.external_id: one for one in running}
            reports = [
                one
                for one in adapter.poll(scope, [task.ref() for task in running])
                if _is_news(one, known.get(one.task_id or "") or by_external.get(one.external_id))
            ]
            self.sender.launch(self.reporter.report(reports))
        self._stop(adapter, [one for one in running if one.stop_requested])
        self._clear(adapter, [one for one in tasks if one.state in CLEARABLE])
        return len(tasks)

    def _stop(self, adapter: Adapter, tasks: list[TaskEntity]) -> None:
        answers = []
        for task in tasks:
            try:
                answer = adapter.stop(task.ref())
            except Refused as problem:
                log.warning("stop_refused", task=task.task_id, why=str(problem))
                continue
            if answer is not None:
                answers.append(replace(answer, task_id=task.task_id))
        self.sender.launch(self.reporter.report(answers))

    def _clear(self, adapter: Adapter, ended: list[TaskEntity]) -> None:
        """Lets the system forget tasks, once their commands no longer look at them."""
        if not ended:
            return
        found = self.writer.store.get_all({task.command_id for task in ended})
        commands = {one.command_id: one for one in found}
        cleared = []
        for task in ended:
            if not _is_over(commands.get(task.command_id)):
                continue
            state = TaskState.CLEARED
            try:
                if task.stop_requested and task.status is TaskStatus.LOST:
                    adapter.stop(task.ref())  # given up here: it must not run on there
                adapter.clear(task.ref())
            except TryAgain:
                continue
            except Refused as problem:
                state = TaskState.CLEAR_FAILED
                log.warning("clear_refused", task=task.task_id, why=str(problem))
            cleared.append(replace(task, state=state))
        if cleared:
            self._save(cleared)

    def _save(self, tasks: list[TaskEntity]) -> None:
        def save(unit: UnitOfWork) -> None:
            unit.tx.save_tasks(tasks)

        self.writer.write(Request("", work=save))


def _is_news(report: TaskReport, task: TaskEntity | None) -> bool:
    if task is None:
        return False
    said = (report.status, report.progress, report.message, report.detail or {})
    return said != (task.status, task.progress, task.message, task.detail)


def _is_over(command: CommandEntity | None) -> bool:
    return command is None or command.status.is_final
