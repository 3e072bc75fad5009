"""What all commands on a volume share: they name one, and hold its lock until their work has ended.

A new one is its parameters and one line: `execute` returns what a method of `Gluster` describes.
The engine then starts it, ties it to its outside id, follows it, and stops it when asked to.
"""

from __future__ import annotations

from adapters.gluster.commands.names import VolumeName, lock_volume
from orchestrator import Command, Locks


class OnVolume(Command):
    """A command on one volume: Gluster allows one task per volume, and so do we."""

    volume: VolumeName

    def locks(self) -> Locks:
        return lock_volume(self.volume)
