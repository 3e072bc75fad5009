"""Heals a volume: what its bricks lack of one another's files is brought to them."""

from __future__ import annotations

from datetime import timedelta

from adapters.gluster.commands.on_volume import OnVolume
from adapters.gluster.gluster import Gluster
from adapters.gluster.tasks import HealResult
from orchestrator import AsyncTask


class HealVolume(
    OnVolume,
    kind="gluster.volume.heal",
    label="Heal volume {volume}",
    timeout=timedelta(days=7),
):
    """Heal a volume until it is proven whole; with `full` every file is looked at."""

    full: bool = False

    def execute(self, gluster: Gluster) -> AsyncTask[HealResult]:
        return gluster.of(self.cluster).heal(self.volume, full=self.full)
