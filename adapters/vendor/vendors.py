"""The adapter of tasks that vendors run: nothing is called, for vendors come to us."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from orchestrator import AsyncTaskRef, TaskReport, TaskStatus


class Vendors:
    """Implements the `Adapter` port; `pushes` says that its tasks are not to be polled."""

    name = "vendor"
    pushes = True

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Offers the task to its vendor, who finds it by asking."""
        return TaskReport(
            system=task.system,
            scope=task.scope,
            status=TaskStatus.RUNNING,
            task_id=task.task_id,
            external_id=task.task_id,
        )

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        """Has no news: vendors bring them."""
        return ()

    def discover(self, scope: str) -> Iterable[TaskReport]:
        """Finds nothing: what vendors run besides is theirs."""
        return ()

    def stop(self, task: AsyncTaskRef) -> TaskReport | None:
        """Ends at once what no vendor has begun; else the vendor sees that a stop is wanted, and reports."""
        if task.detail.get("picked_up") or task.changed_at != task.created_at:
            return None
        return TaskReport(
            system=task.system,
            scope=task.scope,
            status=TaskStatus.ABORTED,
            task_id=task.task_id,
            message="stopped before its vendor began",
        )

    def clear(self, task: AsyncTaskRef) -> None:
        """Has nothing to clear."""
