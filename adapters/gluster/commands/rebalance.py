"""Spreads a volume's files over its bricks as its layout wants them."""

from __future__ import annotations

from datetime import timedelta

from adapters.gluster.commands.on_volume import OnVolume
from adapters.gluster.gluster import Gluster
from adapters.gluster.tasks import RebalanceResult
from orchestrator import AsyncTask, Run


class RebalanceVolume(
    OnVolume,
    kind="gluster.volume.rebalance",
    label="Rebalance volume {volume}",
    timeout=timedelta(days=7),
):
    """Rebalance a volume; the return value is what was moved."""

    fix_layout: bool = False
    force: bool = False

    def execute(self, gluster: Gluster, run: Run) -> AsyncTask[RebalanceResult]:
        return gluster.of(self.cluster).rebalance(
            self.volume, fix_layout=self.fix_layout, force=self.force, is_retry=run.attempt > 1
        )
