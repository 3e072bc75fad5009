"""Pauses and resumes: what runs goes on, nothing new is begun, and what slept because of it wakes at once."""

from __future__ import annotations

import time
from collections.abc import Sequence

from orchestrator.core import event as ev
from orchestrator.core.audit import Deed
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.core.pause import PAUSED, Pause, PauseOf, read_subject, subject_of
from orchestrator.core.ports import Store
from orchestrator.core.status import FINAL, Status
from orchestrator.engine.deeds import deed_on
from orchestrator.engine.storable import stored_size
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

FRESH_S = 1.0
TOGETHER = 100  # commands woken in one transaction


class PauseBook:
    """What is paused, as this process last read it: at most a second ago while it begins things."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Pause] = {}
        self._read_at = float("-inf")
        self.fresh_s = FRESH_S

    def of_command(self, command: CommandEntity) -> Pause | None:
        """Gives the pause that keeps a command from being begun."""
        tree = subject_of(PauseOf.COMMAND, command.root_id)
        return self._standing(tree, subject_of(PauseOf.KIND, command.kind))

    def of_task(self, task: TaskEntity) -> Pause | None:
        """Gives the pause that keeps a task from being started outside."""
        return self._standing(subject_of(PauseOf.SCOPE, f"{task.system}/{task.scope}"))

    def _standing(self, *subjects: str) -> Pause | None:
        known = self._read(self.fresh_s)
        if known.keys().isdisjoint(subjects):
            return None
        # Whoever was woken by a resume just now must not go back to sleep by what was read before it.
        known = self._read(0.0)
        return next((known[one] for one in subjects if one in known), None)

    def _read(self, fresh_s: float) -> dict[str, Pause]:
        now = time.monotonic()
        if now - self._read_at >= fresh_s:
            self._known = {one.subject: one for one in self._store.pauses()}
            self._read_at = now
        return self._known


class Pauser:
    """Carries out what operators order."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def pause(self, subject: str, reason: str, *, actor: str) -> None:
        """Has nothing of the subject be begun. Paused again, it bears the newer name and reason.

        Raises BadInputError for what is no subject, NotFoundError or ConflictError for a command that cannot be paused.
        """
        of, name = read_subject(subject)
        try:
            stored_size([subject, reason])
        except ValueError as problem:
            raise BadInputError(f"the pause cannot be stored: {problem}") from problem

        def note(unit: UnitOfWork) -> None:
            command = _check_pausable(unit, name) if of is PauseOf.COMMAND else None
            whole = Pause(subject=f"{of}:{name}", by=actor, reason=reason, at=unit.now)
            unit.tx.pause(whole)
            unit.tx.audit(_deed(command, whole.subject, actor, "pause", reason, unit))

        self.writer.write(Request("", work=note))

    def resume(self, subject: str, reason: str, *, actor: str) -> list[CommandEntity]:
        """Takes a pause back; gives what became ready by it. Raises NotFoundError when there is none."""
        of, name = read_subject(subject)

        def strike(unit: UnitOfWork) -> None:
            if not unit.tx.unpause(f"{of}:{name}"):
                raise NotFoundError(f"{of}:{name} is not paused")
            command = unit.command(name) if of is PauseOf.COMMAND else None
            unit.tx.audit(_deed(command, f"{of}:{name}", actor, "resume", reason, unit))

        self.writer.write(Request("", work=strike))
        return self._wake(self.writer.store.sleeping(of, name))

    def _wake(self, ids: Sequence[str]) -> list[CommandEntity]:
        ready: list[CommandEntity] = []
        for start in range(0, len(ids), TOGETHER):
            some = ids[start : start + TOGETHER]

            def wake(unit: UnitOfWork, some: Sequence[str] = some) -> None:
                for command_id in some:
                    command = unit.command(command_id)
                    if command is not None and _sleeps_for_it(command):
                        unit.tell(command_id, ev.Woken())

            ready += self.writer.write(Request("", work=wake, near=tuple(some))).ready
        return ready


def _sleeps_for_it(command: CommandEntity) -> bool:
    return command.status is Status.DELAYED and (command.message or "").startswith(PAUSED)


def _check_pausable(unit: UnitOfWork, command_id: str) -> CommandEntity:
    command = unit.command(command_id)
    if command is None:
        raise NotFoundError(f"there is no command {command_id}")
    if not command.is_root:
        raise ConflictError(
            f"command {command_id} ({command.kind}) is a part of {command.root_id}; pause that"
        )
    if command.status in FINAL:
        raise ConflictError(
            f"command {command_id} ({command.kind}) is {command.status}; there is nothing to pause"
        )
    return command


def _deed(
    command: CommandEntity | None,
    subject: str,
    actor: str,
    verb: str,
    reason: str,
    unit: UnitOfWork,
) -> Deed:
    if command is not None:
        return deed_on(command, actor, verb, reason, unit.now)
    return Deed(actor=actor, verb=verb, at=unit.now, reason=reason, subject=subject)
