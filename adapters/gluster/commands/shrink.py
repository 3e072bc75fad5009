"""Takes bricks out of a volume without losing a file: drain them, then commit."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from adapters.gluster.commands.names import BrickName, VolumeName, lock_volume
from adapters.gluster.gluster import Gluster
from adapters.gluster.tasks import RemoveBricksResult
from orchestrator import AsyncTask, Command, Locks, Plan, sequence

Leaving = Annotated[tuple[BrickName, ...], Field(min_length=1)]


class ShrinkVolume(
    Command,
    kind="gluster.volume.shrink",
    label="Shrink volume {volume}",
    timeout=timedelta(days=7),
):
    """Take bricks out of a volume; if not all their files can be moved, they stay in it."""

    volume: VolumeName
    bricks: Leaving

    def locks(self) -> Locks:
        return lock_volume(self.volume)

    def plan(self) -> Plan:
        return sequence(
            DrainBricks(volume=self.volume, bricks=self.bricks),
            CommitBricks(volume=self.volume, bricks=self.bricks),
        )


class DrainBricks(
    Command,
    kind="gluster.bricks.drain",
    label="Move all files off the leaving bricks of volume {volume}",
    timeout=timedelta(days=7),
):
    """Move all files off bricks; it fails when one file could not be moved."""

    volume: VolumeName
    bricks: Leaving

    def locks(self) -> Locks:
        return lock_volume(self.volume)

    def execute(self, gluster: Gluster) -> AsyncTask[RemoveBricksResult]:
        return gluster.remove_bricks_start(self.volume, self.bricks)

    def compensate(self, gluster: Gluster) -> None:
        gluster.remove_bricks_stop(self.volume, self.bricks)


class CommitBricks(
    Command,
    kind="gluster.bricks.commit",
    label="Take the drained bricks out of volume {volume}",
    timeout=timedelta(days=7),
):
    """Take drained bricks out of a volume; if Gluster refuses, the drain is kept and you decide."""

    volume: VolumeName
    bricks: Leaving

    def locks(self) -> Locks:
        return lock_volume(self.volume)

    def execute(self, gluster: Gluster) -> AsyncTask[None]:
        return gluster.commit_bricks(self.volume, self.bricks)
