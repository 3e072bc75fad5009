"""What all commands on a volume share: they name one, and hold its lock until their work has ended.

A new one is its parameters and one line: `execute` returns what a method of `Gluster` describes.
The engine then starts it, ties it to its outside id, follows it, and stops it when asked to.
"""

from __future__ import annotations

from adapters.gluster.commands.names import ClusterName, VolumeName
from adapters.gluster.found import lock_volume
from orchestrator import Command, Locks


class OnVolume(Command):
    """A command on one volume of a cluster of the settings: the first one where none is named."""

    volume: VolumeName
    cluster: ClusterName | None = None

    def locks(self) -> Locks:
        return lock_volume(self.volume, self.cluster)
