"""The adapter to Gluster: `adapter()` makes it as the environment says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.gluster.gluster import Gluster


def adapter() -> Gluster:
    """Gives the adapter with the settings ORCHESTRATOR_GLUSTER_*. Connects to nothing yet."""
    # Imported late: the simulator lives in this package and is started for every single request,
    # so what it has to load before it can answer must stay small.
    from datetime import timedelta  # noqa: PLC0415

    from adapters.gluster.cli import GlusterCli  # noqa: PLC0415
    from adapters.gluster.gluster import Gluster  # noqa: PLC0415
    from adapters.gluster.settings import GlusterSettings  # noqa: PLC0415

    settings = GlusterSettings()
    made = Gluster(
        GlusterCli(settings.command_words, timeout=settings.timeout),
        cluster=settings.cluster,
        lease=timedelta(seconds=settings.lease_s),
        frozen_after=timedelta(seconds=settings.frozen_after_s),
        absent_after=timedelta(seconds=settings.absent_after_s),
        details_per_poll=settings.details_per_poll,
    )
    made.settings = settings
    return made
