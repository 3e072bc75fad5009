"""The operators' verbs: stop, restart, skip, resolve. Each leaves a row in the audit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.core import event as ev
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.core.outside import OUTSIDE_KIND
from orchestrator.core.status import FINAL, Outcome, Phase, Status, TaskState
from orchestrator.engine.deeds import deed_on
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

SKIPPABLE = (Status.PENDING, Status.BLOCKED, Status.READY, Status.DELAYED, Status.NEEDS_ATTENTION)


class Control:
    """Carries out what operators order. Every verb gives the commands that became ready by it."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def stop(
        self, command_id: str, reason: str, *, actor: str, outcome: Outcome = Outcome.STOPPED
    ) -> list[CommandEntity]:
        """Stops a command and everything below it; what was done is undone.

        Raises ConflictError when it has ended.
        """
        command = self._get(command_id)
        if command.status.is_final:
            raise ConflictError(
                f"command {command_id} ({command.kind}) has {_words(command)}; there is nothing to stop"
            )
        if command.phase in (Phase.END, Phase.COMPENSATE, Phase.START_COMPENSATE, Phase.UNDO_PARTS):
            raise ConflictError(
                f"command {command_id} ({command.kind}) is being ended or undone already;"
                " wait, or resolve it if it needs attention"
            )
        return self._write(command, "stop", ev.Stop(outcome, reason), reason, actor)

    def expire(self, command_id: str, reason: str, *, actor: str) -> list[CommandEntity]:
        """Ends a root that is late. What is being ended or undone already is not waited for without end."""
        command = self._get(command_id)
        return self._write(command, "stop", ev.Stop(Outcome.FAILED, reason), reason, actor)

    def skip(self, command_id: str, reason: str, *, actor: str) -> list[CommandEntity]:
        """Goes on without a command, or without the end or undo that it is stuck in."""
        command = self._get(command_id)
        if command.status not in SKIPPABLE:
            raise ConflictError(
                f"command {command_id} ({command.kind}) {_words(command)}; only one that has not begun,"
                " or needs attention, can be skipped"
            )
        return self._write(
            command, "skip", ev.Skip(reason), reason, actor, prepare=_check_no_part_runs
        )

    def resolve(
        self, command_id: str, outcome: Outcome, reason: str, *, actor: str, value: Any = None
    ) -> list[CommandEntity]:
        """Says how a command came out that needs attention, or whose verb does not come back after a stop."""
        command = self._get(command_id)
        if not can_be_resolved(command):
            way = (
                "; stop it first, and resolve it should its verb not come back"
                if command.status is Status.RUNNING
                else "; only one that needs attention can be resolved"
            )
            raise ConflictError(f"command {command_id} ({command.kind}) {_words(command)}{way}")
        stored = self.writer.vault.sealed_result(command.kind, value)
        return self._write(command, "resolve", ev.Resolve(outcome, reason, stored), reason, actor)

    def restart(
        self, command_id: str, reason: str, *, actor: str, from_part: str | None = None
    ) -> list[CommandEntity]:
        """Tries again what is stuck, or begins a failed or stopped root anew.

        What had been done and was not undone stays done; with `from_part`, a part of its sequence, only what stands
        before that. Raises ConflictError for any other command.
        """
        command = self._get(command_id)
        if command.kind == OUTSIDE_KIND:
            raise ConflictError(
                f"command {command_id} ({command.kind}) was begun outside and cannot be restarted here;"
                " begin it again where it was begun, and it is found again"
            )
        if command.status is Status.NEEDS_ATTENTION and from_part is None:
            return self._write(
                command, "restart", ev.Restart(reason), reason, actor, prepare=_check_is_wanted
            )
        if command.status not in (Status.FAILED, Status.STOPPED):
            raise ConflictError(
                f"command {command_id} ({command.kind}) {_words(command)}; only a failed or stopped"
                " one, or one that needs attention, can be restarted"
            )
        if not command.is_root:
            raise ConflictError(
                f"command {command_id} ({command.kind}) is a part of {command.root_id};"
                " restart that, it goes on where it failed"
            )
        start = None if from_part is None else self._place_of(command, from_part)

        def reset(unit: UnitOfWork, root: CommandEntity) -> None:
            _reset_what_was_not_done(unit, root, start)

        return self._write(command, "restart", ev.Restart(reason), reason, actor, prepare=reset)

    def _place_of(self, command: CommandEntity, part_id: str) -> int:
        """Gives the place of a planned part in its sequence. Raises BadInputError for any other."""
        part = self._get(part_id)
        if part.parent_id != command.command_id or not part.in_sequence or part.order < 0:
            raise BadInputError(
                f"from_part: command {part_id} ({part.kind}) is no part of the sequence of"
                f" {command.command_id} ({command.kind})"
            )
        return part.order

    def clear(self, command_id: str, reason: str, *, actor: str) -> None:
        """Has the system outside forget an ended task that somebody else began; the scheduler asks it to.

        Raises ConflictError when there is nothing to be cleared, BadInputError without a reason.
        """
        command = self._get(command_id)
        what = f"command {command_id} ({command.kind})"
        if command.kind != OUTSIDE_KIND or not command.status.is_final:
            raise ConflictError(
                f"{what} {_words(command)}; only the task of an ended one that was found outside can be"
                " cleared, all others are cleared by themselves"
            )
        if not reason.strip():
            raise BadInputError(f"{what}: somebody else began its task; give a reason to clear it")

        def order(unit: UnitOfWork) -> None:
            task = unit.tx.open_task(command_id)
            if task is None or task.state is TaskState.ATTEMPTING_END_ACTION:
                how = "is being cleared" if task else "is not there any more"
                raise ConflictError(f"{what}: its task {how}; there is nothing to clear")
            unit.tx.audit(deed_on(command, actor, "clear", reason, unit.now))
            unit.tx.save_tasks((replace(task, state=TaskState.ATTEMPTING_END_ACTION),))

        self.writer.write(Request("", work=order))

    def _get(self, command_id: str) -> CommandEntity:
        command = self.writer.store.get(command_id)
        if command is None:
            raise NotFoundError(f"there is no command {command_id}")
        return command

    def _write(
        self,
        command: CommandEntity,
        verb: str,
        event: ev.Event,
        reason: str,
        actor: str,
        prepare: Any = None,
    ) -> list[CommandEntity]:
        def order(unit: UnitOfWork) -> None:
            unit.tx.audit(deed_on(command, actor, verb, reason, unit.now))
            with unit.by(actor, command.root_id):
                if prepare is not None:
                    prepare(unit, command)
                unit.tell(command.command_id, event)

        request = Request("", work=order, near=(command.command_id,))
        return self.writer.write(request).ready


