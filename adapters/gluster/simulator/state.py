"""The simulated cluster on disk: its volumes, its tasks, and glusterd's big lock."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict, cast

from adapters.gluster.simulator.faults import Faults
from adapters.gluster.simulator.placement import SubVolume, brick_path

PRE_VALIDATION = "Pre Validation failed on {}. "
STAGING = "Staging failed on {}. Error: "
STARTED = 1
STOPPED = 2


class Task(TypedDict):
    """A volume's task: there is at most one."""

    task_id: str
    kind: str  # rebalance, fix-layout, remove-brick
    bricks: list[str]


class Volume(TypedDict):
    """A volume. `layout` is what its names are spread over, `leaving` what is being drained.

    `group_size` bricks hold the same files; those of a dispersed volume as copies, too, here.
    """

    volume_id: str
    status: int
    group_size: int
    arbiter_count: int
    redundancy_count: int
    is_dispersed: bool
    bricks: list[str]
    layout: list[SubVolume]
    leaving: list[str]
    out_of_use: list[str]
    task: Task | None


class NodeProgress(TypedDict):
    """What a task's daemon has done of one node's files."""

    files: int
    size: int
    lookups: int
    failures: int
    skipped: int


NOTHING: NodeProgress = {"files": 0, "size": 0, "lookups": 0, "failures": 0, "skipped": 0}


class Progress(NodeProgress):
    """What a task's daemon has done so far; `status` is Gluster's number.

    One daemon here stands for those of all nodes; `nodes` are by host.
    """

    nodes: dict[str, NodeProgress]
    status: int
    started_at: float
    runtime: float
    pid: int


class Cluster:
    """The cluster in one directory. Requests hold `lock`; daemons write their own progress only."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.tasks_dir = state_dir / "tasks"
        self.tasks_dir.mkdir(parents=True, exist_ok=True)
        self.faults = Faults(state_dir)
        self.nodes: dict[str, str] = {}
        self.volumes: dict[str, Volume] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the one lock of the cluster: requests queue here. Saves when all went well."""
        with (self.state_dir / "glusterd.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._load()
            yield
            self._save()

    def node_id(self, brick: str) -> str:
        """Gives the id of a brick's node. The first node ever asked for is the one asked here."""
        return self.nodes.setdefault(host_of(brick), new_id())

    def is_here(self, brick: str) -> bool:
        """Whether a brick is on the node that answers."""
        return next(iter(self.nodes), host_of(brick)) == host_of(brick)

    def was_down(self, down: bool) -> bool:
        """Remembers whether glusterd is down; gives whether it was at the request before."""
        marker = self.state_dir / "down"
        was = marker.exists()
        if down:
            marker.touch()
        else:
            marker.unlink(missing_ok=True)
        return was

    def read_job(self, task_id: str) -> dict[str, Any]:
        """Gives what a daemon was told to do."""
        job: dict[str, Any] = json.loads((self.tasks_dir / f"{task_id}.job").read_text())
        return job

    def write_job(self, task_id: str, job: dict[str, Any]) -> None:
        """Keeps what a daemon is told to do."""
        _replace(self.tasks_dir / f"{task_id}.job", job)

    def read_progress(self, task_id: str) -> Progress:
        """Gives how far a daemon has come."""
        progress: Progress = json.loads((self.tasks_dir / f"{task_id}.progress").read_text())
        return progress

    def write_progress(self, task_id: str, progress: Progress) -> None:
        """Keeps how far a daemon has come."""
        _replace(self.tasks_dir / f"{task_id}.progress", progress)

    def life_line(self, task_id: str) -> Path:
        """Gives the file that a living daemon holds locked; a pid may be another's by now."""
        return self.tasks_dir / f"{task_id}.alive"

    def is_alive(self, task_id: str) -> bool:
        """Whether the task's daemon lives."""
        return not self.wait_for_death(task_id, seconds=0)

    def wait_for_death(self, task_id: str, *, seconds: float) -> bool:
        """Waits until the task's daemon has ended; gives whether it has."""
        deadline = time.monotonic() + seconds
        with self.life_line(task_id).open("a") as line:
            while True:
                try:
                    fcntl.flock(line, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        return False
                    time.sleep(0.01)
                else:
                    return True

    def stop_request(self, task_id: str) -> Path:
        """Gives the file whose existence tells a daemon to stop."""
        return self.tasks_dir / f"{task_id}.stop"

    def _load(self) -> None:
        try:
            found = json.loads((self.state_dir / "cluster.json").read_text())
        except FileNotFoundError:
            self.nodes, self.volumes = {}, {}
        else:
            self.nodes, volumes = found.get("nodes", {}), found["volumes"]
            self.volumes = {name: _as_today(volume) for name, volume in volumes.items()}

    def _save(self) -> None:
        self.volumes = dict(sorted(self.volumes.items()))  # glusterd lists them by name
        _replace(self.state_dir / "cluster.json", {"nodes": self.nodes, "volumes": self.volumes})


def host_of(brick: str) -> str:
    """Gives the node of a brick (`host:/path`)."""
    return brick.partition(":")[0]


def new_id() -> str:
    """Gives a random id in the form of a UUID; the library for that takes long to load."""
    digits = os.urandom(16).hex()
    parts = digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]
    return "-".join(parts)


def _as_today(stored: dict[str, Any]) -> Volume:
    """Gives a volume as this version keeps it: an older one knew replicas only."""
    added = {
        "group_size": stored.pop("replica_count", 1),
        "arbiter_count": 0,
        "redundancy_count": 0,
        "is_dispersed": False,
        "out_of_use": [],
    }
    return cast("Volume", added | stored)


def prepare(cluster: Cluster, bricks: list[str], *, step: str = PRE_VALIDATION) -> str | None:
    """Makes the directories of new bricks; or gives why they cannot be used, in Gluster's words.

    `step` is how an answer begins that came from the node where the brick is to be.
    """
    for brick in bricks:
        where = "" if cluster.is_here(brick) else step.format(host_of(brick))
        if any(brick in volume["bricks"] for volume in cluster.volumes.values()):
            return (
                f"{where}Brick: {brick} not available. "
                "Brick may be containing or be contained by an existing brick."
            )
        if not brick_path(brick).parent.is_dir():
            return (
                f"{where}Failed to create brick directory for brick {brick}. "
                "Reason : No such file or directory "
            )
    for brick in bricks:
        cluster.node_id(brick)
        brick_path(brick).mkdir(exist_ok=True)
    return None


def _replace(path: Path, content: Any) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_text(json.dumps(content))
    new.replace(path)
