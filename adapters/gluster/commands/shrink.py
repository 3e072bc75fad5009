"""Takes bricks out of a volume without losing a file: drain them, then commit."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from adapters.gluster.commands.names import BrickName
from adapters.gluster.commands.on_volume import OnVolume
from adapters.gluster.commands.rebalance import RebalanceVolume
from adapters.gluster.gluster import Gluster
from adapters.gluster.tasks import RemoveBricksResult
from orchestrator import AsyncTask, Command, Plan, Run, best_effort, sequence

Leaving = Annotated[tuple[BrickName, ...], Field(min_length=1)]


class ShrinkVolume(
    OnVolume,
    kind="gluster.volume.shrink",
    label="Shrink volume {volume}",
    timeout=timedelta(days=7),
):
    """Take bricks out of a volume; if not all their files can be moved, they stay in it.

    With `replica_count` each group of replicas loses bricks until that many are left: nothing has
    to move then. `rebalance` adds a rebalance as the last step: until one has completed, fresh
    mounts may not find all files by name.
    """

    bricks: Leaving
    replica_count: Annotated[int, Field(ge=1)] | None = None
    rebalance: bool = False

    def plan(self) -> Plan:
        if self.replica_count is not None:
            reduce = ReduceReplicas(
                cluster=self.cluster,
                volume=self.volume,
                bricks=self.bricks,
                replica_count=self.replica_count,
            )
            return sequence(reduce)
        parts: list[Plan | Command] = [
            DrainBricks(cluster=self.cluster, volume=self.volume, bricks=self.bricks),
            CommitBricks(cluster=self.cluster, volume=self.volume, bricks=self.bricks),
        ]
        if self.rebalance:
            parts.append(best_effort(RebalanceVolume(cluster=self.cluster, volume=self.volume)))
        return sequence(*parts)


class DrainBricks(
    OnVolume,
    kind="gluster.bricks.drain",
    label="Move all files off the leaving bricks of volume {volume}",
    timeout=timedelta(days=7),
):
    """Move all files off bricks; it fails when one file could not be moved."""

    bricks: Leaving

    def execute(self, gluster: Gluster, run: Run) -> AsyncTask[RemoveBricksResult]:
        return gluster.of(self.cluster).remove_bricks_start(
            self.volume, self.bricks, is_retry=run.attempt > 1
        )

    def compensate(self, gluster: Gluster) -> None:
        gluster.of(self.cluster).remove_bricks_stop(self.volume, self.bricks)


class CommitBricks(
    OnVolume,
    kind="gluster.bricks.commit",
    label="Take the drained bricks out of volume {volume}",
    timeout=timedelta(days=7),
):
    """Take drained bricks out of a volume; if Gluster refuses, the drain is kept and you decide."""

    bricks: Leaving

    def execute(self, gluster: Gluster) -> AsyncTask[None]:
        return gluster.of(self.cluster).commit_bricks(self.volume, self.bricks)


class ReduceReplicas(
    OnVolume,
    kind="gluster.volume.reduce_replicas",
    label="Reduce volume {volume} to {replica_count} replicas",
    timeout=timedelta(minutes=10),
):
    """Take one or more replicas out of each group; refused unless those that stay are whole."""

    bricks: Leaving
    replica_count: Annotated[int, Field(ge=1)]

    def execute(self, gluster: Gluster) -> None:
        gluster.of(self.cluster).reduce_replicas(self.volume, self.bricks, self.replica_count)
