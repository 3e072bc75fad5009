"""Spreads a volume's files over its bricks as its layout wants them."""

from __future__ import annotations

from datetime import timedelta

from adapters.gluster.commands.names import VolumeName, lock_volume
from adapters.gluster.gluster import Gluster
from adapters.gluster.tasks import RebalanceResult
from orchestrator import AsyncTask, Command, Locks


class RebalanceVolume(
    Command,
    kind="gluster.volume.rebalance",
    label="Rebalance volume {volume}",
    timeout=timedelta(days=7),
):
    """Rebalance a volume; the return value is what was moved."""

    volume: VolumeName
    fix_layout: bool = False
    force: bool = False

    def locks(self) -> Locks:
        return lock_volume(self.volume)

    def execute(self, gluster: Gluster) -> AsyncTask[RebalanceResult]:
        return gluster.rebalance(self.volume, fix_layout=self.fix_layout, force=self.force)
