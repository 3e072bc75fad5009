"""What a vendor says of its task, decided in the transaction that takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from orchestrator.core.access import is_of_vendor
from orchestrator.core.asynctask import TaskReport, TaskStatus
from orchestrator.core.entity import CLAIM_S, CLAIMED_BY, HEARD_AT, CommandEntity, TaskEntity
from orchestrator.core.external import VENDOR_SYSTEM
from orchestrator.core.secret import Secret, masked_text
from orchestrator.core.status import Status, TaskState
from orchestrator.engine.deeds import deed_on
from orchestrator.engine.report import tell
from orchestrator.engine.vault import Vault
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

UNDER_WAY = (TaskState.INITIALIZING, TaskState.POLLING)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorReport:
    """News of one external task. `attempt` names the life of the task that it is about; `vendor` who speaks.

    Without a `vendor` it is somebody who speaks for all. `claim` says by which claim a program has the task.
    """

    command_id: str
    vendor: str | None
    status: TaskStatus = TaskStatus.RUNNING
    progress: float | None = None
    message: str | None = None
    result: Any = None
    attempt: int | None = None
    claim: int | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How the task stands after the report; `refused` says why nothing was taken.

    Without a `task` its turn has not come, or its end has been put away.
    """

    command: CommandEntity | None
    task: TaskEntity | None = None
    refused: str | None = None
    at: datetime | None = None


class VendorReporter:
    """Takes vendors' reports: of two different ends one is taken, and the other is told what stands."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def report(
        self, reports: Sequence[VendorReport], *, deciding: VendorReport | None = None
    ) -> tuple[list[Answer], list[CommandEntity]]:
        """Takes the reports in one transaction; gives an answer to each, and what became ready by them.

        Where the `deciding` one of them cannot be taken, none is, and only that has an answer.
        """
        answers: list[Answer] = []

        def take(unit: UnitOfWork) -> None:
            standing = _standing(unit, deciding) if deciding is not None else None
            if standing is not None and (standing.refused or standing.task is None):
                answers[:] = [standing if one is deciding else Answer(None) for one in reports]
            else:
                answers[:] = [_take(unit, one) for one in reports]

        # All transactions take rows in one order: leaf before root.
        near = tuple(sorted({one.command_id for one in reports}, reverse=True))
        ready = self.writer.write(Request("", work=take, near=near)).ready
        return answers, ready


def _standing(unit: UnitOfWork, report: VendorReport) -> Answer:
    """Gives how the task stands, and why the report cannot be taken if so."""
    command = unit.command(report.command_id)
    if command is None or (report.vendor and not is_of_vendor(command, report.vendor)):
        return Answer(None)
    task = unit.tx.open_task(report.command_id)
    if task is None or task.system != VENDOR_SYSTEM:
        return Answer(command)
    return Answer(command, task, why_not_taken(unit.vault, report, command, task), unit.now)


def _take(unit: UnitOfWork, report: VendorReport) -> Answer:
    standing = _standing(unit, report)
    command, task, refused = standing.command, standing.task, standing.refused
    if command is None or task is None:
        return standing
    report, stands, _kept = compared(unit.vault, report, task)
    if refused is None and not says_the_same(report, stands):
        news = _as_news(report, command, task, unit)
        if task.status is TaskStatus.LOST:  # who speaks is under way again, or says how it came out
            task = replace(task, state=TaskState.POLLING)
        if report.status.has_ended and report.actor is not None:
            said = ": ".join(one for one in (report.status.value, report.message) if one)
            unit.tx.audit(deed_on(command, report.actor, "report", said, unit.now))
        with unit.by(report.actor, command.root_id):
            task = tell(unit, renewed(task, unit.now), news)
    return Answer(unit.known(report.command_id), task, refused, unit.now)


def why_not_taken(
    vault: Vault, report: VendorReport, command: CommandEntity, task: TaskEntity
) -> str | None:
    """Says why a report on a task as it is stored cannot be taken; None where it can, or says what stands."""
    report, stands, _kept = compared(vault, report, task)
    return why_not(report, command, stands)


def compared(
    vault: Vault, report: VendorReport, task: TaskEntity
) -> tuple[VendorReport, TaskEntity, list[Secret[Any]]]:
    """Gives a report and its task as they can be compared: the secrets of the task in plain, and masked in messages.

    The secrets are given too, to be kept alive as long as anything is said of them.
    """
    kept: list[Secret[Any]] = []
    stands = vault.in_plain(task, kept)
    if report.message:
        report = replace(report, message=masked_text(report.message))
    return report, stands, kept


def why_not(report: VendorReport, command: CommandEntity, task: TaskEntity) -> str | None:
    """Says why the report cannot be taken; None where it can, or says what stands."""
    what = f"external task {command.command_id} ({command.label})"
    if report.attempt is not None and report.attempt != task.attempt:
        return (
            f"{what} was begun anew: the report is about attempt {report.attempt}, and this is attempt"
            f" {task.attempt}; look at the task again"
        )
    if report.claim is not None and report.claim != task.claims:
        by = task.detail.get(CLAIMED_BY)
        return (
            f"{what} is not yours any more: the lease of claim {report.claim} ran out, and {by!r} has taken it"
            f" (claim {task.claims}); leave it alone"
        )
    if is_open(command, task) or says_the_same(report, task):
        return None
    how = "was given up" if task.status is TaskStatus.LOST else f"has ended ({task.status})"
    return f"{what} {how} and its command is {command.status}; nothing more can be reported on it"


def is_open(command: CommandEntity, task: TaskEntity) -> bool:
    """Tells whether news of the task are taken: it is under way, or nobody knows how it came out."""
    if task.status is TaskStatus.LOST:
        return command.status is Status.NEEDS_ATTENTION
    return task.state in UNDER_WAY and not command.status.is_final


def says_the_same(report: VendorReport, task: TaskEntity) -> bool:
    """Tells whether the end that is reported is the one that stands."""
    return (
        report.status.has_ended
        and report.status is task.status
        and (report.result is None or report.result == task.result)
        and (report.message is None or report.message == task.message)
    )


def renewed(task: TaskEntity, now: datetime) -> TaskEntity:
    """Gives the task as its program keeps it by a sign of life."""
    if task.claimed_until is None:
        return task
    return replace(task, claimed_until=now + timedelta(seconds=float(task.detail[CLAIM_S])))


def _as_news(
    report: VendorReport, command: CommandEntity, task: TaskEntity, unit: UnitOfWork
) -> TaskReport:
    # What was said last stays, unless it was we who said that the vendor is silent.
    last_word = None if command.status is Status.NEEDS_ATTENTION else task.message
    return TaskReport(
        system=task.system,
        scope=task.scope,
        task_id=task.task_id,
        status=report.status,
        progress=report.progress,
        message=last_word if report.message is None else report.message,
        result=report.result,
        detail={**task.detail, HEARD_AT: unit.now.isoformat()},
    )
