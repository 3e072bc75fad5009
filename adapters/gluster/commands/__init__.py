"""The commands on Gluster volumes."""

from adapters.gluster.commands.heal import HealVolume
from adapters.gluster.commands.rebalance import RebalanceVolume
from adapters.gluster.commands.replace import ReplaceBrick
from adapters.gluster.commands.reset import ResetBrick, TakeBrickBack, TakeBrickOut
from adapters.gluster.commands.shrink import (
    CommitBricks,
    DrainBricks,
    ReduceReplicas,
    ShrinkVolume,
)

__all__ = [
    "CommitBricks",
    "DrainBricks",
    "HealVolume",
    "RebalanceVolume",
    "ReduceReplicas",
    "ReplaceBrick",
    "ResetBrick",
    "ShrinkVolume",
    "TakeBrickBack",
    "TakeBrickOut",
]
