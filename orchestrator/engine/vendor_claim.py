"""Gives a vendor's programs work to do: each task to one of them, for as long as it gives signs of life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from orchestrator.core.asynctask import TaskReport, TaskStatus
from orchestrator.core.entity import CLAIM_S, CLAIMED_BY, CLAIMS, HEARD_AT, TaskEntity
from orchestrator.core.external import VENDOR_SYSTEM
from orchestrator.core.query import Offer
from orchestrator.core.status import Status
from orchestrator.engine.deeds import deed_on
from orchestrator.engine.door import heard_until
from orchestrator.engine.report import LISTENING, tell
from orchestrator.engine.vendor_report import Answer, is_open
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

log = structlog.get_logger(__name__)

SPREAD = 4  # so many times as many are looked at as are wanted, so that programs do not all reach for the same


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorClaim:
    """What a program asks for: up to `limit` tasks on some topics (none: any), for `lease_s` between signs of life."""

    vendor: str
    program: str
    topics: tuple[str, ...] = ()
    limit: int = 1
    lease_s: float = 60.0
    actor: str | None = None


class VendorClaims:
    """Hands out tasks. Of programs that ask at once, no two are given the same."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def take(self, claim: VendorClaim) -> list[Answer]:
        """Gives the tasks that the program now has, each as it then is; none where there is nothing to do."""
        offer = Offer(
            system=VENDOR_SYSTEM,
            scope=claim.vendor,
            topics=claim.topics,
            at=self.writer.clock.now(),
            limit=claim.limit * SPREAD,
        )
        found = self.writer.store.offered_tasks(offer)
        if len(found) == offer.limit:  # many wait: who comes at the same time shall reach elsewhere
            found = self.writer.rng.sample(found, len(found))
        return self._take(claim, [one.command_id for one in found]) if found else []

    def _take(self, claim: VendorClaim, candidates: Sequence[str]) -> list[Answer]:
        taken: list[Answer] = []

        def take(unit: UnitOfWork) -> None:
            taken.clear()
            for command_id in candidates:
                task = unit.tx.open_task(command_id) if len(taken) < claim.limit else None
                if task is not None and self._is_free(unit, task):
                    given = _give(unit, task, claim)
                    taken.append(Answer(unit.known(command_id), given, None, unit.now))

        # All transactions take rows in one order: leaf before root.
        near = tuple(sorted(candidates, reverse=True))
        self.writer.write(Request("", work=take, near=near))
        return taken

    def _is_free(self, unit: UnitOfWork, task: TaskEntity) -> bool:
        """Looks again, now that nobody else can take it."""
        command = unit.command(task.command_id)
        if command is None or command.status not in LISTENING or not is_open(command, task):
            return False
        if task.system != VENDOR_SYSTEM or task.status is not TaskStatus.RUNNING:
            return False
        if not unit.vault.can_open(task.request):
            log.warning(
                "task_not_given", task=task.task_id, why="the key of its secrets is not set"
            )
            return False
        if task.claimed_until is None:
            return not task.has_begun
        lease = timedelta(seconds=float(task.detail[CLAIM_S]))
        is_over = task.claimed_until <= unit.now
        return is_over and heard_until(self.writer.store, lease, unit.now) is None


def _give(unit: UnitOfWork, task: TaskEntity, claim: VendorClaim) -> TaskEntity:
    command = unit.known(task.command_id)
    detail = {
        **task.detail,
        CLAIMS: task.claims + 1,
        CLAIMED_BY: claim.program,
        CLAIM_S: claim.lease_s,
        HEARD_AT: unit.now.isoformat(),
    }
    until = unit.now + timedelta(seconds=claim.lease_s)
    sign_of_life = TaskReport(
        system=task.system,
        scope=task.scope,
        task_id=task.task_id,
        status=TaskStatus.RUNNING,
        # What was said last stays, unless it was we who said that the vendor is silent.
        message=None if command.status is Status.NEEDS_ATTENTION else task.message,
        detail=detail,
    )
    if claim.actor is not None:
        unit.tx.audit(deed_on(command, claim.actor, "claim", claim.program, unit.now))
    with unit.by(claim.actor, command.root_id):
        return tell(unit, replace(task, claimed_until=until), sign_of_life)
