"""Changes the disk of a brick in its place: out of use, the disk, back into use, healed."""

from __future__ import annotations

from datetime import timedelta

from adapters.gluster.commands.names import BrickName
from adapters.gluster.commands.on_volume import OnVolume
from adapters.gluster.gluster import Gluster
from adapters.gluster.tasks import HealResult
from orchestrator import AsyncTask, Plan, external, sequence


class ResetBrick(
    OnVolume,
    kind="gluster.brick.reset",
    label="Change the disk of brick {brick} of volume {volume}",
    timeout=timedelta(days=7),
):
    """Take a brick out of use, wait until somebody says that its disk is changed, and heal it."""

    brick: BrickName
    by: str = "operators"

    def plan(self) -> Plan:
        return sequence(
            TakeBrickOut(cluster=self.cluster, volume=self.volume, brick=self.brick),
            external(self.by, f"Change the disk of {self.brick} and mount it"),
            TakeBrickBack(cluster=self.cluster, volume=self.volume, brick=self.brick),
        )


class TakeBrickOut(
    OnVolume,
    kind="gluster.brick.take_out",
    label="Take brick {brick} of volume {volume} out of use",
    timeout=timedelta(minutes=10),
):
    """Take a brick out of use; refused while another one of its group lacks anything."""

    brick: BrickName

    def execute(self, gluster: Gluster) -> None:
        gluster.of(self.cluster).reset_brick_start(self.volume, self.brick)

    def compensate(self, gluster: Gluster) -> None:
        gluster.of(self.cluster).reset_brick_commit(self.volume, self.brick)


class TakeBrickBack(
    OnVolume,
    kind="gluster.brick.take_back",
    label="Take brick {brick} of volume {volume} back into use",
    timeout=timedelta(days=7),
):
    """Take a brick back into use, empty or not; it ends when the brick is healed."""

    brick: BrickName

    def execute(self, gluster: Gluster) -> AsyncTask[HealResult]:
        return gluster.of(self.cluster).reset(self.volume, self.brick)
