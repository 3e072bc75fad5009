"""From entities to the JSON that people and programs see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, overload

from orchestrator.core.audit import Deed
from orchestrator.core.entity import CommandEntity, TaskEntity, Transition
from orchestrator.core.ids import short
from orchestrator.core.locks import LockRow
from orchestrator.core.ports import ScopeNote, Trouble, WorkerRow
from orchestrator.core.progress import note_on, progress_of
from orchestrator.core.sealed import masked
from orchestrator.monitor.actions import actions, refusals
from orchestrator.monitor.shapes import (
    CommandView,
    DeedView,
    EventView,
    LockView,
    ScopeView,
    StuckPart,
    TaskView,
    TroubleView,
    WorkerView,
)

MOST_RUNNING = 10  # of what a worker is working on: enough to go there


@overload
def instant(at: datetime) -> str: ...
@overload
def instant(at: datetime | None) -> str | None: ...
def instant(at: datetime | None) -> str | None:
    """Gives a time as ISO-8601 in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat()


def command_view(
    command: CommandEntity,
    over_leaves: float | None,
    names: Mapping[str, str],
    stuck_part: CommandEntity | None = None,
) -> CommandView:
    """Gives a command; `names` are those of the workers by id."""
    about = command.entity_id and f"{command.entity_type}:{command.entity_id}"
    return {
        "id": command.command_id,
        "short_id": short(command.command_id),
        "root_id": command.root_id,
        "parent_id": command.parent_id,
        "kind": command.kind,
        "version": command.version,
        "label": command.label,
        "status": command.status.value,
        "phase": command.phase.value,
        "mode": command.mode and command.mode.value,
        "best_effort": command.best_effort,
        "order": command.order,
        "parts": command.parts,
        "pending": command.pending,
        "progress": progress_of(command, over_leaves),
        "progress_note": note_on(command),
        "outcome": command.outcome and command.outcome.value,
        "stopping": command.stopping and command.stopping.value,
        "message": command.message,
        "owner": command.owner_id,
        "owner_type": command.owner_type,
        "entity": about or None,
        "correlation_id": command.correlation_id,
        "attempt": command.attempt,
        "tries": command.tries,
        "worker": worker_name(command.worker_id, names),
        "wake_at": instant(command.wake_at),
        "deadline": instant(command.deadline),
        "created_at": instant(command.created_at),
        "start_time": instant(command.start_time),
        "end_time": instant(command.end_time),
        "last_update_time": instant(command.last_update_time),
        "revision": command.revision,
        "weight": command.weight,
        "stuck": command.stuck,
        "stuck_part": None if stuck_part is None else _stuck_part(stuck_part),
        "actions": actions(command),
        "refused": refusals(command),
    }


def _stuck_part(command: CommandEntity) -> StuckPart:
    return {
        "id": command.command_id,
        "short_id": short(command.command_id),
        "label": command.label,
        "message": command.message,
    }


def worker_name(worker_id: str | None, names: Mapping[str, str]) -> str | None:
    """Gives a worker's name, or its id once it has been struck off the register."""
    return None if worker_id is None else names.get(worker_id, worker_id)


def task_view(task: TaskEntity) -> TaskView:
    """Gives an async task."""
    return {
        "task_id": task.task_id,
        "system": task.system,
        "scope": task.scope,
        "verb": task.verb,
        "description": task.description,
        "external_id": task.external_id,
        "state": task.state.value,
        "status": task.status.value,
        "progress": task.progress,
        "message": task.message,
        "detail": dict[str, Any](masked(task.detail)),
        "stop_requested": task.stop_requested,
        "created_at": instant(task.created_at),
        "changed_at": instant(task.changed_at),
        "deadline": instant(task.deadline),
    }


def lock_view(row: LockRow) -> LockView:
    """Gives a lock that is held or waited for."""
    return {
        "entity": str(row.lock),
        "mode": row.lock.mode.value,
        "held": row.held,
        "command_id": row.command_id,
        "root_id": row.root_id,
        "since": instant(row.since),
    }


def scope_view(scope: str, note: ScopeNote | None, open_tasks: int, found: int) -> ScopeView:
    """Gives how a scope answered when it was asked last, and how many tasks are open there."""
    return {
        "scope": scope,
        "answers": None if note is None else note.problem is None,
        "asked_at": None if note is None else instant(note.asked_at),
        "problem": None if note is None else note.problem,
        "problem_since": None if note is None else instant(note.problem_since),
        "open_tasks": open_tasks,
        "found": found,
    }


def trouble_view(adapter: str, trouble: Trouble) -> TroubleView:
    """Gives what keeps an adapter from a part of its system."""
    return {
        "adapter": adapter,
        "scope": trouble.scope,
        "place": trouble.place,
        "problem": trouble.problem,
        "advice": trouble.advice,
    }


def event_view(event: Transition, names: Mapping[str, str]) -> EventView:
    """Gives a row of the event log."""
    return {
        "seq": event.seq,
        "command_id": event.command_id,
        "root_id": event.root_id,
        "revision": event.revision,
        "path": [status.value for status in event.path],
        "status": event.path[-1].value,
        "phase": event.phase.value,
        "causes": list(event.causes),
        "attempt": event.attempt,
        "worker": worker_name(event.worker_id, names),
        "message": event.message,
        "progress": event.progress,
        "at": instant(event.at),
        "actor": event.actor,
        "deed": deed_sentence(event),
    }


DONE = {
    "Stop": "stopped it",
    "Restart": "restarted it",
    "Reset": "restarted it",
    "Skip": "skipped it",
    "Resolve": "said how it came out",
    "PartAdded": "added a part",
    "TaskEnded": "reported its end",
    "TaskSilent": "gave it up",
    "Progressed": "reported on it",
    "Begin": "submitted it",
}


def deed_sentence(event: Transition) -> str | None:
    """Gives what somebody did to the command, with the reason; None where nobody did."""
    done = next((DONE[one] for one in event.causes if one in DONE), None)
    if event.actor is None or done is None:
        return None
    return f"{event.actor} {done}: {event.message}" if event.message else f"{event.actor} {done}"


def deed_view(deed: Deed) -> DeedView:
    """Gives a row of the audit."""
    return {
        "number": deed.number,
        "at": instant(deed.at),
        "actor": deed.actor,
        "verb": deed.verb,
        "subject": deed.subject,
        "reason": deed.reason,
        "command_id": deed.command_id,
        "root_id": deed.root_id,
        "entity": deed.entity,
    }


def worker_view(row: WorkerRow, now: datetime, claimed: Sequence[CommandEntity]) -> WorkerView:
    """Gives a worker."""
    return {
        "worker_id": row.worker_id,
        "name": row.name,
        "role": row.role,
        "host": row.host,
        "pid": row.pid,
        "started_at": instant(row.started_at),
        "alive_until": instant(row.alive_until),
        "alive": row.alive_until > now,
        "kinds": list(row.kinds),
        "claims": len(claimed),
        "running": [
            {"id": one.command_id, "label": one.label or one.kind} for one in claimed[:MOST_RUNNING]
        ],
    }
