"""Adopts what others began outside: each task that was found gets one command, and never two."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from orchestrator.core import event as ev
from orchestrator.core.asynctask import FoundTask, TaskStatus
from orchestrator.core.entity import CommandEntity, NewCommand, Payload, TaskEntity
from orchestrator.core.errors import ContendedError, UnavailableError
from orchestrator.core.ids import root_id
from orchestrator.core.outside import OUTSIDE_KIND, OUTSIDE_OWNER, OutsideTask
from orchestrator.core.status import TaskState
from orchestrator.engine.asking import label_of
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

log = structlog.get_logger(__name__)

TOGETHER = 50  # found tasks in one transaction
CLOCKS_APART = timedelta(seconds=1)  # how much the clocks of two schedulers may differ
DESCRIPTION_LIMIT = 170  # characters; the label says besides that it was found


class Adopter:
    """Stores commands for found tasks, each in the transaction that makes sure that nobody has it yet."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def adopt(
        self, system: str, scope: str, found: Sequence[FoundTask], asked_at: datetime
    ) -> tuple[set[str], list[CommandEntity]]:
        """Adopts those that nobody has; `asked_at` is when the listing was asked for.

        Gives the outside ids that are settled (a command has them), and what became ready. The others are held
        back while a task of ours is being started there that may be the same one.
        """
        settled, ready = set[str](), list[CommandEntity]()
        for start in range(0, len(found), TOGETHER):
            together = found[start : start + TOGETHER]
            try:
                settled |= self._adopt(system, scope, together, asked_at, ready)
            except (UnavailableError, ContendedError):
                raise
            except Exception:
                for one in together:
                    settled |= self._adopt_alone(system, scope, one, asked_at, ready)
        return settled, ready

    def _adopt_alone(
        self,
        system: str,
        scope: str,
        one: FoundTask,
        asked_at: datetime,
        ready: list[CommandEntity],
    ) -> set[str]:
        """Adopts one by itself: what is wrong with it is no reason to pass the others over."""
        try:
            return self._adopt(system, scope, [one], asked_at, ready)
        except (UnavailableError, ContendedError):
            raise
        except Exception:
            external_id = one.report.external_id
            log.exception("found_not_adopted", system=system, scope=scope, task=external_id)
            return set()

    def _adopt(
        self,
        system: str,
        scope: str,
        found: Sequence[FoundTask],
        asked_at: datetime,
        ready: list[CommandEntity],
    ) -> set[str]:
        settled = set[str]()

        def take(unit: UnitOfWork) -> None:
            settled.clear()
            # First what is being started: an id that comes in between is then among those that are known.
            starting = unit.tx.starting(system, scope)
            ids = [_id_of(one) for one in found]
            known = unit.tx.same_tasks(system, scope, ids)
            for one in found:
                same = [task for task in known if _id_of(one) in (task.external_id, task.task_id)]
                if not _is_new(one, same, asked_at):
                    settled.add(_id_of(one))
                elif not _may_be_ours(one, starting):
                    _forget(unit, same)
                    _add(unit, system, scope, one)
                    settled.add(_id_of(one))

        ready.extend(self.writer.write(Request("", work=take)).ready)
        return settled


def _id_of(found: FoundTask) -> str:
    return found.report.external_id or ""


def _may_be_ours(found: FoundTask, starting: Collection[str]) -> bool:
    """Tells whether we may be about to hear that we began it."""
    return bool(starting) and (found.report.verb is None or found.report.verb in starting)


def _is_new(found: FoundTask, same: Sequence[TaskEntity], asked_at: datetime) -> bool:
    """Tells whether nobody has it: its id was never seen, or was that of a task that is over, and now runs.

    What was written after the listing was asked for knows better than the listing.
    """
    if not same:
        return True
    has_changed = any(one.changed_at > asked_at - CLOCKS_APART for one in same)
    runs = found.report.status is TaskStatus.RUNNING
    return runs and not has_changed and all(_is_over(one) for one in same)


def _is_over(task: TaskEntity) -> bool:
    """Tells whether it has ended for good. What an operator let go while it ran outside is still the same task."""
    ended = task.found and task.state is TaskState.ENDED and task.status is not TaskStatus.LOST
    return ended or task.state is TaskState.CLEARED


def _forget(unit: UnitOfWork, earlier: Sequence[TaskEntity]) -> None:
    """Clears ended tasks whose id stands for another one now."""
    over = [one for one in earlier if one.found and one.state is not TaskState.CLEARED]
    unit.tx.save_tasks([replace(one, state=TaskState.CLEARED) for one in over])


def _add(unit: UnitOfWork, system: str, scope: str, found: FoundTask) -> None:
    report, has_ended = found.report, found.report.status.has_ended
    command = OutsideTask(
        system=system,
        scope=scope,
        verb=report.verb or "",
        external_id=_id_of(found),
        description=found.description[:DESCRIPTION_LIMIT] or report.verb or _id_of(found),
        request=dict(found.request),
        started_at=found.started_at,
    )
    locks = found.locks.in_order()
    about = locks[0] if locks else None
    command_id = root_id(unit.rng.getrandbits(128))
    entity = CommandEntity(
        command_id=command_id,
        root_id=command_id,
        parent_id=None,
        kind=OUTSIDE_KIND,
        version=command.declared.version,
        label=label_of(command),
        pending=1,
        locks=() if has_ended else locks,
        entity_type=about.entity_type if about else None,
        entity_id=about.entity_id if about else None,
        owner_id=OUTSIDE_OWNER,
        owner_type=OUTSIDE_OWNER,
    )
    unit.add((NewCommand(entity, Payload(command.model_dump(mode="json"))),))
    unit.tx.insert_task(_task(unit, entity, command, found))
    unit.tell(command_id, ev.Begin())
    if not has_ended:
        unit.tell(command_id, ev.Progressed(report.progress, report.message))
    log.info("found_outside", command=command_id, system=system, scope=scope, task=_id_of(found))


def _task(
    unit: UnitOfWork, entity: CommandEntity, command: OutsideTask, found: FoundTask
) -> TaskEntity:
    report = found.report
    has_ended = report.status.has_ended
    runs_under_lease = found.lease is not None and not has_ended
    return TaskEntity(
        task_id=str(UUID(int=unit.rng.getrandbits(128), version=4)),
        command_id=entity.command_id,
        root_id=entity.root_id,
        system=command.system,
        scope=command.scope,
        verb=command.verb,
        request=dict(found.request),
        description=command.description,
        external_id=command.external_id,
        state=TaskState.ENDED if has_ended else TaskState.POLLING,
        status=report.status,
        progress=report.progress,
        message=report.message,
        result=report.result,
        detail=dict(report.detail),
        lease_s=found.lease.total_seconds() if found.lease else None,
        wake_at=unit.now + found.lease if runs_under_lease and found.lease else None,
        created_at=unit.now,
        changed_at=unit.now,
        found=True,
    )
