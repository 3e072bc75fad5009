"""What the core asks of the rings around it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol, runtime_checkable

from orchestrator.core.asynctask import AsyncTaskRef, TaskReport


@runtime_checkable
class Adapter(Protocol):
    """The seam to one kind of outside system. One instance serves all threads of a process.

    All methods may raise `TryAgain` for a passing condition (host away, starting up, overloaded); nothing
    is concluded from it. An adapter connects when it is first used, not when it is made.
    """

    @property
    def name(self) -> str:
        """The system's name, as `AsyncTask.system` has it."""

    def start(self, task: AsyncTaskRef, *, again: bool) -> TaskReport:
        """Starts the task and gives its first report, with `external_id`.

        With `again`, an earlier start may have reached the system: look for the task (by `task_id`, by what
        is running, by the state of the entity) before starting anything. Raises `Refused` when the
        system says no.
        """

    def poll(self, scope: str, tasks: Collection[AsyncTaskRef]) -> Iterable[TaskReport]:
        """Reports on all these tasks with one call to the scope; absent ones are reported as `LOST`."""

    def discover(self, scope: str) -> Iterable[TaskReport]:
        """Reports on all that runs in the scope, known to us or not."""

    def stop(self, task: AsyncTaskRef) -> None:
        """Asks the system to stop the task; a later report tells how that went. May be called twice."""

    def clear(self, task: AsyncTaskRef) -> None:
        """Lets the system forget an ended task. Unknown counts as cleared; `TryAgain` means not yet."""
