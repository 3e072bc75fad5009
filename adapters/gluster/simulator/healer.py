"""The self-heal daemon: the process that brings to bricks what they lack."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

from adapters.gluster.simulator.faults import Faults
from adapters.gluster.simulator.heals import ROOT, HealBook
from adapters.gluster.simulator.mover import FILES_PER_SECOND, copy
from adapters.gluster.simulator.placement import SubVolume, brick_path, sub_volumes, walk
from adapters.gluster.simulator.state import Cluster

_PROGRAM = "adapters.gluster.simulator.healer"
INDEX, FULL = "INDEX", "FULL"


def spawn_healer(cluster: Cluster, volume: str, kind: str, *, after_s: float = 0.0) -> None:
    """Starts the daemon for one walk and what follows from it; it outlives the request."""
    log = str(cluster.tasks_dir / f"{volume}.healer.log")
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-S", "-m", _PROGRAM, str(cluster.state_dir), volume, kind, str(after_s)],
        {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


class Healer:
    """One daemon at work on one volume; a second one waits for it."""

    def __init__(self, cluster: Cluster, volume: str, *, files_per_second: float) -> None:
        self._cluster = cluster
        self._book = HealBook(cluster.tasks_dir, volume)
        self._pause_s = 1 / files_per_second if files_per_second > 0 else 0.0
        with cluster.locked():
            found = cluster.volumes[volume]
            self._groups = sub_volumes(found["bricks"], found["group_size"])

    def run(self, kind: str) -> None:
        """Walks once, and again as long as a walk has healed something."""
        with self._book.life_line.open("a") as line:
            fcntl.flock(line, fcntl.LOCK_EX)
            if kind == FULL:
                for group in self._groups:
                    self._walk_fully(group)
                return
            while sum(self._walk_index(group) for group in self._groups):
                continue

    def _walk_index(self, group: SubVolume) -> int:
        """Heals what is marked in a group of bricks; gives how many entries that were."""
        here = [brick for brick in group if not self._is_away(brick)]
        for brick in here:
            self._book.begin(brick, INDEX)
        healed, failed = 0, 0
        for lacking in here:
            for entry in self._marks_of(lacking):
                sources = [one for one in here if one != lacking and not self._marks_of(one)]
                if sources and not Faults(self._cluster.state_dir).has("heals_fail"):
                    self._heal(sources[0], lacking, entry)
                    healed += 1
                else:
                    failed += 1
        for brick in here:  # all of them saw it, and one of them did it
            self._book.end(brick, healed=healed if brick == here[-1] else 0, failed=failed)
        return healed

    def _walk_fully(self, group: SubVolume) -> None:
        """Compares all files of the last brick of a group with the others: as the real one does."""
        last = group[-1]
        self._book.begin(last, FULL)
        healed = 0
        # A daemon that does not reach the other bricks finds nothing wrong with them.
        is_apart = Faults(self._cluster.state_dir).has("healer_apart")
        for name in () if is_apart else walk(last):
            for other in group[:-1]:
                if not _is_same(brick_path(last) / name, brick_path(other) / name):
                    copy(brick_path(last) / name, brick_path(other) / name)
                    healed += 1
        self._book.end(last, healed=healed, failed=0)

    def _heal(self, source: str, lacking: str, entry: str) -> None:
        """Heals one entry. The root gets names, whose files are empty and marked until healed."""
        self._breathe()
        if entry == ROOT:
            for name in walk(source):
                target = brick_path(lacking) / name
                if not target.exists():
                    with self._book.open() as state:
                        state["marks"].setdefault(lacking, []).append(name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.touch()
        else:
            copy(brick_path(source) / entry, brick_path(lacking) / entry)
        with self._book.open() as state:
            left = [one for one in state["marks"].pop(lacking, []) if one != entry]
            if left:
                state["marks"][lacking] = left

    def _marks_of(self, brick: str) -> list[str]:
        with self._book.open() as state:
            return state["marks"].get(brick, [])

    def _is_away(self, brick: str) -> bool:
        return brick in Faults(self._cluster.state_dir).names("away_bricks")

    def _breathe(self) -> None:
        time.sleep(self._pause_s)
        while Faults(self._cluster.state_dir).has("freeze"):
            time.sleep(0.02)


def _is_same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def main(arguments: list[str]) -> None:
    """Walks the bricks of a volume: STATE_DIR VOLUME KIND AFTER_SECONDS."""
    state_dir, volume, kind, after_s = arguments
    time.sleep(float(after_s))
    rate = float(os.environ.get(FILES_PER_SECOND, "60"))
    Healer(Cluster(Path(state_dir)), volume, files_per_second=rate).run(kind)


if __name__ == "__main__":
    main(sys.argv[1:])
