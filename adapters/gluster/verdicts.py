"""Judges a task: what Gluster's list and counters mean for the command that waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from adapters.gluster.tasks import Counters, ListedTask, NodePart, TaskCode, TaskDetail, TaskKind
from orchestrator import AsyncTaskRef, TaskReport, TaskStatus

NAME = "gluster"

LEFT_BEHIND = "left_behind"
"""In a report's detail: the task ended badly, and its volume waits for a commit or a stop."""

BEGUN = "begun"
"""In a report's detail: whether a restarted command goes on with its task or has begun anew."""

_FROZEN = "frozen_since"
_KINDS = frozenset(TaskKind)


def judge(
    scope: str, listed: ListedTask, detail: TaskDetail | None, ref: AsyncTaskRef | None = None
) -> TaskReport:
    """Gives the report on a listed task.

    Without counters nothing that has completed is called a success, because Gluster says
    "completed" also when files failed; the task then counts as running until its counters can be
    read.
    """
    counters = detail.counters if detail else None
    code = detail.code if detail else listed.code  # read later, and together with the counters
    status = _status(code, counters)
    facts: dict[str, Any] = dict(ref.detail) if ref else {}
    facts |= {"volume": listed.volume, "bricks": list(listed.bricks)}
    facts |= {"type": listed.kind.for_engines, "status": code.for_engines}
    if detail:
        facts |= _told(detail, listed.volume)
        facts.pop(_FROZEN, None)
    if listed.kind is TaskKind.REMOVE_BRICKS and status in (TaskStatus.FAILED, TaskStatus.ABORTED):
        facts[LEFT_BEHIND] = True
    return TaskReport(
        system=NAME,
        scope=scope,
        status=status,
        task_id=ref.task_id if ref else None,
        external_id=listed.task_id,
        verb=str(listed.kind),
        progress=_progress(detail) if status is TaskStatus.RUNNING else None,
        message=_message(code, detail, status, listed.volume) + _begun(facts, status),
        result=counters.as_json() if counters and status.has_ended else None,
        detail=facts,
    )


def judge_absent(ref: AsyncTaskRef, stopped: TaskDetail | None) -> TaskReport:
    """Gives the report on a task that a listing of its volume no longer shows.

    Gluster forgets what was stopped. `stopped` is the answer to our own stop, if we gave it: it may
    say that a rebalance was quicker. A removal that was stopped is undone, completed or not.
    """
    counters = stopped.counters if stopped else None
    volume = str(ref.request.get("volume") or ref.detail.get("volume"))
    facts: dict[str, Any] = {**ref.detail, "volume": volume}
    if ref.verb in _KINDS:
        facts["type"] = TaskKind(ref.verb).for_engines
    if stopped is None:
        status = TaskStatus.LOST
        message = "Gluster no longer lists this task: somebody stopped, committed or replaced it"
    else:
        facts |= {"status": stopped.code.for_engines, **_told(stopped, volume)}
        was_quicker = stopped.code.is_completed and ref.verb == TaskKind.REBALANCE
        status = _status(stopped.code, counters) if was_quicker else TaskStatus.ABORTED
        message = _message(stopped.code, stopped, status, volume)
        if status is TaskStatus.ABORTED:
            facts["status"] = "ABORTED"
            message += f"; {names_may_be_lost(volume)}"
    return TaskReport(
        system=NAME,
        scope=ref.scope,
        status=status,
        task_id=ref.task_id,
        external_id=ref.external_id,
        verb=ref.verb,
        message=message,
        result=counters.as_json() if counters else ref.detail.get("counters"),
        detail=facts,
    )


def names_may_be_lost(volume: str) -> str:
    """Gives the warning that goes with a stop and with a commit.

    On a real Gluster fresh mounts did not find hundreds of files by name that lay on the bricks,
    until a rebalance had completed.
    """
    return (
        f"fresh mounts of {volume} may not find all files by name until a rebalance has completed: "
        "run gluster.volume.rebalance"
    )


