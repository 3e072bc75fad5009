"""What Gluster does at once: volumes looked up, bricks taken out, put back and replaced."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.gluster.cli import GlusterCli, GlusterRefused
from adapters.gluster.tasks import VolumeInfo
from adapters.gluster.xml import read_heals, read_volumes
from orchestrator import Refused


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
        """Puts an empty brick in the place of another; Gluster then heals it from its replicas.

        Refuses while a replica of the brick is away, or while one that is in order is to be
        replaced and entries are still to be healed: it may hold the only copy of them. For some
        seconds after a replacement Gluster may say that nothing is to be healed; this trusts it.
        """
        info = self.volume_info(volume)
        if new in info.bricks and old not in info.bricks:
            return  # an earlier call did it
        if old in info.bricks:
            self._refuse_unless_healed(info, old)
        self._cli.ask("volume", "replace-brick", volume, old, new, "commit", "force")

    def _refuse_unless_healed(self, info: VolumeInfo, old: str) -> None:
        count = info.replica_count
        if count < 2:
            return  # Gluster refuses, or it is a dispersed volume, which has no replicas
        heals = read_heals(self._cli.ask("volume", "heal", info.name, "info", "summary"))
        first = info.bricks.index(old) // count * count
        group = info.bricks[first : first + count]
        for brick in group:
            heal = heals.get(brick)
            if brick != old and (heal is None or not heal.is_connected):
                raise Refused(f"brick {old} is not replaced: its replica {brick} is not connected")
        # The entries that wait for a brick that is away are to be healed on the new one.
        if old not in heals or not heals[old].is_connected:
            return
        for brick in group:
            if heals[brick].pending != 0:
                raise Refused(
                    f"brick {old} is not replaced: {heals[brick].pending} entries of {brick} are "
                    "still to be healed; wait for the heal and try again"
                )
