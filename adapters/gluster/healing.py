"""The work that ends with a heal: a brick replaced, a brick reset, a volume healed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

from adapters.gluster.bricks import Bricks
from adapters.gluster.cli import GlusterCli, GlusterRefused
from adapters.gluster.heal import Heals, Look
from adapters.gluster.mark import MarkWatch
from adapters.gluster.tasks import HealResult
from adapters.gluster.verdicts import NAME
from adapters.gluster.xml import read_volumes
from orchestrator import AsyncTask, AsyncTaskRef, Refused, TaskReport, TaskStatus, TryAgain

REPLACE = "replace_brick"
RESET = "reset_brick"
HEAL = "heal"
HEAL_VERBS = frozenset({REPLACE, RESET, HEAL})

_ENGINE_STATUS = {
    TaskStatus.RUNNING: "RUNNING",
    TaskStatus.SUCCEEDED: "COMPLETED",
    TaskStatus.LOST: "UNKNOWN",
}
"""How oVirt's engine calls what a heal can be."""


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> datetime: ...


class Healing(Bricks):
    """Describes such work, starts it and follows it. Gluster lists no task of it."""

    def __init__(self, cli: GlusterCli, *, cluster: str, lease: timedelta, now: Clock) -> None:
        super().__init__(cli)
        self._cluster = cluster
        self._lease = lease
        self._heals = Heals(cli, now)

    @property
    def cluster(self) -> str:
        """The cluster's name: the scope of its tasks."""
        return self._cluster

    def replace(
        self, volume: str, old: str, new: str, *, is_lost: bool = False
    ) -> AsyncTask[HealResult]:
        """Describes putting an empty brick in the place of another, until it has been healed.

        `is_lost` says that the old one is gone for good, with whatever only it held. A replacement
        cannot be taken back, and a heal cannot be stopped: a stop waits for its end.
        """
        return AsyncTask(
            system=NAME,
            scope=self._cluster,
            verb=REPLACE,
            request={"volume": volume, "old": old, "new": new, "is_lost": is_lost},
            description=f"Replace {old} of volume {volume} by {new}, and heal it",
            lease=self._lease,
        )

    def reset(self, volume: str, brick: str) -> AsyncTask[HealResult]:
        """Describes taking a brick back into use, empty, in its old place, until it is healed."""
        return AsyncTask(
            system=NAME,
            scope=self._cluster,
            verb=RESET,
            request={"volume": volume, "new": brick},
            description=f"Take {brick} of volume {volume} back into use, and heal it",
            lease=self._lease,
        )

    def heal(self, volume: str, *, full: bool = False) -> AsyncTask[HealResult]:
        """Describes the heal of a volume: of what is marked, or with `full` of every file."""
        return AsyncTask(
            system=NAME,
            scope=self._cluster,
            verb=HEAL,
            request={"volume": volume, "full": full},
            description=f"Heal volume {volume}",
            lease=self._lease,
        )

    def _start_heal(self, task: AsyncTaskRef) -> TaskReport:
        volume, new = str(task.request["volume"]), task.request.get("new")
        detail: dict[str, Any] = {"volume": volume, "bricks": [new] if new else []}
        is_new = True
        if new is None:
            self._refuse_unless_healable(volume)
            detail["full"] = bool(task.request.get("full"))
        else:
            info, old = self.volume_info(volume), str(task.request.get("old", new))
            is_new = old in info.bricks
            with MarkWatch(self._cli, info, old) as mark:
                if task.verb == REPLACE:
                    is_lost = bool(task.request.get("is_lost"))
                    self.replace_brick(volume, old, str(new), is_lost=is_lost)
                else:
                    self.reset_brick_commit(volume, str(new))
            detail |= {"full": not mark.was_seen}
            if is_new:
                detail["walks_before"] = mark.walks_before
        return TaskReport(
            system=NAME,
            scope=self._cluster,
            status=TaskStatus.RUNNING,
            task_id=task.task_id,
            # Gluster gives this work no id, so it gets the one name under which it can be found.
            external_id=f"{task.verb}:{new or volume}",
            verb=task.verb,
            message="the heal begins" if is_new else "replaced before; its heal is followed",
            detail={**detail, "type": task.verb.upper(), "status": "RUNNING"},
        )

    def _follow_heals(self, refs: Collection[AsyncTaskRef]) -> Iterator[TaskReport]:
        if not refs:
            return
        volumes = {one.name: one for one in read_volumes(self._cli.ask("volume", "info"))}
        for ref in refs:
            try:
                look = self._heals.look(ref, volumes.get(str(ref.request["volume"])))
            except (TryAgain, Refused):
                continue  # no news; should this last, the task's lease runs out
            yield self._report(ref, look)

    def _report(self, ref: AsyncTaskRef, look: Look) -> TaskReport:
        goes_on = ref.stop_requested and not look.status.has_ended
        has_succeeded = look.status is TaskStatus.SUCCEEDED
        return TaskReport(
            system=NAME,
            scope=self._cluster,
            status=look.status,
            task_id=ref.task_id,
            external_id=ref.external_id,
            verb=ref.verb,
            progress=look.progress,
            message=look.message + ("; a heal cannot be stopped" if goes_on else ""),
            result={"entries": look.detail.get("most", 0)} if has_succeeded else None,
            detail={**look.detail, "status": _ENGINE_STATUS[look.status]},
        )

    def _refuse_unless_healable(self, volume: str) -> None:
        info = self.volume_info(volume)
        if info.group_size < 2:
            raise GlusterRefused(f"Volume {volume} has no replicas to heal from", 0)
        if not info.is_started:
            raise GlusterRefused(f"Volume {volume} is not started", 0)
