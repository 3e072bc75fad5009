"""Asks the outside systems: one call for each scope and interval, however many tasks there are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.errors import ContendedError, Refused, TryAgain, UnavailableError
from orchestrator.core.ports import Adapter, Announcing, Clock, Sender
from orchestrator.core.status import TaskState
from orchestrator.engine.open_tasks import CLEARABLE, OpenTasks, ScopeTasks
from orchestrator.engine.report import Reporter
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

log = structlog.get_logger(__name__)

BACK_OFF_MOST = 32
LONG_AGO = datetime.min.replace(tzinfo=UTC)
READ_ALL_EVERY = timedelta(minutes=10)  # for tasks that were deleted, which nothing else tells
# To read the answer about a task costs a microsecond: so polling takes at most a few thousandths of a core.
REST_PER_TASK = timedelta(milliseconds=10)
LONGEST_REST = timedelta(seconds=30)
CLEARING_AT_MOST = timedelta(seconds=10)  # in one visit, beyond the call that it takes to notice


@dataclass(slots=True)
class Watch:
    """When a scope, or our own store, is asked next, and how often it failed to answer.

    `has_news` says that something ended there since it was last asked; then it is asked as soon as it `rested`.
    """

    due: datetime
    failures: int = 0
    busy: bool = False
    has_news: bool = False
    rested: datetime = LONG_AGO

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be asked now."""
        return not self.busy and (self.due <= now or (self.has_news and self.rested <= now))


class Poller:
    """Polls every scope that has tasks of ours; stops and clears there what is to be stopped and cleared.

    With an executor each scope is visited by a thread of its own, so one that does not answer delays no other,
    nor whoever calls `tick`. What changed in the store is looked for every `look_every`; a poll itself reads
    nothing there, and writes only what is new.
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
        pushed = {name for name, one in adapters.items() if getattr(one, "pushes", False)}
        self._tasks = OpenTasks(writer.store, polled=adapters.keys() - pushed, pushed=pushed)
        self._look = Watch(due=LONG_AGO)
        self._read_all_at = self._look.due
        self._watched: dict[tuple[str, str], Watch] = {}
        self.news = threading.Event()
        for name, one in adapters.items():
            if isinstance(one, Announcing):
                one.listen(partial(self.hasten, name))

    def hasten(self, system: str, scope: str) -> None:
        """Has a scope asked at the next tick instead of after its interval. Any thread may call it.

        `news` is set, so that whoever ticks need not wait either.
        """
        watch = self._watched.get((system, scope))
        if watch is not None:
            watch.has_news = True
            self.news.set()

    def tick(self) -> int:
        """Asks all scopes whose time has come; says how many that were."""
        now = self.clock.now()
        if self._look.due <= now and not self._look.busy:
            self._look.due = now + self.look_every
            self._begin(self._look, partial(self._look_at_store, now))
        scopes = {(one.system, one.scope): one for one in self._tasks.scopes()}
        self._watched = {one: self._watched.get(one) or Watch(due=now) for one in scopes}
        due = [(scopes[one], watch) for one, watch in self._watched.items() if watch.is_due(now)]
        for tasks, watch in due:
            self._begin(watch, partial(self._visit, tasks, watch))
        return len(due)

    def _begin(self, watch: Watch, do: Callable[[], None]) -> None:
        if self.executor is None:
            do()
        else:
            watch.busy = True
            self.executor.submit(self._do_apart, watch, do)

    def _do_apart(self, watch: Watch, do: Callable[[], None]) -> None:
        try:
            do()
        except (UnavailableError, ContendedError) as problem:
            watch.due = self.clock.now() + self.interval
            log.warning("poll_waits", why=str(problem))
        except Exception:
            log.exception("poll_broke")
        finally:
            watch.busy = False

    def _look_at_store(self, now: datetime) -> None:
        """Takes in what others wrote about tasks."""
        afresh = self._read_all_at <= now
        self._tasks.look(afresh=afresh)
        if afresh:
            self._read_all_at = now + READ_ALL_EVERY

    def _visit(self, tasks: ScopeTasks, watch: Watch) -> None:
        adapter, asked = self.adapters[tasks.system], 0
        watch.has_news = False  # before it is asked: what ends meanwhile is news again
        try:
            asked = self._poll(adapter, tasks)
            watch.failures = 0
        except TryAgain as problem:  # nothing is concluded from a system that does not answer
            watch.failures = min(watch.failures + 1, BACK_OFF_MOST)
            log.warning("poll_failed", system=adapter.name, scope=tasks.scope, why=str(problem))
        except (UnavailableError, ContendedError):
            raise  # it is our database that does not answer: the scheduler waits
        except Exception:
            watch.failures = min(watch.failures + 1, BACK_OFF_MOST)
            log.exception("poll_broke", system=adapter.name, scope=tasks.scope)
        rest = min(asked * REST_PER_TASK, LONGEST_REST)
        now = self.clock.now()
        watch.rested = now + rest
        watch.due = now + max(self.interval * (1 + watch.failures), rest)

    def _poll(self, adapter: Adapter, tasks: ScopeTasks) -> int:
        """Asks, stops and clears; says about how many tasks was asked."""
        refs = tasks.refs()
        if refs:
            self.polls += 1
            reports = tasks.news(adapter.poll(tasks.scope, refs), self.clock.now())
            if reports:
                self.sender.launch(self.reporter.report(reports))
        if tasks.to_tend:
            found = self.writer.store.open_tasks(tasks.system, tasks.scope, to_tend=True)
            running = [one for one in found if one.state is TaskState.POLLING]
            self._stop(adapter, [one for one in running if one.stop_requested])
            self._clear(adapter, [one for one in found if one.state in CLEARABLE])
        return len(refs)

    def _stop(self, adapter: Adapter, tasks: list[TaskEntity]) -> None:
        answers = []
        for task in tasks:
            try:
                answer = adapter.stop(task.ref())
            except Refused as problem:
                log.warning("stop_refused", task=task.task_id, why=str(problem))
                continue
            if answer is not None:
                answers.append(answer._replace(task_id=task.task_id))
        self.sender.launch(self.reporter.report(answers))

    def _clear(self, adapter: Adapter, ended: list[TaskEntity]) -> None:
        """Lets the system forget tasks, once their commands no longer look at them."""
        if not ended:
            return
        found = self.writer.store.get_all({task.command_id for task in ended})
        commands = {one.command_id: one for one in found}
        cleared = []
        began = self.clock.now()
        for task in ended:
            if self.clock.now() - began > CLEARING_AT_MOST:
                break  # the scope is slow; what is left can wait, and the tasks that run there cannot
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


def _is_over(command: CommandEntity | None) -> bool:
    return command is None or command.status.is_final
