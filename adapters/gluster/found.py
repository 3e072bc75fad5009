"""What a listing shows, whoever began it, as the engine adopts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from adapters.gluster.details import Details
from adapters.gluster.tasks import ListedTask, TaskKind
from adapters.gluster.verdicts import judge
from orchestrator import AsyncTaskRef, FoundTask, Locks, TaskReport, exclusive


def lock_volume(volume: str, cluster: str | None = None) -> Locks:
    """Locks a volume against all others: Gluster allows one task per volume, and so do we.

    No cluster is the first one, whose volumes bear their bare names.
    """
    return exclusive("gluster_volume", volume if cluster is None else f"{cluster}/{volume}")


class Finder:
    """Tells what a cluster lists. A volume lists what ended there until it gets another task: that is read once.

    `cluster` stands in locks where it is not the first one.
    """

    def __init__(self, details: Details, lease: timedelta) -> None:
        self.cluster: str | None = None
        self._details = details
        self._lease = lease
        self._over: dict[str, TaskReport] = {}  # outside id → how it ended, while it is listed

    def knows(self, task: AsyncTaskRef) -> bool:
        """Tells whether it is known how the task ended."""
        return task.external_id in self._over

    def found(
        self, scope: str, listed: Iterable[ListedTask], reports: Iterable[TaskReport]
    ) -> Iterator[FoundTask]:
        """Gives each listed task with its volume's lock, and with what it takes to follow and to stop it."""
        told = self._over | {one.external_id or "": one for one in reports}
        self._over = {}
        for one in listed:
            report = told.get(one.task_id) or judge(scope, one, self._details.of_one(one))
            if report.status.has_ended:
                self._over[one.task_id] = report
            yield FoundTask(
                report=report,
                description=_in_words(one),
                request={"volume": one.volume, "bricks": [*one.bricks], "before": [], "mode": []},
                locks=lock_volume(one.volume, self.cluster),
                lease=self._lease,
            )


def _in_words(listed: ListedTask) -> str:
    match listed.kind:
        case TaskKind.REBALANCE:
            return f"Rebalance volume {listed.volume}"
        case TaskKind.REMOVE_BRICKS:
            return f"Move all files off {', '.join(listed.bricks)} of volume {listed.volume}"
