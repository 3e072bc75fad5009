"""The adapter of tasks that vendors run: nothing is called, for vendors come to us."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable

from orchestrator import AsyncTaskRef, FoundTask, TaskReport, TaskStatus

STOP_GRACE_S = 300.0
STOP_GRACE = "ORCHESTRATOR_VENDOR_STOP_GRACE_S"


class Vendors:
    """Implements the `Adapter` port; `pushes` says that its tasks are not to be polled.

    `stop_grace_s` is how long a vendor may be silent after a stop before its task counts as lost: a
    stop must come to an end even where no lease was agreed.
    """

    name = "vendor"
    pushes = True

    def __init__(
        self, *, stop_grace_s: float = STOP_GRACE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stop_grace_s = stop_grace_s
        self._clock = clock
        # What was heard last of each task that is to be stopped, and when that was noticed. After a
        # restart of this process the wait begins anew, which only makes it longer.
        self._stopping: dict[str, tuple[object, float]] = {}

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Offers the task to its vendor, who finds it by asking."""
        return TaskReport(
            system=task.system,
            scope=task.scope,
            status=TaskStatus.RUNNING,
            task_id=task.task_id,
            external_id=task.task_id,
            offered=True,
        )

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        """Has no news: vendors bring them."""
        return ()

    def discover(
        self, scope: str, tasks: Collection[AsyncTaskRef] = ()
    ) -> Iterable[TaskReport | FoundTask]:
        """Finds nothing: what vendors run besides is theirs."""
        return ()

    def stop(self, task: AsyncTaskRef) -> TaskReport | None:
        """Ends at once what no vendor has begun; any other vendor sees the stop, and reports.

        One that stays silent for `stop_grace_s` leaves a task of which nobody knows how it ended.
        """
        if task.changed_at <= task.created_at:
            return _ended(task, TaskStatus.ABORTED, "stopped before its vendor began")
        heard, since = self._stopping.get(task.task_id, (None, 0.0))
        if heard != task.changed_at:
            since = self._clock()
            self._stopping[task.task_id] = (task.changed_at, since)
        if self._clock() - since < self.stop_grace_s:
            return None
        return _ended(
            task,
            TaskStatus.LOST,
            f"the vendor {task.scope!r} did not answer the stop for {self.stop_grace_s:g} s",
        )

    def clear(self, task: AsyncTaskRef) -> None:
        """Has nothing to clear at the vendor's."""
        self._stopping.pop(task.task_id, None)


def adapter() -> Vendors:
    """Makes the adapter as the environment says; the entry point."""
    return Vendors(stop_grace_s=float(os.environ.get(STOP_GRACE, STOP_GRACE_S)))


def _ended(task: AsyncTaskRef, status: TaskStatus, message: str) -> TaskReport:
    return TaskReport(
        system=task.system,
        scope=task.scope,
        status=status,
        task_id=task.task_id,
        message=message,
    )
