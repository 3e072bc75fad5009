"""Names of volumes and bricks as parameters, and the lock on a volume."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from adapters.gluster.settings import CLUSTER_NAME
from orchestrator import Locks, exclusive

VolumeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,254}$")]
"""A volume's name. Cannot begin with a hyphen, which the command line would take for an option."""

BrickName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*:/\S+$")]
"""A brick as `host:/path`."""


ClusterName = Annotated[str, StringConstraints(pattern=CLUSTER_NAME)]
"""A cluster of the settings by its name."""


def lock_volume(volume: str, cluster: str | None = None) -> Locks:
    """Locks a volume against all others: Gluster allows one task per volume, and so do we.

    No cluster is the first one, whose volumes bear their bare names.
    """
    return exclusive("gluster_volume", volume if cluster is None else f"{cluster}/{volume}")
