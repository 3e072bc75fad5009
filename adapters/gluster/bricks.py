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

    def replace_brick(self, volume: str, old: str, new: str, *, is_lost: bool = False) -> None:
        """Puts an empty brick in the place of another; the heal from its replicas then begins.

        Refuses unless the other bricks of its group are connected with nothing to be healed: the
        brick may hold the only copy of something. `is_lost` says that it is gone for good, with
        whatever only it held; then what waits for it on the others is no reason to refuse.
        """
        info = self.volume_info(volume)
        if new in info.bricks and old not in info.bricks:
            return  # an earlier call did it
        if old in info.bricks:
            self._refuse_unless_healed(info, old, is_lost=is_lost)
        self._cli.ask("volume", "replace-brick", volume, old, new, "commit", "force")

    def reduce_replicas(self, volume: str, bricks: Sequence[str], replica_count: int) -> None:
        """Takes bricks out so that each group has that many left; their files are on the others.

        Refuses unless all that stay are connected and nothing is to be healed.
        """
        info = self.volume_info(volume)
        leaving = set(bricks) & set(info.bricks)
        if not leaving:
            return  # an earlier call did it
        heals = read_heals(self._cli.ask("volume", "heal", volume, "info", "summary"))
        for brick in info.bricks:
            heal = heals.get(brick)
            if heal is not None and heal.is_connected and heal.pending == 0:
                continue
            if brick in leaving and (heal is None or not heal.is_connected):
                continue  # it is gone; what waits for it is told by those that stay
            raise Refused(
                f"volume {volume} keeps its replicas: brick {brick} is not connected or has entries "
                "to be healed; heal it first (gluster.volume.heal)"
            )
        words = ("replica", str(replica_count), *bricks, "force")
        self._cli.ask("volume", "remove-brick", volume, *words)

    def reset_brick_start(self, volume: str, brick: str) -> None:
        """Takes a brick out of use so that its disk can be changed. Refuses like a replacement."""
        info = self.volume_info(volume)
        if brick in info.bricks:
            self._refuse_unless_healed(info, brick, is_lost=False, to_do="reset")
        self._cli.ask("volume", "reset-brick", volume, brick, "start")

    def reset_brick_commit(self, volume: str, brick: str) -> None:
        """Takes a brick that is out of use back, whether empty or not; its heal then begins."""
        self._cli.ask("volume", "reset-brick", volume, brick, brick, "commit", "force")

    def _refuse_unless_healed(
        self, info: VolumeInfo, old: str, *, is_lost: bool, to_do: str = "replaced"
    ) -> None:
        if info.group_size < 2:
            return  # Gluster refuses
        heals = read_heals(self._cli.ask("volume", "heal", info.name, "info", "summary"))
        group = info.group_of(old)
        for brick in group:
            if brick != old and (brick not in heals or not heals[brick].is_connected):
                raise Refused(f"brick {old} is not {to_do}: its replica {brick} is not connected")
        is_away = old not in heals or not heals[old].is_connected
        if is_away and is_lost:
            return
        for brick in group:
            if brick in heals and heals[brick].pending == 0:
                continue
            if brick == old and is_away:
                continue  # nobody can tell
            pending = heals[brick].pending
            raise Refused(
                f"brick {old} is not {to_do}: {'some' if pending is None else pending} entries of "
                f"{brick} are still to be healed; "
                + (
                    "if the brick is gone for good, say so (is_lost) and ask again"
                    if is_away
                    else "wait for the heal and ask again"
                )
            )