def can_be_resolved(command: CommandEntity) -> bool:
    """Tells whether an operator may say how it came out: nobody else will, or perhaps never."""
    if command.status is not Status.RUNNING:
        return command.status is Status.NEEDS_ATTENTION
    return command.stopping is not None or command.phase not in (Phase.EXECUTE, Phase.START)


def _check_is_wanted(unit: UnitOfWork, seen: CommandEntity) -> None:
    """What is part of something that is being stopped is not begun again; an end or undo of it is."""
    command = unit.command(seen.command_id)
    parent = unit.command(command.parent_id) if command and command.parent_id else None
    if command and parent and parent.stopping and command.phase is Phase.EXECUTE:
        raise ConflictError(
            f"command {command.command_id} ({command.kind}) is part of {parent.command_id}, which is being"
            " stopped, so it is not begun again; find out how it came out, and resolve or skip it"
        )


def _check_no_part_runs(unit: UnitOfWork, seen: CommandEntity) -> None:
    """A command ends after its parts: those that a vendor added to it may run while it is stuck."""
    command = unit.command(seen.command_id)
    if command is None or not command.parts or command.status is not Status.NEEDS_ATTENTION:
        return
    if command.phase is Phase.EXECUTE and command.pending > 1:  # its own task counts for one
        raise ConflictError(
            f"command {command.command_id} ({command.kind}) cannot be skipped while parts of it are"
            " under way; stop it, or resolve it and it ends after them"
        )


def _reset_what_was_not_done(
    unit: UnitOfWork, root: CommandEntity, start: int | None = None
) -> None:
    """Resets, in a sequence, all from the first part that is not done, or `start`; side by side, what is not done."""
    parts = unit.tx.parts(root.command_id, FINAL)
    planned = [one for one in parts if one.order >= 0]
    undone = [one for one in planned if one.status is not Status.SUCCEEDED]
    first = next((one.order for one in undone if not one.best_effort), None)
    if start is not None:
        before = [one for one in undone if not one.best_effort and one.order < start]
        if any(one.status is not Status.SKIPPED for one in before):
            raise ConflictError(
                f"command {root.command_id} ({root.kind}) cannot be restarted there: {before[0].label} comes"
                f" before it and is {before[0].status}; restart from that part, or from none"
            )
        first = start
        undone = [one for one in undone if one not in before]
        planned = [one for one in planned if one.order >= start or one in undone]
    for part in planned:
        follows = first is not None and part.in_sequence and part.order > first
        begins = start is not None and part.order == start
        if part in undone or follows or begins:
            unit.tell(part.command_id, ev.Reset())


def _words(command: CommandEntity) -> str:
    status = command.status.value.replace("_", " ")
    return status if command.status.is_final else f"is {status}"
