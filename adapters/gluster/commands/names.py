"""Names of volumes and bricks as parameters."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from adapters.gluster.settings import CLUSTER_NAME

VolumeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,254}$")]
"""A volume's name. Cannot begin with a hyphen, which the command line would take for an option."""

BrickName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*:/\S+$")]
"""A brick as `host:/path`."""


ClusterName = Annotated[str, StringConstraints(pattern=CLUSTER_NAME)]
"""A cluster of the settings by its name."""
