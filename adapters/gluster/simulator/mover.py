"""The process that moves the files of one task from brick to brick, and counts."""

from __future__ import annotations

import fnmatch
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Literal, TypeAlias

from adapters.gluster.simulator.faults import Faults
from adapters.gluster.simulator.placement import UNFINISHED, SubVolume, brick_path, place, walk
from adapters.gluster.simulator.state import NOTHING, Cluster, Progress, host_of

Counted: TypeAlias = Literal["files", "size", "lookups", "failures", "skipped"]
FILES_PER_SECOND = "GLUSTER_SIMULATOR_FILES_PER_SECOND"
_ENDS = {"completed": (3, 7), "stopped": (2, 6), "failed": (4, 8)}  # (others, fix-layout)


class StopAsked(Exception):  # noqa: N818 - an order, not an error
    """Somebody wants this task to end."""


class Mover:
    """One task at work. Only this process writes the task's progress while it lives."""

    def __init__(self, cluster: Cluster, task_id: str, *, files_per_second: float) -> None:
        self._cluster = cluster
        self._task_id = task_id
        self._pause_s = 1 / files_per_second if files_per_second > 0 else 0.0
        job = cluster.read_job(task_id)
        self._kind: str = job["kind"]
        self._sources: list[SubVolume] = job["sources"]
        self._layout: list[SubVolume] = job["layout"]
        self._progress: Progress = cluster.read_progress(task_id)
        self._progress["pid"] = os.getpid()
        self._first_links: dict[int, SubVolume] = {}  # inode → where its first name went

    def run(self) -> None:
        """Does the whole task; the progress then tells how it ended."""
        self._tell()
        try:
            how = self._work()
        except StopAsked:
            how = "stopped"
        if how == "completed" and Faults(self._cluster.state_dir).has("done_but_failed"):
            how = "failed"
        self._progress["status"] = _ENDS[how][self._kind == "fix-layout"]
        self._tell()

    def _work(self) -> str:
        bricks = [brick for group in self._sources for brick in group]
        if missing := [brick for brick in bricks if not brick_path(brick).is_dir()]:
            print(f"bricks {missing} are down", file=sys.stderr)
            self._progress["failures"] = 1
            return "failed"
        if self._kind == "fix-layout":
            self._breathe(self._pause_s)
            return "completed"
        # Found before the first is moved, or files would be met again on the brick they moved to.
        found = [(source, name) for source in self._sources for name in walk(source[0])]
        for source, name in found:
            self._breathe(0)
            self._count(source, "lookups")
            self._look_at(source, name)
        return "completed"

    def _look_at(self, source: SubVolume, name: str) -> None:
        facts = (brick_path(source[0]) / name).lstat()
        target = place(os.path.basename(name), self._layout)
        if facts.st_nlink > 1:
            if self._kind == "rebalance":  # the real one, too, moves links for remove-brick only
                self._count(source, "skipped", int(target != source))
                return
            target = self._first_links.setdefault(facts.st_ino, target)
        if target == source:
            return
        try:
            self._move(source, target, name)
        except OSError as error:
            print(f"{name}: {error}", file=sys.stderr)
            self._count(source, "failures")
        else:
            self._count(source, "files")
            self._count(source, "size", facts.st_size)
        self._breathe(self._pause_s)

    def _move(self, source: SubVolume, target: SubVolume, name: str) -> None:
        faults = Faults(self._cluster.state_dir)
        if any(fnmatch.fnmatch(name, pattern) for pattern in faults.names("fail_files")):
            raise OSError("moving it fails, as a fault says")
        if set(faults.names("full_bricks")) & set(target):
            raise OSError(f"no room on {target}")
        for i in range(len(source)):
            copy(brick_path(source[i]) / name, brick_path(target[i]) / name)
        for brick in source:  # only when all copies are in place: killed in between, none is lost
            (brick_path(brick) / name).unlink()

    def _count(self, source: SubVolume, what: Counted, by: int = 1) -> None:
        """Counts something, in all and for the node whose files they are."""
        mine = self._progress["nodes"].setdefault(host_of(source[0]), {**NOTHING})
        mine[what] += by
        self._progress[what] += by

    def _breathe(self, seconds: float) -> None:
        """Lets time pass, heeds a stop, and stands still while the fault says so."""
        until = time.monotonic() + seconds
        while True:
            if self._cluster.stop_request(self._task_id).exists():
                raise StopAsked
            frozen = Faults(self._cluster.state_dir).has("freeze")
            if not frozen:
                self._tell()
            left = until - time.monotonic()
            if left <= 0 and not frozen:
                return
            time.sleep(min(0.02 if frozen else left, 0.05))

    def _tell(self) -> None:
        self._progress["runtime"] = float(int(time.time() - self._progress["started_at"]))
        self._cluster.write_progress(self._task_id, self._progress)


def copy(source: Path, target: Path) -> None:
    """Copies a file so that its name appears when all of its bytes are there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(UNFINISHED + target.name)
    shutil.copy2(source, unfinished, follow_symlinks=False)
    unfinished.replace(target)


def main(arguments: list[str]) -> None:
    """Does one task from its beginning to its end: STATE_DIR TASK_ID."""
    state_dir, task_id = arguments
    rate = float(os.environ.get(FILES_PER_SECOND, "60"))
    Mover(Cluster(Path(state_dir)), task_id, files_per_second=rate).run()


if __name__ == "__main__":
    main(sys.argv[1:])
