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
    from typing import Any  # noqa: PLC0415

    from adapters.gluster.cli import GlusterCli  # noqa: PLC0415
    from adapters.gluster.clusters import Clusters  # noqa: PLC0415
    from adapters.gluster.gluster import Gluster  # noqa: PLC0415
    from adapters.gluster.leftovers import Leftovers  # noqa: PLC0415
    from adapters.gluster.settings import GlusterSettings  # noqa: PLC0415

    settings = GlusterSettings()
    shared: dict[str, Any] = {
        "lease": timedelta(seconds=settings.lease_s),
        "frozen_after": timedelta(seconds=settings.frozen_after_s),
        "absent_after": timedelta(seconds=settings.absent_after_s),
        "details_per_poll": settings.details_per_poll,
    }

    def cli(words: tuple[str, ...]) -> GlusterCli:
        return GlusterCli(words, timeout=settings.timeout, calls_at_once=settings.calls_at_once)

    others = [
        Gluster(
            cli(one.command_words),
            cluster=one.name,
            leftovers=Leftovers(one.brick_words),
            **shared,
        )
        for one in settings.clusters
    ]
    made = Clusters(
        cli(settings.command_words),
        cluster=settings.cluster,
        leftovers=Leftovers(settings.brick_words),
        others=others,
        is_set_up=bool(settings.model_fields_set & {"command", "cluster"}),
        **shared,
    )
    made.settings = settings
    return made
