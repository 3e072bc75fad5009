"""The counter for vendors: what they may register, and what their reports mean."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypeAlias

from orchestrator.api.desk import Desk
from orchestrator.api.problems import STATUS
from orchestrator.api.vendor_bodies import (
    BulkAnswer,
    BulkNews,
    Claim,
    News,
    RegisteredTask,
    Registration,
)
from orchestrator.app import Answer, Handle, VendorClaim, VendorReport, why_not_taken
from orchestrator.core.access import VENDOR_OWNED, Caller, Role, Sight
from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.command import Command
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.errors import BadInputError, ConflictError, NotAllowedError, NotFoundError
from orchestrator.core.external import (
    EXTERNAL_KINDS,
    TREE_KIND,
    VENDOR_KINDS,
    VENDOR_SYSTEM,
    vendor_task,
)
from orchestrator.core.ids import is_whole_id
from orchestrator.core.query import TaskQuery
from orchestrator.core.status import Status
from orchestrator.monitor.external import external_view
from orchestrator.monitor.shapes import ExternalList, ExternalView

BEGINNING = (Status.READY, Status.RUNNING)
LOOK_AGAIN_S = 0.05
TOGETHER = 100  # reports of a bulk in one transaction
Life: TypeAlias = tuple[int | None, int | None]
"""The attempt and the claim that a report is about; None is any."""
ANY_LIFE: Life = (None, None)


class Vendors:
    """Serves vendors. A vendor's token speaks for its vendor; an admin's for all."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._orchestrator = desk.orchestrator
        self._patience_s = desk.settings.patience_s

    def register(self, caller: Caller, body: Registration) -> Handle:
        """Stores the task. Raises ConflictError when the parent takes no parts now."""
        vendor = body.vendor or caller.vendor
        if vendor is None:
            raise BadInputError("vendor: say which vendor runs the task")
        _check_speaks_for(caller, vendor)
        said = {**body.parameters(), "vendor": vendor}
        said.pop("best_effort")
        command = vendor_task(said)
        if body.parent is None:
            return self._orchestrator.submit(
                command,
                owner=vendor,
                owner_type=VENDOR_OWNED,
                submitted_by=caller.name,
                correlation_id=body.correlation_id,
            )
        return self._attach(caller, body, command, vendor)

    def _attach(self, caller: Caller, body: Registration, command: Command, vendor: str) -> Handle:
        """Waits a little for a parent that a worker is about to begin, as a report does."""
        parent, until = body.parent or "", time.monotonic() + self._patience_s
        while True:
            try:
                return self._orchestrator.attach(
                    parent,
                    command,
                    owner=vendor,
                    owner_type=VENDOR_OWNED,
                    submitted_by=caller.name,
                    vendor=caller.vendor,
                    best_effort=body.best_effort,
                )
            except NotAllowedError:
                self._find(caller, parent, external=False)  # not found, where it sees nothing
                raise
            except ConflictError:
                found = self._orchestrator.get(parent)
                begins = found.kind in EXTERNAL_KINDS and found.status in BEGINNING
                if not begins or time.monotonic() >= until:
                    raise
            self._desk.pause(LOOK_AGAIN_S)

    def tasks(
        self,
        caller: Caller,
        vendor: str | None,
        statuses: tuple[Status, ...],
        limit: int,
        cursor: str | None,
    ) -> ExternalList:
        """Gives a page of tasks, each command once."""
        if caller.vendor is not None:
            _check_speaks_for(caller, vendor or caller.vendor)
            vendor = caller.vendor
        store = self._orchestrator.store
        query = TaskQuery(
            system=VENDOR_SYSTEM,
            scope=vendor or None,
            statuses=statuses,
            limit=limit,
            cursor=cursor or None,
        )
        page = store.find_tasks(query)
        newest: dict[str, TaskEntity] = {}
        for task in page.items:  # a restarted command has had several; the first here is the latest
            newest.setdefault(task.command_id, task)
        commands = {one.command_id: one for one in store.get_all(list(newest))}
        now = store.now()
        items = [
            external_view(commands[one], task, {}, now)
            for one, task in newest.items()
            if one in commands
        ]
        return {"items": items, "next_cursor": page.cursor}

    def show(self, caller: Caller, task_id: str) -> ExternalView:
        """Gives one task. Raises NotFoundError when there is none, or the command is none."""
        command, task = self._find(caller, task_id)
        store = self._orchestrator.store
        payload = None if task else store.payload(command.command_id)
        shown = external_view(command, task, payload.parameters if payload else {}, store.now())
        if self._desk.sees(caller).sight(command) is Sight.WHOLE:
            return shown
        return {**shown, "description": command.kind, "message": None, "data": {}}

    def planned(self, task_id: str) -> list[RegisteredTask]:
        """Gives the ids of the sub-tasks that a task was registered with, as they were nested."""
        below: dict[str, list[RegisteredTask]] = {}
        tree = self._orchestrator.tree(task_id)
        for one in tree:
            below[one.command_id] = []
        for one in tree[1:]:
            if one.order >= 0 and one.parent_id in below:
                told: RegisteredTask = {
                    "id": one.command_id,
                    "description": one.label,
                    "tasks": below[one.command_id],
                }
                below[one.parent_id].append(told)
        return below[tree[0].command_id]

    def report(
        self, caller: Caller, task_id: str, news: News, life: Life = ANY_LIFE
    ) -> ExternalView:
        """Takes the news. Raises ConflictError, with what stands, when the task ended otherwise or was begun anew."""
        return self._tell(caller, _as_report(caller, self._full_id(task_id), news, life))

    def heartbeat(self, caller: Caller, task_id: str, life: Life = ANY_LIFE) -> ExternalView:
        """Renews the lease. Raises ConflictError when the task has ended, or has not begun."""
        return self._tell(caller, _as_report(caller, self._full_id(task_id), News(), life))

    def report_all(self, caller: Caller, reports: Sequence[BulkNews]) -> list[BulkAnswer]:
        """Takes many reports in few transactions; each has its own answer."""
        told = [_as_report(caller, one.id, one, ANY_LIFE) for one in reports]
        answers: list[BulkAnswer] = []
        for start in range(0, len(told), TOGETHER):
            some = told[start : start + TOGETHER]
            taken = self._orchestrator.report_external(some)
            answers += [self._in_bulk(caller, *one) for one in zip(some, taken, strict=True)]
        return answers

    def _in_bulk(self, caller: Caller, report: VendorReport, answer: Answer) -> BulkAnswer:
        try:
            task = self._answered(caller, report, answer)
        except (ConflictError, NotFoundError, NotAllowedError) as problem:
            status = STATUS[type(problem)]
            return {"id": report.command_id, "status": status, "task": None, "detail": str(problem)}
        return {"id": report.command_id, "status": 200, "task": task, "detail": None}

    def claim(self, caller: Caller, asked: Claim) -> ExternalList:
        """Gives tasks to a program, each to it alone."""
        vendor = asked.vendor or caller.vendor
        if vendor is None:
            raise BadInputError("vendor: say whose tasks")
        _check_speaks_for(caller, vendor)
        taken = self._orchestrator.claim_external(
            VendorClaim(
                vendor=vendor,
                program=asked.program or caller.name,
                topics=tuple(asked.topics),
                limit=asked.limit,
                lease_s=asked.lease_s,
                actor=caller.name,
            )
        )
        if not taken:
            self._desk.let_go()  # nothing was done: whoever asks again may get something
        items = [
            external_view(one.command, self._told(caller, one), {}, one.at)
            for one in taken
            if one.command is not None and one.at is not None
        ]
        return {"items": items, "next_cursor": None}

    def _told(self, caller: Caller, taken: Answer) -> TaskEntity | None:
        """Gives a task that was taken: with its secrets, to the vendor that is to do the work and to nobody else."""
        task = taken.task
        is_its_own = task is not None and caller.vendor == task.scope
        return (
            self._orchestrator.vault.in_plain(task, []) if task is not None and is_its_own else task
        )

    def _tell(self, caller: Caller, report: VendorReport) -> ExternalView:
        """Waits a little for a task that a worker is about to begin: vendors report at once."""
        until = time.monotonic() + self._patience_s
        while True:
            (answer,) = self._orchestrator.report_external([report])
            if answer.task is not None or not _is_beginning(answer) or time.monotonic() >= until:
                return self._answered(caller, report, answer)
            self._desk.pause(LOOK_AGAIN_S)

    def _answered(self, caller: Caller, report: VendorReport, answer: Answer) -> ExternalView:
        command, task = answer.command, answer.task
        if command is None:
            known, _ = self._find(caller, report.command_id)
            _check_speaks_for(caller, known.owner_id)
        elif task is None:
            command, task = self._find(caller, report.command_id)
            if command.kind == TREE_KIND:
                raise ConflictError(
                    f"external task {command.command_id} ({command.label}) ends as its sub-tasks do;"
                    " report on those"
                )
            if task is None:
                raise ConflictError(
                    f"external task {command.command_id} ({command.label}) is {command.status}"
                    " and has not begun; report when it is waiting"
                )
            refused = why_not_taken(
                self._orchestrator.vault, report, command, task
            )  # it was put away: nothing changes any more
            if refused is not None:
                raise ConflictError(refused)
        if answer.refused is not None:
            raise ConflictError(answer.refused)
        if command is None or task is None:
            raise ConflictError(f"external task {report.command_id} has just changed; try again")
        return external_view(command, task, {}, answer.at or self._orchestrator.store.now())

    def _full_id(self, task_id: str) -> str:
        return task_id if is_whole_id(task_id) else self._orchestrator.resolve_id(task_id)

    def _find(
        self, caller: Caller, task_id: str, *, external: bool = True
    ) -> tuple[CommandEntity, TaskEntity | None]:
        command = self._orchestrator.get(task_id)
        if self._desk.sees(caller).sight(command) is Sight.NOTHING:
            raise NotFoundError(f"there is no command {task_id}")
        tasks = self._orchestrator.tasks([command.command_id])
        task = tasks[-1] if tasks and tasks[-1].system == VENDOR_SYSTEM else None
        if task is None and external and command.kind not in VENDOR_KINDS:
            raise NotFoundError(
                f"command {command.command_id} ({command.kind}) is not an external task"
            )
        return command, task


def _check_speaks_for(caller: Caller, vendor: str) -> None:
    if caller.role is not Role.ADMIN and caller.vendor != vendor:
        raise NotAllowedError(
            f"the token {caller.name!r} speaks for the vendor {caller.vendor!r}, not for {vendor!r};"
            f" use a token of {vendor!r}, or one with the role admin"
        )


def _as_report(caller: Caller, full_id: str, news: News, life: Life) -> VendorReport:
    attempt, claim = life
    return VendorReport(
        command_id=full_id,
        vendor=caller.vendor,
        status=TaskStatus(news.status),
        progress=news.progress,
        message=news.message,
        result=news.result,
        attempt=attempt if news.attempt is None else news.attempt,
        claim=claim if news.claim is None else news.claim,
        actor=caller.name,
    )


def _is_beginning(answer: Answer) -> bool:
    return answer.command is not None and answer.command.status in BEGINNING
