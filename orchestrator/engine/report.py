"""The one door through which all news about async tasks enters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from orchestrator.core import event as ev
from orchestrator.core.asynctask import TaskReport, TaskStatus, WhenSilent
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.errors import ConflictError, ContendedError, UnavailableError
from orchestrator.core.external import VENDOR_SYSTEM
from orchestrator.core.status import Outcome, Phase, Status, TaskState
from orchestrator.engine.door import heard_until
from orchestrator.engine.task_ends import event_of_end, given_up
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

log = structlog.get_logger(__name__)

TOGETHER = 200  # reports in one transaction
STOP_GRACE = timedelta(seconds=30)
AGAIN = timedelta(seconds=1)  # until a silence that nobody listens to is looked at once more
UNREADABLE_AGAIN = timedelta(minutes=1)  # until somebody has mended its row
LISTENING = (Status.WAITING, Status.NEEDS_ATTENTION)


class Reporter:
    """Takes reports from adapters and vendors, and tells the commands what they mean."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def report(self, reports: Iterable[TaskReport]) -> list[CommandEntity]:
        """Stores the reports; gives the commands that became ready by them.

        Reports on unknown tasks are dropped: a task may be reported before we stored it, and will be again.
        """
        waiting, ready = list(reports), list[CommandEntity]()
        for start in range(0, len(waiting), TOGETHER):
            together = waiting[start : start + TOGETHER]
            try:
                ready.extend(self._write(together))
            except (UnavailableError, ContendedError):
                raise
            except Exception:
                if len(together) == 1:
                    raise
                ready.extend(self._one_by_one(together))
        return ready

    def _one_by_one(self, reports: list[TaskReport]) -> list[CommandEntity]:
        """Takes each report by itself: one of them cannot be taken, and the others are not to suffer."""
        ready = list[CommandEntity]()
        for one in reports:
            try:
                ready.extend(self._write([one]))
            except (UnavailableError, ContendedError):
                raise
            except Exception as problem:
                log.warning(
                    "report_not_taken",
                    system=one.system,
                    scope=one.scope,
                    task=one.task_id or one.external_id,
                    exc_info=None if isinstance(problem, ConflictError) else problem,
                    why=str(problem),
                )
        return ready

    def _write(self, reports: list[TaskReport]) -> list[CommandEntity]:
        def take(unit: UnitOfWork) -> None:
            for one in reports:
                self._take(unit, one)

        return self.writer.write(Request("", work=take)).ready

    def _take(self, unit: UnitOfWork, report: TaskReport) -> None:
        task = unit.tx.find_task(report)
        if task is not None:
            self._apply(unit, task, report)

    def note(self, unit: UnitOfWork, task_id: str, report: TaskReport) -> None:
        """Stores the first report of a start; the command hears of an end when it is ready to."""
        task = unit.tx.find_task(report._replace(task_id=task_id))
        if task is not None:
            if task.state is TaskState.INITIALIZING:  # one that was slow to start it may come last
                task = replace(task, state=TaskState.POLLING)
            self._apply(unit, task, report)

    def _apply(self, unit: UnitOfWork, task: TaskEntity, report: TaskReport) -> None:
        if task.state in (TaskState.ENDED, TaskState.CLEARED) and task.status.has_ended:
            return  # told already; ghosts and repeats change nothing
        if report.external_id not in (None, task.external_id, task.task_id) and not task.found:
            _take_back(unit, task, report.external_id or "")
        tell(unit, task, report)

    def overdue(self, task: TaskEntity) -> list[CommandEntity]:
        """Handles a task whose lease or deadline has passed."""
        done = self.writer.write(Request("", work=lambda unit: self._overdue(unit, task)))
        return done.ready

    def _overdue(self, unit: UnitOfWork, stale: TaskEntity) -> None:
        found = unit.tx.find_task(
            TaskReport(
                system=stale.system, scope=stale.scope, status=stale.status, task_id=stale.task_id
            )
        )
        if found is None or found.wake_at is None or found.wake_at > unit.now:
            return
        command = unit.command(found.command_id)
        past_deadline = found.deadline is not None and found.deadline <= unit.now
        if not past_deadline and found.system == VENDOR_SYSTEM and found.lease_s is not None:
            lease = timedelta(seconds=found.lease_s)
            until = heard_until(self.writer.store, lease, unit.now)
            if until is not None:
                wake_at = min(until, found.deadline or until)
                unit.tx.save_tasks((replace(found, wake_at=wake_at),))
                return
        reason = _why(found, past_deadline=past_deadline)
        is_read = command is not None and command.unreadable is None
        if past_deadline and is_read and command is not None and _is_being_started(command):
            # No report of it can come before somebody has an answer: the start is asked a few times more.
            unit.tx.save_tasks((replace(found, wake_at=None, message=reason),))
            unit.tell(found.command_id, ev.Stop(Outcome.FAILED, reason))
            return
        listens = is_read and command is not None and command.status in LISTENING
        if past_deadline and listens and command is not None and _can_be_stopped(command):
            # It is given a while to stop outside; then nobody knows how it came out.
            until = unit.now + STOP_GRACE
            unit.tx.save_tasks((replace(found, wake_at=until, deadline=until, message=reason),))
            unit.tell(found.command_id, ev.Stop(Outcome.FAILED, reason))
            return
        if not listens:
            # A worker may have died between the start and the waiting: its silence still counts once that is over.
            is_over = command is None or command.status.is_final
            rest = AGAIN if is_read else UNREADABLE_AGAIN
            again = None if is_over else unit.now + rest
            unit.tx.save_tasks((replace(found, wake_at=again, message=reason),))
            return
        unit.tx.save_tasks((replace(found, wake_at=None, message=reason),))
        if found.when_silent == WhenSilent.FAIL and not past_deadline:
            unit.tx.save_tasks((given_up(replace(found, message=reason)),))
            unit.tell(found.command_id, ev.TaskEnded(Outcome.FAILED, None, reason))
        else:
            unit.tell(found.command_id, ev.TaskSilent(reason))


