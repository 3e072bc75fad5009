"""The lock book of the memory store: the same rules as `orchestrator.store.locking`, on a list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.core.entity import CommandEntity
from orchestrator.core.locks import Blocker, Lock, LockMode, LockRow


@dataclass(frozen=True, slots=True)
class Row:
    """Who holds a lock, or waits for it in which place."""

    lock: Lock
    command_id: str
    root_id: str
    held: bool
    place: int
    since: datetime

    def as_row(self) -> LockRow:
        """Gives what is shown of it."""
        return LockRow(
            lock=self.lock,
            command_id=self.command_id,
            root_id=self.root_id,
            held=self.held,
            since=self.since,
        )


class MemoryLocks:
    """Who holds what, in the order in which it was asked for."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._places = 0

    def acquire(
        self, command: CommandEntity, now: datetime, commands: Mapping[str, CommandEntity]
    ) -> Blocker | None:
        """Takes all locks of the command, or queues for all and says for whom."""
        self._places += 1
        found = self._in_the_way(command, self._places, commands)
        self.rows = [
            *self.rows,
            *(
                Row(lock, command.command_id, command.root_id, found is None, self._places, now)
                for lock in command.locks
            ),
        ]
        if found is None:
            return None
        lock, other = found
        return Blocker(
            lock=lock,
            command_id=other.command_id,
            kind=commands[other.command_id].kind if other.command_id in commands else "unknown",
            deadlock=self._nested(command) and self._waits_for_itself(command.root_id),
        )

    def release(
        self, command_ids: Collection[str], commands: Mapping[str, CommandEntity]
    ) -> list[str]:
        """Frees what these hold or wait for; gives those that now hold all."""
        freed = {_entity(one.lock) for one in self.rows if one.command_id in command_ids}
        self.rows = [one for one in self.rows if one.command_id not in command_ids]
        waiting = [one for one in self.rows if not one.held and _entity(one.lock) in freed]
        granted = []
        for command_id in dict.fromkeys(one.command_id for one in waiting):
            command = commands.get(command_id)
            place = next(one.place for one in self.rows if one.command_id == command_id)
            if command is not None and self._in_the_way(command, place, commands) is None:
                granted.append(command_id)
                self.rows = [
                    replace(one, held=True) if one.command_id == command_id else one
                    for one in self.rows
                ]
        return granted

    def _nested(self, command: CommandEntity) -> bool:
        return command.parent_id is not None and any(
            one.held and one.root_id == command.root_id for one in self.rows
        )

    def _in_the_way(
        self, command: CommandEntity, place: int, commands: Mapping[str, CommandEntity]
    ) -> tuple[Lock, Row] | None:
        above = _ancestors(command, commands)
        nested = self._nested(command)
        for lock in command.locks:
            for other in self.rows:
                if _entity(other.lock) != _entity(lock) or other.command_id == command.command_id:
                    continue
                if LockMode.EXCLUSIVE not in (other.lock.mode, lock.mode):
                    continue
                if other.command_id in above:
                    continue
                if other.held or (not nested and other.place < place):
                    return lock, other
        return None

    def _waits_for_itself(self, root: str) -> bool:
        seen, queue = {root}, [root]
        while queue:
            waiter = queue.pop()
            for wanted in [one for one in self.rows if one.root_id == waiter and not one.held]:
                for holder in self.rows:
                    clash = LockMode.EXCLUSIVE in (holder.lock.mode, wanted.lock.mode)
                    if not holder.held or _entity(holder.lock) != _entity(wanted.lock) or not clash:
                        continue
                    if holder.root_id == waiter:
                        continue
                    if holder.root_id == root:
                        return True
                    if holder.root_id not in seen:
                        seen.add(holder.root_id)
                        queue.append(holder.root_id)
        return False


def _entity(lock: Lock) -> tuple[str, str]:
    return lock.entity_type, lock.entity_id


def _ancestors(command: CommandEntity, commands: Mapping[str, CommandEntity]) -> set[str]:
    above: set[str] = set()
    parent = command.parent_id
    while parent is not None and parent in commands:
        above.add(parent)
        parent = commands[parent].parent_id
    return above
