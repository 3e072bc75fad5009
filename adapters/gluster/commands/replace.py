"""Puts a new brick in the place of another in a replicated volume."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import model_validator

from adapters.gluster.commands.names import BrickName, VolumeName, lock_volume
from adapters.gluster.gluster import Gluster
from orchestrator import Command, Locks


class ReplaceBrick(
    Command,
    kind="gluster.brick.replace",
    label="Replace brick {old} of volume {volume} by {new}",
    timeout=timedelta(minutes=10),
):
    """Replace a brick; ends BEFORE the heal: check the new brick's contents before the next one."""

    volume: VolumeName
    old: BrickName
    new: BrickName

    @model_validator(mode="after")
    def bricks_differ(self) -> Self:
        if self.old == self.new:
            raise ValueError(f"brick {self.old} cannot replace itself")
        return self

    def locks(self) -> Locks:
        return lock_volume(self.volume)

    def execute(self, gluster: Gluster) -> None:
        gluster.replace_brick(self.volume, self.old, self.new)
