"""Where files live: a volume's layout gives each name one of its sub-volumes."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

SubVolume: TypeAlias = list[str]
"""The bricks (`host:/path`) that hold copies of the same files: one without replicas."""

UNFINISHED = ".moving-"
"""What the name of a file begins with while it is being copied to its new brick."""


def brick_path(brick: str) -> Path:
    """Gives the directory of a brick; the host plays no part, all bricks are here."""
    return Path(brick.partition(":")[2])


def sub_volumes(bricks: list[str], replica_count: int) -> list[SubVolume]:
    """Gives the bricks in groups that hold the same files."""
    return [bricks[i : i + replica_count] for i in range(0, len(bricks), replica_count)]


def place(name: str, layout: list[SubVolume]) -> SubVolume:
    """Gives the sub-volume where a file of this name belongs."""
    # One more multiplication, as the upper bits of a CRC of short names that end in numbers vary
    # little.
    spread = zlib.crc32(name.encode()) * 2654435761 % 2**32
    return layout[spread * len(layout) >> 32]


def walk(brick: str) -> Iterator[str]:
    """Gives the files of a brick as paths relative to it, in a fixed order."""
    root = brick_path(brick)
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(one for one in folders if one != ".glusterfs")
        for name in sorted(names):
            if not name.startswith(UNFINISHED):
                yield os.path.relpath(os.path.join(folder, name), root)
