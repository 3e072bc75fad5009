"""What a stored task asks Gluster for."""

from __future__ import annotations

from adapters.gluster.tasks import TaskKind
from orchestrator import AsyncTaskRef, Refused


def kind_of(task: AsyncTaskRef) -> TaskKind:
    """Gives the kind of work. Raises Refused for one that Gluster does not have."""
    try:
        return TaskKind(task.verb)
    except ValueError:
        raise Refused(f"gluster has no task {task.verb!r}; it has {', '.join(TaskKind)}") from None


def volume_of(task: AsyncTaskRef) -> str:
    """Gives the volume. Raises Refused where none is named."""
    volume = task.request.get("volume")
    if not isinstance(volume, str):
        raise Refused(f"gluster task {task.task_id} names no volume")
    return volume
