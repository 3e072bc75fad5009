"""The demo's Gluster volumes: real files on bricks, and what must have become of them."""

from __future__ import annotations

import json
from pathlib import Path

from adapters.gluster.simulator import Faults, files_on, seed
from adapters.gluster.simulator.placement import place
from adapters.gluster.simulator.state import Cluster
from adapters.gluster.simulator.volumes import add_brick

UNMOVABLE = "ledger-*"
_HOST = "storage-1"
_FILES = 48


class Volumes:
    """The simulated cluster.

    `photos` grew and is uneven, `scratch` and `ledger` are to shrink, `mirror` is replicated.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def brick(self, volume: str, number: int) -> str:
        """Gives a brick's name, `host:/path`."""
        return f"{_HOST}:{self._directory / 'bricks' / volume / str(number)}"

    def bricks(self, volume: str, *numbers: int) -> list[str]:
        """Gives the names of these bricks."""
        return [self.brick(volume, number) for number in numbers]

    def seed(self) -> None:
        """Makes the volumes with their files, and the trap: files that cannot be moved."""
        for volume, bricks in (("photos", (1, 2)), ("scratch", (1, 2, 3)), ("ledger", (1, 2, 3))):
            seed(self._directory, volume, self.bricks(volume, *bricks), self._files(volume))
        seed(
            self._directory,
            "mirror",
            self.bricks("mirror", 1, 2),
            self._files("mirror"),
            replica_count=2,
        )
        cluster = Cluster(self._directory)
        with cluster.locked():
            add_brick(cluster, "photos", [self.brick("photos", 3)])
        Faults(self._directory).switch(fail_files=[UNMOVABLE])

    # --- what must have become of them; each gives what is not so ---------------------------------

    def is_spread(self, volume: str, *numbers: int) -> list[str]:
        """Each file lies, whole, on the one brick where the layout over these bricks wants it."""
        layout = [[brick] for brick in self.bricks(volume, *numbers)]
        faults = self.is_whole(volume, *numbers)
        for name in self._files(volume):
            (wanted,) = place(name, layout)
            if name not in files_on(wanted):
                faults.append(f"{name} of volume {volume} is not on its brick {wanted}")
        return faults

    def is_whole(self, volume: str, *numbers: int) -> list[str]:
        """All files of the volume lie on these bricks with their bytes."""
        found: dict[str, bytes] = {}
        for brick in self.bricks(volume, *numbers):
            path = Path(brick.partition(":")[2])
            found |= {name: (path / name).read_bytes() for name in files_on(brick)}
        wrong = [
            name for name, content in self._files(volume).items() if found.get(name) != content
        ]
        return [f"file {name} of volume {volume} is missing or damaged" for name in wrong]

    def has_bricks(self, volume: str, *numbers: int) -> list[str]:
        """The volume consists of these bricks."""
        known = json.loads((self._directory / "cluster.json").read_text())["volumes"]
        found, wanted = set(known[volume]["bricks"]), set(self.bricks(volume, *numbers))
        if found == wanted:
            return []
        return [f"volume {volume} consists of {sorted(found)}, and should of {sorted(wanted)}"]

    def is_empty(self, volume: str, number: int) -> list[str]:
        """No file is left on the brick."""
        left = files_on(self.brick(volume, number))
        return [f"{len(left)} files were left on a brick of volume {volume}"] if left else []

    @staticmethod
    def _files(volume: str) -> dict[str, bytes]:
        return {
            f"{volume}-{number:03}": f"{volume} {number}\n".encode() * 200
            for number in range(1, _FILES + 1)
        }
