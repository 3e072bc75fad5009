"""What Gluster does at once: volumes looked up, bricks taken out, put back and replaced."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.gluster.cli import GlusterCli, GlusterRefused
from adapters.gluster.tasks import VolumeInfo
from adapters.gluster.xml import read_volumes


class Bricks:
    """The verbs on bricks that have ended when they return; each may be called twice.

    Raises `Refused` with Gluster's own words, and `TryAgain` when Gluster does not answer.
    """

    def __init__(self, cli: GlusterCli) -> None:
        self._cli = cli

    def volume_info(self, volume: str) -> VolumeInfo:
        """Gives the volume's state and bricks."""
        for found in read_volumes(self._cli.ask("volume", "info", volume)):
            if found.name == volume:
                return found
        raise GlusterRefused(f"Volume {volume} does not exist", 0)

    def remove_bricks_commit(self, volume: str, bricks: Sequence[str]) -> None:
        """Takes the bricks out of the volume after their files have left; gone already is done.

        Gluster refuses while files move, and when some could not be moved: there is no force here.
        """
        try:
            self._cli.ask("volume", "remove-brick", volume, *bricks, "commit")
        except GlusterRefused:
            left = set(bricks) & set(self.volume_info(volume).bricks)
            if left:
                raise

    def remove_bricks_stop(self, volume: str, bricks: Sequence[str]) -> None:
        """Takes the leaving bricks back into use; files that have moved stay where they are."""
        try:
            self._cli.ask("volume", "remove-brick", volume, *bricks, "stop")
        except GlusterRefused as error:
            if not error.says_no_task:
                raise

    def replace_brick(self, volume: str, old: str, new: str) -> None:
        """Puts an empty brick in the place of another; Gluster then heals it from its replicas."""
        present = self.volume_info(volume).bricks
        if new in present and old not in present:
            return  # an earlier call did it
        self._cli.ask("volume", "replace-brick", volume, old, new, "commit", "force")
