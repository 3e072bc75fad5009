"""Locks on entities, as a command declares them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LockMode(StrEnum):
    """Exclusive conflicts with all others; shared only with exclusive."""

    SHARED = "shared"
    EXCLUSIVE = "exclusive"


@dataclass(frozen=True, slots=True, order=True)
class Lock:
    """One lock on one entity, for instance (`vm`, `vm-003`)."""

    entity_type: str
    entity_id: str
    mode: LockMode

    def __str__(self) -> str:
        return f"{self.entity_type}:{self.entity_id}"


@dataclass(frozen=True, slots=True)
class Locks:
    """All locks that a command takes, all or none; add them up with `+`."""

    locks: tuple[Lock, ...] = ()

    def __add__(self, other: Locks) -> Locks:
        return Locks(self.locks + other.locks)

    def in_order(self) -> tuple[Lock, ...]:
        """Gives each entity once, in the one order in which all commands take them, strongest mode first."""
        strongest: dict[tuple[str, str], Lock] = {}
        for lock in sorted(self.locks):  # "exclusive" sorts before "shared"
            strongest.setdefault((lock.entity_type, lock.entity_id), lock)
        return tuple(strongest.values())


def exclusive(entity_type: str, *entity_ids: object) -> Locks:
    """Locks the entities against everybody else."""
    return Locks(tuple(Lock(entity_type, str(one), LockMode.EXCLUSIVE) for one in entity_ids))


def shared(entity_type: str, *entity_ids: object) -> Locks:
    """Locks the entities against those who want them exclusively."""
    return Locks(tuple(Lock(entity_type, str(one), LockMode.SHARED) for one in entity_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRow:
    """A lock that a command holds or waits for."""

    lock: Lock
    command_id: str
    root_id: str
    held: bool
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """Why a command waits: who holds, or asked earlier for, the lock that it wants."""

    lock: Lock
    command_id: str
    kind: str
    deadlock: bool = False

    def describe(self) -> str:
        """Gives the line that operators read while a command waits for the lock."""
        held = f"lock {self.lock} held by command {self.command_id} ({self.kind})"
        if self.deadlock:
            return f"would wait for ever for {held}, which waits for what this one holds"
        return f"waits for {held}"
