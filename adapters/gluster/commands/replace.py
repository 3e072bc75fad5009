"""Puts a new brick in the place of another in a replicated volume."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import model_validator

from adapters.gluster.commands.names import BrickName
from adapters.gluster.commands.on_volume import OnVolume
from adapters.gluster.gluster import Gluster
from adapters.gluster.tasks import HealResult
from orchestrator import AsyncTask


class ReplaceBrick(
    OnVolume,
    kind="gluster.brick.replace",
    label="Replace brick {old} of volume {volume} by {new}",
    timeout=timedelta(days=7),
):
    """Replace a brick by an empty one; it ends, and the volume is free, when all is healed.

    It is refused while another brick of its group is away or has something to be healed. `is_lost`
    says that the old brick is gone for good, with whatever only it held.
    """

    old: BrickName
    new: BrickName
    is_lost: bool = False

    @model_validator(mode="after")
    def bricks_differ(self) -> Self:
        if self.old == self.new:
            raise ValueError(f"brick {self.old} cannot replace itself")
        return self

    def execute(self, gluster: Gluster) -> AsyncTask[HealResult]:
        return gluster.of(self.cluster).replace(
            self.volume, self.old, self.new, is_lost=self.is_lost
        )
