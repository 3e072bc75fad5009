"""One unit of work: events are delivered, letters follow, until all is quiet; then all is stored at once."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from orchestrator.core import event as ev
from orchestrator.core.entity import CommandEntity, NewCommand, TaskEntity, task_of
from orchestrator.core.errors import ContendedError
from orchestrator.core.machine import is_fenced, react
from orchestrator.core.ports import Transaction
from orchestrator.core.reaction import (
    AnyEffect,
    Effect,
    Letter,
    Policy,
    StoreTask,
    StoreValue,
    To,
)
from orchestrator.core.status import FINAL, Outcome, Status, TaskState
from orchestrator.engine.history import transition_of
from orchestrator.engine.task_ends import event_of_end, given_up
from orchestrator.engine.vault import Vault

MOMENT = timedelta(microseconds=1)
ATTENTION = Status.NEEDS_ATTENTION
LIVE = tuple(status for status in Status if status not in FINAL)


class UnitOfWork:
    """Runs the machine over the commands that a transaction touches, each loaded and stored once."""

    def __init__(
        self, tx: Transaction, now: datetime, policy: Policy, rng: random.Random, vault: Vault
    ) -> None:
        self.tx, self.vault = tx, vault
        self.now = now
        self.policy = policy
        self.rng = rng
        self.became_ready: dict[str, None] = {}  # in order
        self.ended_roots: list[str] = []
        self._commands: dict[str, CommandEntity] = {}
        self._before: dict[str, CommandEntity] = {}
        self._paths: dict[str, list[Status]] = {}
        self._causes: dict[str, list[str]] = {}
        self._trusted: set[str] = set()
        self._actor: tuple[str, str] | None = None  # and the root of the tree that it acts on
        self._actors: dict[str, str] = {}
        self._stuck: dict[str, int] = {}  # by root: how many more need attention than before
        self._new: dict[str, NewCommand] = {}
        self._values: dict[str, Any] = {}
        self._queue: deque[tuple[str, ev.Event]] = deque()

    # --- what is known ---------------------------------------------------------------------------

    def command(self, command_id: str) -> CommandEntity | None:
        """Gives a command as it stands now, in this unit."""
        if command_id not in self._commands:
            self.load((command_id,))
        return self._commands.get(command_id)

    def trust(self, commands: Iterable[CommandEntity]) -> None:
        """Takes commands as last seen, unread. Each must be changed here: only that proves that it stood so."""
        for command in commands:
            self._take((command,))
            self._trusted.add(command.command_id)

    def see(self, commands: Iterable[CommandEntity]) -> None:
        """Takes commands as they were when last seen, for decisions that harm nobody should they be wrong."""
        self._take(commands)

    def load(self, ids: Iterable[str]) -> None:
        """Loads and locks commands, those that are not known yet."""
        missing = [one for one in dict.fromkeys(ids) if one not in self._commands]
        if missing:
            self._take(self.tx.lock(missing))

    def knows(self, command_id: str) -> bool:
        """Tells whether this unit has dealt with a command, so that it is locked or trusted."""
        return command_id in self._commands

    def known(self, command_id: str) -> CommandEntity:
        """Gives a command that this unit has dealt with."""
        return self._commands[command_id]

    def ready(
        self, kinds: Collection[str], limit: int, ahead: int
    ) -> tuple[list[str], list[NewCommand]]:
        """Finds commands of these kinds that are ready and that nobody else is about to claim.

        Gives their ids, those that were submitted first before others, and what `look` would give for them.
        """
        # The store still shows as ready what this unit has claimed.
        known = sum(one.status is Status.READY for one in self._before.values())
        found = self.tx.ready(kinds, limit + known, ahead)
        ready = [one for one in found if one.entity.status is Status.READY]
        self._take(one.entity for one in ready)
        order = sorted((one.entity.created_at, one.entity.command_id) for one in ready)
        free = [one for _, one in order if self.known(one).status is Status.READY]
        return free[:limit], found

    def _take(self, found: Iterable[CommandEntity]) -> list[str]:
        ids = []
        for command in found:
            ids.append(command.command_id)
            if command.command_id not in self._commands:
                self._commands[command.command_id] = command
                self._before[command.command_id] = command
        return ids

    def add(self, commands: Sequence[NewCommand]) -> None:
        """Takes in commands that are to be stored; they are inserted as they stand at the end."""
        for new in commands:
            self._new[new.entity.command_id] = new
            self._commands[new.entity.command_id] = new.entity
            self._before[new.entity.command_id] = new.entity

    def new(self, command_id: str) -> NewCommand | None:
        """Gives a command that this unit is about to insert; None when it is stored already."""
        return self._new.get(command_id)

    # --- what happens ----------------------------------------------------------------------------

    def is_fenced(self, command_id: str, event: ev.Event) -> bool:
        """Tells whether the speaker has lost its claim."""
        command = self.command(command_id)
        return command is not None and is_fenced(command, event)

    @contextmanager
    def by(self, actor: str | None, root_id: str) -> Iterator[None]:
        """Has what happens in one tree meanwhile bear the name of who caused it."""
        self._actor = None if actor is None else (actor, root_id)
        try:
            yield
        finally:
            self._actor = None

    def tell(self, command_id: str, event: ev.Event) -> bool:
        """Delivers an event and all that follows from it.

        False when the speaker has lost its claim, or there is no such command. Raises Impossible when the
        event cannot happen to the command in its status.
        """
        command = self.command(command_id)
        if command is None or is_fenced(command, event):
            return False
        self._queue.append((command_id, event))
        while self._queue:
            self._deliver(*self._queue.popleft())
        return True

    def _deliver(self, command_id: str, event: ev.Event) -> None:
        command = self.command(command_id)
        if command is None:
            return
        policy = (
            replace(self.policy, random=self.rng.random()) if _needs_random(event) else self.policy
        )
        reaction = react(command, event, self.now, policy)
        self._keep(command, reaction.command, event)
        for effect in reaction.effects:
            self._carry_out(command_id, effect)
        for letter in reaction.letters:
            self._post(reaction.command, letter)

    def _keep(self, before: CommandEntity, after: CommandEntity, event: ev.Event) -> None:
        command_id = after.command_id
        self._commands[command_id] = after
        if before is after:
            return
        self._causes.setdefault(command_id, []).append(type(event).__name__)
        if self._actor is not None and self._actor[1] == after.root_id:
            self._actors[command_id] = self._actor[0]
        if (before.status is ATTENTION) is not (after.status is ATTENTION):
            change = 1 if after.status is ATTENTION else -1
            self._stuck[after.root_id] = self._stuck.get(after.root_id, 0) + change
        path = self._paths.setdefault(command_id, [before.status])
        if after.status is not path[-1]:
            path.append(after.status)
        if after.status is Status.READY:
            self.became_ready[command_id] = None
        else:
            self.became_ready.pop(command_id, None)
        if after.is_root and after.status in FINAL and before.status not in FINAL:
            self.ended_roots.append(command_id)

    def _post(self, sender: CommandEntity, letter: Letter) -> None:
        for one in self._addressees(sender, letter.to):
            known = self._commands.get(one)
            # What cannot be read is stopped once it is mended: the scheduler looks again.
            if known is None or known.unreadable is None or not isinstance(letter.event, ev.Stop):
                self._queue.append((one, letter.event))

    def _addressees(self, sender: CommandEntity, to: To | str) -> list[str]:
        match to:
            case str():
                return [to]
            case To.PARENT:
                return [sender.parent_id] if sender.parent_id else []
            case To.NEXT:
                return [sender.next_id] if sender.next_id else []
            case To.PREVIOUS:
                return self._one(self._previous(sender))
            case To.FIRST_PART:
                return self._one(self._edge(sender, last=False))
            case To.LAST_PART:
                return self._one(self._edge(sender, last=True))
            case To.PARTS:
                return self._parts(sender, None)
            case To.PENDING_PARTS:
                return self._parts(sender, (Status.PENDING,))
            case To.LIVE_PARTS:
                return self._parts(sender, LIVE)

    def _one(self, found: CommandEntity | None) -> list[str]:
        return [] if found is None else self._take((found,))

    def _parts(self, parent: CommandEntity, statuses: tuple[Status, ...] | None) -> list[str]:
        new = [
            one.entity.command_id
            for one in self._new.values()
            if one.entity.parent_id == parent.command_id
        ]
        ids = new or self._take(self.tx.parts(parent.command_id, statuses))
        if statuses is None:
            return ids
        return [one for one in ids if self._commands[one].status in statuses]

    def _edge(self, parent: CommandEntity, *, last: bool) -> CommandEntity | None:
        new = [
            one.entity
            for one in self._new.values()
            if one.entity.parent_id == parent.command_id and one.entity.in_sequence
        ]
        if new:
            return new[-1 if last else 0]
        return self.tx.edge_part(parent.command_id, last=last)

    def _previous(self, command: CommandEntity) -> CommandEntity | None:
        return self.tx.previous(command.command_id)

    # --- effects ---------------------------------------------------------------------------------

    def _carry_out(self, command_id: str, effect: AnyEffect) -> None:
        match effect:
            case StoreValue(value):
                self._values[command_id] = value
            case StoreTask():
                self._store_task(self._commands[command_id], effect)
            case Effect.ACQUIRE_LOCKS:
                self._acquire(command_id)
            case Effect.RELEASE_LOCKS:
                for granted in self.tx.release((command_id,)):
                    self._queue.append((granted, ev.LocksGranted()))
            case Effect.STOP_TASK:
                self._change_task(command_id, lambda task: replace(task, stop_requested=True))
            case Effect.DROP_TASK:
                self._change_task(command_id, given_up)
            case Effect.DROP_PARTS:
                self.tx.drop_parts(command_id)
            case Effect.CHECK_TASK:
                self._check_task(command_id)

    def _store_task(self, command: CommandEntity, wanted: StoreTask) -> None:
        """Stores it as the newest of its command, whatever the clock says: that is the one it is at."""
        earlier = self.tx.open_task(command.command_id)
        new = task_of(
            command,
            wanted.task,
            task_id=str(UUID(int=self.rng.getrandbits(128), version=4)),
            now=self.now,
            tries=wanted.tries,
            retry_in=wanted.retry_in,
        )
        if earlier is not None and new.created_at <= earlier.created_at:
            new = replace(new, created_at=earlier.created_at + MOMENT)
        self.tx.insert_task(new)

    def _acquire(self, command_id: str) -> None:
        if command_id in self._new:
            self.insert_new()  # the lock rows refer to the command
        command = self._commands[command_id]
        blocker = self.tx.acquire(command, self.now)
        if blocker is None:
            self._queue.append((command_id, ev.LocksGranted()))
            return
        message = blocker.describe()
        if blocker.deadlock:
            self._queue.append((command_id, ev.Stop(Outcome.FAILED, message)))
        self._commands[command_id] = command._replace(message=message)

    def _change_task(self, command_id: str, change: Callable[[TaskEntity], TaskEntity]) -> None:
        task = self.tx.open_task(command_id)
        if task is not None:
            self.tx.save_tasks((change(task),))

    def _check_task(self, command_id: str) -> None:
        task = self.tx.open_task(command_id)
        if task is None or (task.state is not TaskState.ENDED and not task.found):
            return
        goes_on = ev.Progressed(task.progress, task.message) if task.found else None
        event = event_of_end(task) or goes_on
        if event is not None:
            self._queue.append((command_id, event))

    # --- the end ---------------------------------------------------------------------------------

    def claim(self, command_id: str, worker_id: str) -> CommandEntity | None:
        """Takes a command for a worker, if it is still to be had."""
        command = self.command(command_id)
        if command is None or command.status is not Status.READY:
            return None
        self.tell(command_id, ev.Claim(worker_id))
        return self._commands[command_id]

    def expect(self, command_id: str, within: timedelta) -> None:
        """Has the scheduler launch a ready command, should nobody have claimed it by then."""
        command = self._commands[command_id]
        self._commands[command_id] = command._replace(wake_at=self.now + within)

    def flush(self) -> None:
        """Stores everything that has changed."""
        self._count_stuck()
        new = self._take_new()
        changed = []
        for command_id, command in self._commands.items():
            before = self._before[command_id]
            if command is not before:
                saved = command._replace(revision=before.revision + 1, last_update_time=self.now)
                self._commands[command_id] = self._before[command_id] = saved
                changed.append(saved)
        if unproven := self._trusted.difference(one.command_id for one in changed):
            raise ContendedError(f"{len(unproven)} commands are not what they were")
        transitions = [
            transition_of(
                self._commands[command_id],
                path,
                self._causes[command_id],
                actor=self._actors.get(command_id),
                at=self.now,
            )
            for command_id, path in self._paths.items()
            if len(path) > 1 or self._is_news(command_id)
        ]
        if changed or transitions or new:
            self.tx.finish(
                changed,
                transitions,
                new=new,
                values=self._values,
                ended_roots=self.ended_roots,
            )

    def _count_stuck(self) -> None:
        """Keeps the count at each root: whoever finds the root finds what is stuck in its tree."""
        for root_id, change in self._stuck.items():
            root = self.command(root_id) if change else None
            if root is not None and root.unreadable is None:
                self._commands[root_id] = root._replace(stuck=max(0, root.stuck + change))
                self._paths.setdefault(root_id, [root.status])
                self._causes.setdefault(root_id, []).append("Stuck" if change > 0 else "Freed")
        self._stuck.clear()

    def insert_new(self) -> None:
        """Stores the commands that were taken in, as they stand now, where that cannot wait for the end."""
        rows = self._take_new()
        if rows:
            self.tx.insert(rows)

    def _take_new(self) -> list[NewCommand]:
        rows = []
        for command_id, new in self._new.items():
            entity = self._commands[command_id]._replace(
                created_at=self.now, last_update_time=self.now
            )
            self._commands[command_id] = self._before[command_id] = entity
            if not entity.is_root and entity.status not in FINAL:
                self._paths.pop(command_id, None)  # its log starts with its first move after this
            rows.append(NewCommand(entity, new.payload))
        self._new.clear()
        return rows

    def _is_news(self, command_id: str) -> bool:
        return bool(
            {"Stop", "Progressed", "PartAdded", "Stuck", "Freed"}.intersection(
                self._causes[command_id]
            )
        )


def _needs_random(event: ev.Event) -> bool:
    return isinstance(event, ev.Abandoned)
