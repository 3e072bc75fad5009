"""The commands on Gluster volumes."""

from adapters.gluster.commands.rebalance import RebalanceVolume
from adapters.gluster.commands.replace import ReplaceBrick
from adapters.gluster.commands.shrink import CommitBricks, DrainBricks, ShrinkVolume

__all__ = ["CommitBricks", "DrainBricks", "RebalanceVolume", "ReplaceBrick", "ShrinkVolume"]
