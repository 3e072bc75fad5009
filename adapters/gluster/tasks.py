"""What Gluster says of its tasks, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any


class TaskKind(StrEnum):
    """The two kinds of work that Gluster lists as tasks, as verbs of ours."""

    REBALANCE = "rebalance"
    REMOVE_BRICKS = "remove_bricks"

    @property
    def for_engines(self) -> str:
        """The type by the name that oVirt's engine has for it."""
        return "REBALANCE" if self is TaskKind.REBALANCE else "REMOVE_BRICK"


class TaskCode(IntEnum):
    """Gluster's own status numbers."""

    NOT_STARTED = 0
    IN_PROGRESS = 1
    STOPPED = 2
    COMPLETED = 3
    FAILED = 4
    FIX_LAYOUT_IN_PROGRESS = 5
    FIX_LAYOUT_STOPPED = 6
    FIX_LAYOUT_COMPLETED = 7
    FIX_LAYOUT_FAILED = 8
    RESET_BY_REPLACE_BRICK = 9
    RESET_BY_RESET_BRICK = 10

    @property
    def in_words(self) -> str:
        """The code as an operator reads it."""
        return self.name.lower().replace("_", " ")

    @property
    def for_engines(self) -> str:
        """The status by the name that oVirt's engine has for it."""
        if self.is_running:
            return "RUNNING"
        if self.is_completed:
            return "COMPLETED"
        return "ABORTED" if self in _STOPPED else "FAILED"

    @property
    def is_running(self) -> bool:
        """Whether a daemon is, or is said to be, at work."""
        return self in _RUNNING

    @property
    def is_completed(self) -> bool:
        """Whether the daemon went through all it had to; some files may have failed even so."""
        return self in _COMPLETED


_RUNNING = frozenset({TaskCode.NOT_STARTED, TaskCode.IN_PROGRESS, TaskCode.FIX_LAYOUT_IN_PROGRESS})
_STOPPED = frozenset({TaskCode.STOPPED, TaskCode.FIX_LAYOUT_STOPPED})
_COMPLETED = frozenset({TaskCode.COMPLETED, TaskCode.FIX_LAYOUT_COMPLETED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """How much a task has done, summed over the nodes. Gluster tells no total, so no percentage."""

    files: int = 0
    size_bytes: int = 0
    lookups: int = 0
    failures: int = 0
    skipped: int = 0
    runtime_s: float = 0.0

    @property
    def rate(self) -> str:
        """How fast files and bytes have moved, in words; nothing before the first second."""
        if not self.files or self.runtime_s < 1:
            return ""
        files, size = self.files / self.runtime_s, self.size_bytes / self.runtime_s
        return f"{files:.1f} files and {size / 1e6:.1f} MB a second"

    def as_json(self) -> dict[str, Any]:
        """Gives the counters as JSON, names as here."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.files} files ({self.size_bytes} bytes) moved, {self.failures} failed, "
            f"{self.skipped} skipped in {self.runtime_s:.0f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceResult(Counters):
    """What a rebalance did: the return value of its command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBricksResult(Counters):
    """What moving the files off leaving bricks did: the return value of its command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealResult:
    """What a heal did: the return value of its command. `entries` is the most that was pending."""

    entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTask:
    """A task as the list of tasks shows it: without counters."""

    volume: str
    task_id: str
    kind: TaskKind
    code: TaskCode
    bricks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePart:
    """One node's part of a task. Gluster calls the node that was asked "localhost"."""

    node: str
    code: TaskCode
    counters: Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDetail:
    """A task as its own status command shows it: with counters, in all and by node.

    `left_s` is how long Gluster says it will still take; it says so after ten minutes only.
    """

    task_id: str
    code: TaskCode
    counters: Counters
    nodes: tuple[NodePart, ...] = ()
    left_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrickHeal:
    """What is to be healed of a brick's entries; `pending` is None when it cannot be told."""

    is_connected: bool
    pending: int | None
    split_brain: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawl:
    """One walk of a self-heal daemon over what a brick has to be healed.

    `brick` is the number of the brick in its volume; `started` is by the clock of the brick's node,
    whole seconds, no zone: to be compared with other crawls of the same brick only. An index crawl
    looks at what is marked as to be healed, a full one at every file.
    """

    brick: int
    is_full: bool
    started: datetime
    has_ended: bool
    healed: int
    failed: int

    @property
    def is_clean(self) -> bool:
        """Whether it is over and found nothing to do."""
        return self.has_ended and not self.healed and not self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeInfo:
    """A volume and its bricks (`host:/path`), in Gluster's order.

    `group_size` is how many bricks hold the same files: replicas (arbiters included) or fragments.
    """

    name: str
    is_started: bool
    replica_count: int
    group_size: int
    is_dispersed: bool
    bricks: tuple[str, ...]

    def group_of(self, brick: str) -> tuple[str, ...]:
        """Gives the bricks that hold the same files as this one, with it."""
        first = self.bricks.index(brick) // self.group_size * self.group_size
        return self.bricks[first : first + self.group_size]