def unless_frozen(
    report: TaskReport, ref: AsyncTaskRef, *, now: datetime, patience: timedelta
) -> TaskReport | None:
    """Gives the report; of a standstill it speaks once, and then says nothing.

    A rebalance daemon that was killed may be shown as "in progress" for ever. A living one counts
    its seconds even while it copies one large file, so counters and seconds that both stand still
    mean that nobody is at work. That is not an ending (glusterd may start a new daemon for the same
    task when it restarts), so nothing is concluded here: no news is passed on as no news, the
    task's lease runs out, and the command's `when_silent` decides.
    """
    if report.status is not TaskStatus.RUNNING or not _same_counters(report.detail, ref.detail):
        return report
    if _FROZEN in ref.detail:
        return None
    if now - ref.changed_at < patience:
        return report
    since = ref.changed_at.isoformat(timespec="seconds")
    return TaskReport(
        system=report.system,
        scope=report.scope,
        status=report.status,
        task_id=report.task_id,
        external_id=report.external_id,
        verb=report.verb,
        message=f"no movement since {since}; its daemon may be dead",
        detail={**report.detail, _FROZEN: since},
    )


def _same_counters(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return "counters" in new and new["counters"] == old.get("counters")


def _status(code: TaskCode, counters: Counters | None) -> TaskStatus:
    match code:
        case TaskCode.COMPLETED | TaskCode.FIX_LAYOUT_COMPLETED:
            if counters is None:
                return TaskStatus.RUNNING
            return TaskStatus.FAILED if counters.failures else TaskStatus.SUCCEEDED
        case TaskCode.STOPPED | TaskCode.FIX_LAYOUT_STOPPED:
            return TaskStatus.ABORTED
        case _ if code.is_running:
            return TaskStatus.RUNNING
        case _:
            return TaskStatus.FAILED


def _message(code: TaskCode, detail: TaskDetail | None, status: TaskStatus, volume: str) -> str:
    if detail is None:
        return code.in_words
    counters = detail.counters
    message = f"{code.in_words}: {counters}"
    if code.is_completed and status is TaskStatus.FAILED:
        message = f"completed, but not all files could be moved: {counters}"
    if status is TaskStatus.RUNNING:
        if counters.rate:
            message += f", {counters.rate}"
        if detail.left_s is not None:
            message += f", {timedelta(seconds=detail.left_s)} left"
    failed = [one for one in detail.nodes if _has_failed(one)]
    if failed and status is not TaskStatus.SUCCEEDED:
        parts = (
            f"{one.node} {one.code.in_words} with {one.counters.failures} failures"
            for one in failed
        )
        message += f"; {', '.join(parts)}; why is in {_log(volume)} there"
    return message


def _begun(facts: Mapping[str, Any], status: TaskStatus) -> str:
    """Gives what a restarted command did: said as long as it runs, as polls come and go."""
    begun = facts.get(BEGUN) if status is TaskStatus.RUNNING else None
    return f"; {begun}" if begun else ""


def _has_failed(part: NodePart) -> bool:
    return part.counters.failures > 0 or part.code.for_engines == "FAILED"


def _told(detail: TaskDetail, volume: str) -> dict[str, Any]:
    """Gives what a task's own answer adds to the detail; `log` is where a node tells why it failed."""
    facts: dict[str, Any] = {
        "gluster_status": detail.code.in_words,
        "counters": detail.counters.as_json(),
        "nodes": [
            {
                "node": one.node,
                "status": one.code.for_engines,
                "gluster_status": one.code.in_words,
                **one.counters.as_json(),
                **({"log": _log(volume)} if _has_failed(one) else {}),
            }
            for one in detail.nodes
        ],
    }
    return facts if detail.left_s is None else {**facts, "left_s": detail.left_s}


def _log(volume: str) -> str:
    return f"/var/log/glusterfs/{volume}-rebalance.log"


def _progress(detail: TaskDetail | None) -> float | None:
    """Gives how far a task is by the time that Gluster says it will still take."""
    if detail is None or detail.left_s is None:
        return None
    return detail.counters.runtime_s / max(detail.counters.runtime_s + detail.left_s, 1.0)