def tell(unit: UnitOfWork, task: TaskEntity, report: TaskReport) -> TaskEntity:
    """Stores what a report says of a task and tells its command; gives the task as it now is."""
    command = unit.command(task.command_id)
    report = unit.vault.cleared(report, task, command.kind if command else "")
    news = updated(task, report, unit.now)
    unit.tx.save_tasks((news,))
    if command is None or not _listens(command) or command.phase not in (
        Phase.EXECUTE, Phase.COMPENSATE,
    ):  # fmt: skip
        return news
    event = event_of_end(news)
    if event is None and (news.progress, news.message) != (command.progress, command.message):
        event = ev.Progressed(news.progress, news.message)
    if event is not None:
        unit.tell(task.command_id, event)
    return news


def _take_back(unit: UnitOfWork, task: TaskEntity, external_id: str) -> None:
    """Ends the command of a found task that turns out to be ours: its id came late. Outside nothing is touched."""
    for twin in unit.tx.same_tasks(task.system, task.scope, (external_id,)):
        if not twin.found or twin.state is TaskState.CLEARED:
            continue
        unit.tx.save_tasks((replace(twin, state=TaskState.CLEARED, wake_at=None),))
        command = unit.command(twin.command_id)
        if command is not None and not command.status.is_final:
            reason = f"not begun outside after all: it is the task of command {task.command_id}"
            unit.tell(twin.command_id, ev.TaskEnded(Outcome.STOPPED, None, reason))


def _listens(command: CommandEntity) -> bool:
    """Tells whether news of its task concern it; what was found outside may still wait for its locks."""
    found = command.status is Status.BLOCKED and command.pending > 0
    return found or command.status in LISTENING


def _is_being_started(command: CommandEntity) -> bool:
    starts = command.phase in (Phase.START, Phase.START_COMPENSATE)
    return starts and command.status in (Status.READY, Status.RUNNING, Status.DELAYED)


def _can_be_stopped(command: CommandEntity) -> bool:
    waits = command.status is Status.WAITING and command.phase is Phase.EXECUTE
    return waits and command.stopping is None


def updated(task: TaskEntity, report: TaskReport, now: datetime) -> TaskEntity:
    """Gives the task as the report has it; its lease runs anew."""
    if report.offered and task.has_begun:  # it was begun before we knew that it had been offered
        return replace(task, external_id=report.external_id or task.external_id)
    ended = report.status.has_ended
    same = (report.status, report.progress, report.detail) == (
        task.status,
        task.progress,
        task.detail,
    )
    is_gone = task.found and report.status is TaskStatus.LOST
    state = TaskState.CLEARED if is_gone else TaskState.ENDED if ended else task.state
    runs = task.lease_s is not None and not report.offered
    lease = now + timedelta(seconds=task.lease_s or 0.0) if runs else None
    wakes = [one for one in (task.deadline, lease) if one is not None]
    return replace(
        task,
        external_id=report.external_id or task.external_id,
        state=state,
        status=report.status,
        progress=task.progress if report.progress is None else report.progress,
        message=report.message,
        result=report.result if report.result is not None else task.result,
        detail=report.detail or task.detail,
        wake_at=None if ended else min(wakes, default=None),
        changed_at=task.changed_at if same else now,
    )


def _why(task: TaskEntity, *, past_deadline: bool) -> str:
    if past_deadline:
        return f"{task.description} did not end in time; nobody knows how it will come out"
    return f"stale: no report on {task.description!r} from {task.scope} for {task.lease_s:g} s"
