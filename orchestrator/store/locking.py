"""The lock book: who holds which entity, and who waits in which place of its queue.

All or nothing: a command that cannot have all its locks holds none and waits in every queue. First come, first
served: nobody overtakes a waiting command, except a part of a command that already holds locks, for the waiting
one may be waiting for just those.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.core.entity import CommandEntity
from orchestrator.core.locks import Blocker, Lock, LockMode
from orchestrator.store import codec, statements
from orchestrator.store.tables import command_entity, entity_lock

_l = entity_lock.c
NESTED_GATE = (
    0  # commands that wait while they hold are let in one at a time, so no circle stays unseen
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of the lock book."""

    lock: Lock
    command_id: str
    root_id: str
    held: bool
    place: int

    def conflicts(self, lock: Lock) -> bool:
        """Whether both cannot be held at once."""
        return LockMode.EXCLUSIVE in (self.lock.mode, lock.mode)


class LockBook:
    """The lock book as seen in one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def acquire(self, command: CommandEntity, now: datetime) -> Blocker | None:
        """Takes all locks of the command, or queues for all of them and says who is in the way."""
        self._gate(command.locks)
        ancestors = self._ancestors(command)
        nested = bool(ancestors) and self._holds_any(command.root_id)
        place = int(now.timestamp() * 1_000_000)
        in_the_way = self._in_the_way(command, ancestors, None if nested else place)
        rows = [
            {
                "entity_type": lock.entity_type,
                "entity_id": lock.entity_id,
                "command_id": command.command_id,
                "root_id": command.root_id,
                "mode": lock.mode,
                "held": in_the_way is None,
                "place": place,
                "since": now,
            }
            for lock in command.locks
        ]
        self._connection.execute(sa.insert(entity_lock), rows)
        if in_the_way is None:
            return None
        deadlock = nested and self._would_wait_for_itself(command)
        return self._blocker(in_the_way, deadlock=deadlock)

    def release(self, command_ids: Collection[str]) -> list[str]:
        """Frees what these commands hold or wait for; gives those that now hold all they wanted."""
        ids = list(command_ids)
        freed = self._claims(_l.command_id.in_(ids))
        if not freed:
            return []
        entities = [(one.lock.entity_type, one.lock.entity_id) for one in freed]
        # Who waits for one of these may wait for others too, and their holders may be leaving just now: each would
        # see the other still hold, and nobody would grant. So all pass the gates of all that the waiting want.
        wanted = [one.lock for one in self._wanted_with(entities)]
        self._gate((*wanted, *(one.lock for one in freed)))
        self._connection.execute(sa.delete(entity_lock).where(_l.command_id.in_(ids)))
        late = [one.lock for one in self._wanted_with(entities) if one.lock not in wanted]
        self._gate(
            late
        )  # of who has queued in between; out of order, but a deadlock would be tried again
        waiting = self._claims(_entity_in(entities), _l.held.is_(False))
        granted = []
        for command_id in dict.fromkeys(one.command_id for one in waiting):
            if self._grant(command_id):
                granted.append(command_id)
        return granted

    def _wanted_with(self, entities: Collection[tuple[str, str]]) -> list[Claim]:
        """Gives all that those want who wait for one of these entities."""
        if self._connection.dialect.name != "postgresql":
            return []
        waiting = sa.select(_l.command_id).where(_entity_in(entities), _l.held.is_(False))
        return self._claims(_l.command_id.in_(waiting))

    def _grant(self, command_id: str) -> bool:
        command = self._command(command_id)
        if command is None:
            return False
        ancestors = self._ancestors(command)
        nested = bool(ancestors) and self._holds_any(command.root_id)
        place = min(one.place for one in self._claims(_l.command_id == command_id))
        if self._in_the_way(command, ancestors, None if nested else place) is not None:
            return False
        self._connection.execute(
            sa.update(entity_lock).where(_l.command_id == command_id).values(held=True)
        )
        return True

    def _in_the_way(
        self, command: CommandEntity, ancestors: frozenset[str], place: int | None
    ) -> tuple[Lock, Claim] | None:
        """Finds who holds, or waits before `place` for, what the command wants."""
        entities = [(one.entity_type, one.entity_id) for one in command.locks]
        others = self._claims(_entity_in(entities), _l.command_id != command.command_id)
        for lock in command.locks:
            for other in others:
                same = (other.lock.entity_type, other.lock.entity_id) == (
                    lock.entity_type,
                    lock.entity_id,
                )
                if not same or not other.conflicts(lock) or other.command_id in ancestors:
                    continue
                if other.held or (place is not None and other.place < place):
                    return lock, other
        return None

    def _would_wait_for_itself(self, command: CommandEntity) -> bool:
        """Follows, from tree to tree, who waits for whom; a way back to this tree is a deadlock."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.select(sa.func.pg_advisory_xact_lock(NESTED_GATE)))
        claims = self._claims()
        seen, queue = set[str](), [command.root_id]
        while queue:
            root = queue.pop()
            for wanted in (one for one in claims if one.root_id == root and not one.held):
                for holder in claims:
                    if not holder.held or not _conflict(wanted, holder) or holder.root_id == root:
                        continue
                    if holder.root_id == command.root_id:
                        return True
                    if holder.root_id not in seen:
                        seen.add(holder.root_id)
                        queue.append(holder.root_id)
        return False

    def _blocker(self, found: tuple[Lock, Claim], *, deadlock: bool) -> Blocker:
        lock, other = found
        kind = self._connection.execute(
            sa.select(command_entity.c.action_type).where(
                command_entity.c.command_id == other.command_id
            )
        ).scalar()
        return Blocker(
            lock=lock, command_id=other.command_id, kind=kind or "unknown", deadlock=deadlock
        )

    def _claims(self, *where: sa.ColumnElement[bool]) -> list[Claim]:
        rows = self._connection.execute(
            sa.select(
                _l.entity_type, _l.entity_id, _l.mode, _l.command_id, _l.root_id, _l.held, _l.place
            )
            .where(*where)
            .order_by(_l.place, _l.command_id)
        )
        return [
            Claim(Lock(row[0], row[1], LockMode(row[2])), row[3], row[4], bool(row[5]), row[6])
            for row in rows
        ]

    def _holds_any(self, root_id: str) -> bool:
        found = sa.select(_l.command_id).where(_l.root_id == root_id, _l.held.is_(True)).limit(1)
        return self._connection.execute(found).first() is not None

    def _command(self, command_id: str) -> CommandEntity | None:
        statement = statements.HEADS.where(command_entity.c.command_id == command_id)
        row = self._connection.execute(statement).first()
        return None if row is None else codec.to_entity(row)

    def _ancestors(self, command: CommandEntity) -> frozenset[str]:
        """Gives the ids of the commands above: what they hold covers their parts."""
        if command.parent_id is None:
            return frozenset()
        above = (
            sa.select(command_entity.c.command_id, command_entity.c.parent_id)
            .where(command_entity.c.command_id == command.parent_id)
            .cte("above", recursive=True)
        )
        above = above.union_all(
            sa.select(command_entity.c.command_id, command_entity.c.parent_id).join(
                above, command_entity.c.command_id == above.c.parent_id
            )
        )
        rows = self._connection.execute(sa.select(above.c.command_id))
        return frozenset(row[0] for row in rows)

    def _gate(self, locks: Iterable[Lock]) -> None:
        """Lets one transaction at a time look at an entity's queue; all pass the gates in one order."""
        if self._connection.dialect.name != "postgresql":
            return  # a writing transaction of SQLite is alone anyway
        for key in sorted({zlib.crc32(str(lock).encode()) + 1 for lock in locks}):
            self._connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def _conflict(one: Claim, other: Claim) -> bool:
    same = (one.lock.entity_type, one.lock.entity_id) == (
        other.lock.entity_type,
        other.lock.entity_id,
    )
    return same and one.conflicts(other.lock)


def _entity_in(entities: Collection[tuple[str, str]]) -> sa.ColumnElement[bool]:
    wanted: list[Any] = [
        sa.and_(_l.entity_type == kind, _l.entity_id == one) for kind, one in set(entities)
    ]
    return sa.or_(*wanted)
