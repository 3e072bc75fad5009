"""Calls the one verb of a command that is due, and says what is to be written about it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from orchestrator.core import event as ev
from orchestrator.core.asynctask import AsyncTask
from orchestrator.core.catalog import Catalog, CommandType
from orchestrator.core.command import Command, Retry
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.errors import (
    ContendedError,
    OrchestratorError,
    Refused,
    TryAgain,
    UnavailableError,
    UnreadableError,
)
from orchestrator.core.ids import late_part_id
from orchestrator.core.ports import Adapter, Store
from orchestrator.core.secret import Secret
from orchestrator.core.status import Mode, Phase
from orchestrator.engine.answers import check_called, describe, task_of, value_of, wait_of
from orchestrator.engine.confided import in_plain
from orchestrator.engine.faults import Death, fault
from orchestrator.engine.keyring import MAKE_ONE
from orchestrator.engine.pauses import PauseBook
from orchestrator.engine.report import Reporter
from orchestrator.engine.supply import Supplier
from orchestrator.engine.tree import Limits, TreeBuilder
from orchestrator.engine.vault import Sealing
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Claimed, Request

log = structlog.get_logger(__name__)

UNREADABLE_AGAIN_IN = timedelta(seconds=10)
AWAY_AGAIN_IN = timedelta(seconds=1)
PAUSED_AGAIN_IN = timedelta(minutes=1)  # a resume wakes it at once
MUST_SUCCEED = Retry(attempts=6)  # `end`, `compensate` and starts are tried harder than `execute`
TASK_TIMEOUT = timedelta(hours=24)  # of async tasks where nobody declares one


@dataclass(frozen=True, slots=True)
class _Call:
    """A command that is being called, and the secrets that were opened for it."""

    claimed: Claimed
    command: Command
    known: CommandType
    kept: list[Secret[Any]]


class Caller:
    """Calls verbs. What a verb raises is data: it becomes the request to write a failure.

    That is so of anything it may raise, `SystemExit` and what is no `Exception` included: a claim whose verb left
    without a word would be called again for ever.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        reporter: Reporter,
        limits: Limits,
        rng: random.Random,
    ) -> None:
        self.catalog = catalog
        self.reporter = reporter
        self.limits = limits
        self.rng = rng
        self.vault = reporter.writer.vault
        self.supplier = Supplier(catalog, store, self.vault)
        self.pauses = PauseBook(store)
        self.adapters = {one.name: one for one in catalog.supplies if isinstance(one, Adapter)}

    def call(self, claimed: Claimed, *, continued: bool) -> Request:
        """Calls the verb that is due. `continued` says that its claim was not taken over from a crash."""
        try:
            fault("before_verb")
            request = self._call(claimed, continued=continued)
            fault("after_verb")
        except Death:
            raise
        except BaseException as problem:
            request = self._failure(claimed.command, problem)
        return request

    def not_stored(self, entity: CommandEntity, problem: Exception) -> Request:
        """Says that what came of a verb could not be written: a failed try like any other, with its reason."""
        _log_failure("outcome_not_stored", entity, problem)
        reason = f"what came of {entity.phase} could not be stored: {describe(problem)}"
        return Request(entity.command_id, ev.Failed(entity.attempt, reason, self.retry_in(entity)))

    def timeout_of(self, entity: CommandEntity) -> timedelta | None:
        """Gives how long a verb of this command may take."""
        known = entity.kind in self.catalog
        return self.catalog.of(entity.kind).command.declared.timeout if known else None

    def _call(self, claimed: Claimed, *, continued: bool) -> Request:
        entity = claimed.command
        if entity.phase in (Phase.START, Phase.START_COMPENSATE):
            return self._start(claimed, continued=continued)
        if claimed.payload.unreadable is not None:
            raise UnreadableError(claimed.payload.unreadable)
        kept: list[Secret[Any]] = []  # alive, as errors keep this frame, until all is written
        parameters = self.vault.opened(claimed.payload.parameters, kept)
        command = self.catalog.read(entity.kind, entity.version, parameters)
        known = self.catalog.of(entity.kind)
        if known.returns_secrets and not self.vault.keyring:
            raise UnreadableError(
                f"waits for a worker with a key for the secrets it returns; {MAKE_ONE}"
            )
        call = _Call(claimed, command, known, kept)
        match entity.phase:
            case Phase.EXECUTE:
                paused = self.pauses.of_command(entity) if entity.stopping is None else None
                if paused is not None:
                    later = ev.Postponed(entity.attempt, paused.words(), PAUSED_AGAIN_IN, own=True)
                    return Request(entity.command_id, later)
                return self._execute(call)
            case Phase.END:
                return self._returned(call, self._verb("end", call))
            case Phase.COMPENSATE:
                return self._returned(call, self._verb("compensate", call))
            case Phase.UNDO_PARTS:
                raise AssertionError(f"{entity.kind} was claimed while its parts are undone")

    def _verb(self, verb: str, call: _Call) -> Any:
        answer = self.supplier.call(
            verb, call.command, call.known, call.claimed.command, call.claimed.payload, call.kept
        )
        return check_called(verb, call.known, answer)

    def _execute(self, call: _Call) -> Request:
        entity, known = call.claimed.command, call.known
        if known.defines("validate"):
            try:
                self._verb("validate", call)
            except Refused as problem:
                return Request(
                    entity.command_id,
                    ev.Failed(entity.attempt, describe(problem), begun=False),
                )
        if known.defines("execute"):
            return self._returned(call, self._verb("execute", call))
        if known.plans_at_run_time:
            return self._expand(call, self._verb("plan", call))
        return Request(entity.command_id, ev.Done(entity.attempt))

    def _returned(self, call: _Call, value: Any) -> Request:
        entity, sealing = call.claimed.command, self.vault.sealing(call.kept)
        if isinstance(value, AsyncTask):
            return Request(entity.command_id, self._suspend(entity, call.known, value, sealing))
        stored = value_of(entity, call.known, value, sealing)
        return Request(entity.command_id, ev.Done(entity.attempt, stored))

    def _suspend(
        self, entity: CommandEntity, known: CommandType, task: AsyncTask[Any], sealing: Sealing
    ) -> ev.Suspended:
        longest = known.command.declared.timeout or TASK_TIMEOUT  # every wait ends
        task = task_of(entity, task, sealing, timeout=longest)
        if task.system not in self.adapters:
            raise Refused(
                f"{entity.kind} returned a task for the system {task.system!r}, and there is no such"
                f" adapter; there are {', '.join(sorted(self.adapters)) or 'none'}"
            )
        retry_in = self.retry_in(entity) if entity.phase is Phase.EXECUTE else None
        return ev.Suspended(entity.attempt, task, retry_in)

    def _expand(self, call: _Call, plan: Any) -> Request:
        claimed, entity = call.claimed, call.claimed.command
        builder = TreeBuilder(
            self.catalog,
            self.limits,
            lambda: late_part_id(entity.root_id, self.rng.getrandbits(61)),
            self.vault.sealing(call.kept),
        )
        top, *parts = builder.expand(plan, entity, claimed.payload)
        return Request(
            entity.command_id,
            ev.Expanded(entity.attempt, top.entity.mode or Mode.SEQUENCE, top.entity.parts),
            new=parts,
            work=lambda unit: unit.tx.set_payload(entity.command_id, top.payload),
        )

    def _start(self, claimed: Claimed, *, continued: bool) -> Request:
        """Asks the adapter to start the stored task, or to find it if it may have been started."""
        entity, task = claimed.command, claimed.task
        if task is None:
            raise Refused(f"the async task of {entity.command_id} is gone")
        # The claim before this one found that nothing had reached the system. A claim that died leaves no such note.
        is_untouched = task.untouched_at == entity.attempt - 1
        if is_untouched and entity.stopping is not None:
            return self._untouched(entity, task, timedelta(0), "it was not begun")
        again = not continued and not is_untouched
        may_wait = not again and entity.stopping is None and entity.phase is Phase.START
        paused = self.pauses.of_task(task) if may_wait else None
        if paused is not None:
            given = PAUSED_AGAIN_IN  # a pause does not eat up the time that the task has
            return self._untouched(entity, task, PAUSED_AGAIN_IN, paused.words(), given=given)
        fault("before_start")
        kept: list[Secret[Any]] = []
        ref = in_plain(self.vault, task.ref(), kept)
        try:
            report = self.adapters[task.system].start(ref, again=again)
        except TryAgain as problem:
            if again or not problem.untouched:
                raise
            again_in, reason = wait_of(problem)
            return self._untouched(entity, task, again_in, reason)
        fault("after_start")
        return Request(
            entity.command_id,
            ev.Started(entity.attempt),
            before=lambda unit: self.reporter.note(unit, task.task_id, report),
        )

    def _untouched(
        self,
        entity: CommandEntity,
        task: TaskEntity,
        again_in: timedelta,
        reason: str,
        *,
        given: timedelta = timedelta(0),
    ) -> Request:
        def note(unit: UnitOfWork) -> None:
            now = unit.tx.open_task(entity.command_id)  # a stop may have been noted in it meanwhile
            if now is not None and now.task_id == task.task_id:
                unit.tx.save_tasks((now.noted_untouched(entity.attempt).given(given),))

        return Request(
            entity.command_id,
            ev.Postponed(entity.attempt, reason, again_in, untouched=True),
            before=note,
        )

    def _failure(self, entity: CommandEntity, problem: BaseException) -> Request:
        attempt = entity.attempt
        match problem:
            case UnreadableError():
                event: ev.Event = ev.Postponed(
                    attempt, describe(problem), UNREADABLE_AGAIN_IN, own=True
                )
            case UnavailableError() | ContendedError():  # our outage is no verdict on the command
                event = ev.Postponed(attempt, describe(problem), AWAY_AGAIN_IN, own=True)
            case TryAgain():
                again_in, reason = wait_of(problem)
                event = ev.Postponed(attempt, reason, again_in)
            case Refused() | OrchestratorError():
                event = ev.Failed(attempt, describe(problem), refused=True)
            case _:
                _log_failure("verb_raised", entity, problem)
                event = ev.Failed(attempt, describe(problem), self.retry_in(entity))
        return Request(entity.command_id, event)

    def retry_in(self, entity: CommandEntity) -> timedelta | None:
        """Gives when a verb that raised is called again; None when it shall not be."""
        retry = self.catalog.of(entity.kind).command.declared.retry
        if entity.phase is not Phase.EXECUTE and retry.attempts < MUST_SUCCEED.attempts:
            retry = MUST_SUCCEED
        failures = entity.tries + 1
        return retry.delay(failures, self.rng.random()) if failures < retry.attempts else None


def _log_failure(what: str, entity: CommandEntity, problem: BaseException) -> None:
    try:
        log.warning(
            what,
            command=entity.command_id,
            kind=entity.kind,
            phase=entity.phase.value,
            exc_info=problem,
        )
    except (
        Exception
    ):  # an error that cannot be printed must not keep its claim from being given back
        log.warning(what, command=entity.command_id, error=type(problem).__name__)
