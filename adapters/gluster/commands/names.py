"""Names of volumes and bricks as parameters, and the lock on a volume."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from orchestrator import Locks, exclusive

VolumeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,254}$")]
"""A volume's name. Cannot begin with a hyphen, which the command line would take for an option."""

BrickName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*:/\S+$")]
"""A brick as `host:/path`."""


def lock_volume(volume: str) -> Locks:
    """Locks a volume against all others: Gluster allows one task per volume, and so do we."""
    return exclusive("gluster_volume", volume)
