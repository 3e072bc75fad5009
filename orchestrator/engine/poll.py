"""Asks the outside systems: one call for each scope and interval, however many tasks there are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog

from orchestrator.core.asynctask import FoundTask, TaskReport, TaskStatus
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.errors import (
    ContendedError,
    Refused,
    TryAgain,
    UnavailableError,
    UnreadableError,
)
from orchestrator.core.outside import Discoverer
from orchestrator.core.ports import Adapter, Announcing, Clock, ScopeNote, Sender
from orchestrator.core.secret import Secret
from orchestrator.core.status import TaskState
from orchestrator.engine.adopt import Adopter
from orchestrator.engine.answers import describe
from orchestrator.engine.confided import all_in_plain, in_plain
from orchestrator.engine.open_tasks import OpenTasks, ScopeTasks, is_to_tend
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
NOTE_EVERY = timedelta(seconds=30)  # that a scope answers as before
CLEARING_AT_MOST = timedelta(seconds=10)  # in one visit, beyond the call that it takes to notice


@dataclass(slots=True)
class Watch:
    """When a scope, or our own store, is asked next, and how often it failed to answer.

    `has_news` says that something ended there since it was last asked; then it is asked as soon as it `rested`.
    `problem` is what kept it from answering, as it was noted last.
    `list_due` is when all that the scope has is looked at, `settled` what was found there and has a command.
    """

    due: datetime
    failures: int = 0
    busy: bool = False
    has_news: bool = False
    rested: datetime = LONG_AGO
    list_due: datetime = LONG_AGO
    problem: str | None = None
    problem_since: datetime | None = None
    noted_at: datetime = LONG_AGO
    settled: Mapping[str, TaskStatus] = field(default_factory=dict)

    def is_due(self, now: datetime, *, lists: bool, polls: bool) -> bool:
        """Whether it is to be asked now: for tasks of ours, or where it has none to list it."""
        if self.busy:
            return False
        hears = self.has_news and self.rested <= now
        return (polls and (self.due <= now or hears)) or (lists and not polls and self.lists(now))

    def lists(self, now: datetime) -> bool:
        """Whether it is time to look at all that the scope has."""
        return self.list_due <= now


class Poller:
    """Polls every scope that has tasks of ours; stops and clears there what is to be stopped and cleared.

    Every scope that its adapter knows of is also listed each `list_every`, with tasks of ours or without, and what
    others began there is adopted. Where tasks are polled at that time, it is one and the same listing.

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
        list_every: timedelta = timedelta(seconds=10),
        look_every: timedelta = timedelta(0),
        executor: Executor | None = None,
    ) -> None:
        self.writer = writer
        self.reporter = reporter
        self.adapters = adapters
        self.sender = sender
        self.clock = clock
        self.adopter = Adopter(writer)
        self.interval = interval
        self.list_every = list_every
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
        with_tasks, listed = set(scopes), self._listed_scopes()
        for system, scope in listed - with_tasks:
            scopes[system, scope] = self._tasks.of(system, scope)
        self._watched = {one: self._watched.get(one) or Watch(due=now) for one in scopes}
        due = [
            (scopes[one], watch, one in listed and watch.lists(now))
            for one, watch in self._watched.items()
            if watch.is_due(now, lists=one in listed, polls=one in with_tasks)
        ]
        for tasks, watch, lists in due:
            self._begin(watch, partial(self._visit, tasks, watch, lists=lists))
        return len(due)

    def _listed_scopes(self) -> set[tuple[str, str]]:
        """Gives the scopes that the adapters know of."""
        found = set[tuple[str, str]]()
        for name, adapter in self.adapters.items():
            if isinstance(adapter, Discoverer):
                found.update((name, scope) for scope in adapter.scopes())
        return found

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
            watch.due = watch.list_due = self.clock.now() + self.interval
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

    def _visit(self, tasks: ScopeTasks, watch: Watch, *, lists: bool) -> None:
        adapter, refs = self.adapters[tasks.system], tasks.refs()
        away: str | None = None
        watch.has_news = False  # before it is asked: what ends meanwhile is news again
        try:
            if lists and isinstance(adapter, Discoverer):
                self._list(adapter, tasks, watch)
            elif refs:
                self._poll(adapter, tasks)
            self._tend(adapter, tasks)
            watch.failures = 0
        except TryAgain as problem:  # nothing is concluded from a system that does not answer
            away = describe(problem)
            watch.failures = min(watch.failures + 1, BACK_OFF_MOST)
            log.warning(
                "poll_failed", system=adapter.name, scope=tasks.scope, why=describe(problem)
            )
        except (UnavailableError, ContendedError):
            raise  # it is our database that does not answer: the scheduler waits
        except Exception as problem:
            away = describe(problem)
            watch.failures = min(watch.failures + 1, BACK_OFF_MOST)
            log.exception("poll_broke", system=adapter.name, scope=tasks.scope)
        now = self.clock.now()
        rest = min(len(refs) * REST_PER_TASK, LONGEST_REST)
        watch.rested = now + rest
        watch.due = now + max(self.interval * (1 + watch.failures), rest)
        self._note(tasks, watch, away, now)
        if lists:
            watch.list_due = now + self.list_every + self.interval * watch.failures

    def _note(self, tasks: ScopeTasks, watch: Watch, problem: str | None, now: datetime) -> None:
        """Notes for those who watch how the scope answered, at once where that is news."""
        if problem == watch.problem and now - watch.noted_at < NOTE_EVERY:
            return
        since = watch.problem_since or now if problem is not None else None
        watch.problem, watch.problem_since, watch.noted_at = problem, since, now
        self.writer.store.note_scope(ScopeNote(tasks.system, tasks.scope, now, problem, since))

    def _poll(self, adapter: Adapter, tasks: ScopeTasks) -> None:
        self.polls += 1
        kept: list[Secret[Any]] = []
        refs = all_in_plain(self.writer.vault, tasks.refs(), kept)
        self._take(tasks, adapter.poll(tasks.scope, refs))

    def _list(self, adapter: Discoverer, tasks: ScopeTasks, watch: Watch) -> None:
        """Polls, and adopts what else the same listing shows. What it showed before is not looked up again."""
        self.polls += 1
        asked_at = self.clock.now()
        over = {one.task_id for one in tasks.over()}
        reports, found = list[TaskReport](), dict[str, FoundTask]()
        kept: list[Secret[Any]] = []
        known = all_in_plain(self.writer.vault, (*tasks.refs(), *tasks.over()), kept)
        for one in adapter.discover(tasks.scope, known):
            if isinstance(one, TaskReport):
                reports.append(one)
            elif one.report.external_id and one.report.status is not TaskStatus.LOST:
                found[one.report.external_id] = one
        self._take(tasks, (one for one in reports if one.task_id not in over))
        self._forget(
            tasks, {one.task_id for one in reports if one.status is TaskStatus.LOST} & over
        )
        seen = {name: one.report.status for name, one in found.items()}
        unsettled = [one for name, one in found.items() if watch.settled.get(name) != seen[name]]
        settled, ready = self.adopter.adopt(tasks.system, tasks.scope, unsettled, asked_at)
        self.sender.launch(ready)
        settled |= found.keys() - {one.report.external_id for one in unsettled}
        watch.settled = {name: seen[name] for name in settled}

    def _take(self, tasks: ScopeTasks, reports: Iterable[TaskReport]) -> None:
        news = tasks.news(reports, self.clock.now())
        if news:
            self.sender.launch(self.reporter.report(news))

    def _tend(self, adapter: Adapter, tasks: ScopeTasks) -> None:
        """Stops and clears what is to be stopped and cleared."""
        if tasks.to_tend:
            open_tasks = self.writer.store.open_tasks(tasks.system, tasks.scope, to_tend=True)
            found = [one for one in open_tasks if is_to_tend(one)]
            running = [one for one in found if one.state is TaskState.POLLING]
            self._stop(adapter, running)
            self._clear(adapter, [one for one in found if one.state is not TaskState.POLLING])

    def _forget(self, tasks: ScopeTasks, task_ids: Collection[str | None]) -> None:
        """Notes that ended tasks which others began are not there any more: there is nothing to be cleared."""
        if not task_ids:
            return
        found = self.writer.store.open_tasks(tasks.system, tasks.scope, to_tend=True)
        self._save(
            [replace(one, state=TaskState.CLEARED) for one in found if one.task_id in task_ids]
        )

    def _stop(self, adapter: Adapter, tasks: list[TaskEntity]) -> None:
        answers = []
        kept: list[Secret[Any]] = []
        for task in tasks:
            try:
                answer = adapter.stop(in_plain(self.writer.vault, task.ref(), kept))
            except (Refused, UnreadableError) as problem:
                log.warning("stop_refused", task=task.task_id, why=describe(problem))
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
        kept: list[Secret[Any]] = []
        began = self.clock.now()
        for task in ended:
            if self.clock.now() - began > CLEARING_AT_MOST:
                break  # the scope is slow; what is left can wait, and the tasks that run there cannot
            if not _is_over(commands.get(task.command_id)):
                continue
            state = TaskState.CLEARED
            try:
                ref = in_plain(self.writer.vault, task.ref(), kept)
                if task.stop_requested and task.status is TaskStatus.LOST:
                    adapter.stop(ref)  # given up here: it must not run on there
                if task.found and task.state is TaskState.ENDED:
                    state = TaskState.ENDED  # to stop it was ordered, not to clear it
                else:
                    adapter.clear(ref)
            except (TryAgain, UnreadableError):  # or without its key, until that is there
                continue
            except Refused as problem:
                state = TaskState.CLEAR_FAILED
                log.warning("clear_refused", task=task.task_id, why=describe(problem))
            cleared.append(
                replace(task, state=state, stop_requested=task.stop_requested and not task.found)
            )
        if cleared:
            self._save(cleared)

    def _save(self, tasks: list[TaskEntity]) -> None:
        def save(unit: UnitOfWork) -> None:
            unit.tx.save_tasks(tasks)

        self.writer.write(Request("", work=save))


def _is_over(command: CommandEntity | None) -> bool:
    return command is None or command.status.is_final
