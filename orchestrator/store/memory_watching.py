"""What the monitor asks of the memory store; the same answers as the SQL store gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from orchestrator.core.audit import AuditQuery, Deed
from orchestrator.core.entity import CommandEntity, TaskEntity, touches_of
from orchestrator.core.pause import PAUSED, Pause, PauseOf
from orchestrator.core.ports import Straggler
from orchestrator.core.progress import roll_up
from orchestrator.core.query import CommandQuery, Page, TaskQuery
from orchestrator.core.status import FINAL, Status
from orchestrator.store.memory_books import Books

BAD = (Status.FAILED, Status.STOPPED, Status.NEEDS_ATTENTION)


class MemoryWatching:
    """Reads what people watch."""

    books: Books

    def unreadable(self, limit: int) -> list[tuple[str, str]]:
        return []  # there are no rows

    def being_stopped(self, limit: int) -> list[CommandEntity]:
        found = [
            one
            for one in self.books.commands.values()
            if one.stopping is not None and one.status not in FINAL
        ]
        found.sort(key=lambda one: (one.last_update_time is not None, one.last_update_time))
        return found[:limit]

    def stragglers(self, limit: int) -> list[Straggler]:
        found: list[Straggler] = []
        live = [one for one in self.books.commands.values() if one.status not in FINAL]
        for one in live:
            parent = self.books.commands.get(one.parent_id or "")
            is_due = one.status in (Status.READY, Status.DELAYED)
            if one.stopping and is_due and one.wake_at is None:
                found.append(Straggler(one.command_id, None, ""))
            elif parent and parent.stopping and parent.status not in FINAL and not one.stopping:
                found.append(Straggler(one.command_id, parent.stopping, parent.message or ""))
        return found[:limit]

    def get_all(self, ids: Collection[str]) -> list[CommandEntity]:
        return [self.books.commands[one] for one in ids if one in self.books.commands]

    def get_parts(
        self, parent_id: str, statuses: Collection[Status], limit: int, cursor: str | None
    ) -> Page[CommandEntity]:
        parts = self.get_all(self.books.parts.get(parent_id, ()))
        found = [one for one in parts if not statuses or one.status in statuses]
        found.sort(key=lambda one: (one.order < 0, one.order))
        start = int(cursor or 0)
        after = start + limit
        return Page(
            tuple(found[start:after]), str(after) if after < len(found) else None, len(found)
        )

    def matching(self, query: CommandQuery) -> list[CommandEntity]:
        """Gives all that a query asks for, in no order."""
        trees = self._trees(query)
        return [
            one
            for one in self.books.commands.values()
            if (trees is None or one.root_id in trees) and matches(one, query)
        ]

    def _trees(self, query: CommandQuery) -> set[str] | None:
        """Gives the trees that touch the entity and have the task outside; None for all."""
        commands, tasks = self.books.commands.values(), self.books.tasks.values()
        trees: set[str] | None = None
        if query.entity:
            kind, _, one = query.entity.rpartition(":")
            trees = {
                command.root_id
                for command in commands
                for touched in touches_of(command)
                if touched[1] == one and kind in ("", touched[0])
            }
        if query.external_id:
            outside = {task.root_id for task in tasks if task.external_id == query.external_id}
            trees = outside if trees is None else trees & outside
        return trees

    def count_commands(self, query: CommandQuery, most: int | None = None) -> dict[Status, int]:
        found = self.matching(query)
        counts = _counts(found)
        if not query.parts:
            counts[Status.NEEDS_ATTENTION] = sum(one.stuck > 0 for one in found)
        return {status: min(count, most or count) for status, count in counts.items() if count}

    def stuck(self, root_ids: Collection[str]) -> list[CommandEntity]:
        firsts: dict[str, str] = {}
        for one in self.books.commands.values():
            if one.status is Status.NEEDS_ATTENTION and one.root_id in root_ids:
                known = firsts.get(one.root_id, one.command_id)
                firsts[one.root_id] = min(one.command_id, known)
        return self.get_all(firsts.values())

    def all_stuck(self, root_id: str) -> list[str]:
        return sorted(
            one.command_id
            for one in self.books.commands.values()
            if one.status is Status.NEEDS_ATTENTION and one.root_id == root_id
        )

    def waiting_kinds(self) -> dict[str, int]:
        waiting = (one.kind for one in self.books.commands.values() if one.wake_at)
        return dict(Counter(waiting))

    def pauses(self) -> list[Pause]:
        return [self.books.pauses[one] for one in sorted(self.books.pauses)]

    def sleeping(self, of: PauseOf, name: str) -> list[str]:
        places = {one.command_id: f"{one.system}/{one.scope}" for one in self.books.tasks.values()}
        return [
            one.command_id
            for one in self.books.commands.values()
            if one.status is Status.DELAYED
            and (one.message or "").startswith(PAUSED)
            and name
            == {
                PauseOf.COMMAND: one.root_id,
                PauseOf.KIND: one.kind,
                PauseOf.SCOPE: places.get(one.command_id),
            }[of]
        ]

    def count_stuck(self) -> int:
        return sum(one.stuck for one in self.books.commands.values())

    def count_parts(self, parent_id: str) -> dict[Status, int]:
        return _counts(self.get_all(self.books.parts.get(parent_id, ())))

    def progress(self, ids: Collection[str]) -> dict[str, float]:
        means = {one: roll_up(self._below(one)).get(one) for one in ids}
        return {one: mean for one, mean in means.items() if mean is not None}

    def _below(self, top: str) -> list[CommandEntity]:
        found, stack = list[CommandEntity](), [top]
        while stack:
            command = self.books.commands.get(stack.pop())
            if command is not None:
                found.append(command)
                stack.extend(self.books.parts.get(command.command_id, ()))
        return found

    def deeds(self, query: AuditQuery) -> Page[Deed]:
        last = int(query.cursor) if query.cursor else len(self.books.audit) + 1
        found = [
            one
            for one in reversed(self.books.audit)
            if one.number < last
            and query.actor in (None, one.actor)
            and query.verb in (None, one.verb)
            and query.entity in (None, one.entity)
            and query.command_id in (None, one.command_id, one.root_id)
            and (query.since is None or one.at >= query.since)
            and (query.until is None or one.at < query.until)
        ]
        page = tuple(found[: query.limit])
        return Page(page, str(page[-1].number) if len(found) > query.limit else None)

    def find_tasks(self, query: TaskQuery) -> Page[TaskEntity]:
        found = [
            one
            for one in self.books.tasks.values()
            if one.system == query.system
            and query.scope in (None, one.scope)
            and (not query.statuses or self.books.commands[one.command_id].status in query.statuses)
        ]
        found.sort(key=lambda one: (one.created_at, one.task_id), reverse=True)
        start = int(query.cursor or 0)
        after = start + query.limit
        return Page(tuple(found[start:after]), str(after) if after < len(found) else None)


def matches(command: CommandEntity, query: CommandQuery) -> bool:
    """Tells whether a list that the query asks for shows the command."""
    text = (query.text or "").lower()
    error = (query.error or "").lower()
    return all(
        (
            query.parts or command.is_root,
            not query.statuses or _in_statuses(command, query),
            query.kind in (None, command.kind),
            query.owner in (None, command.owner_id),
            query.owner_type in (None, command.owner_type),
            _is_correlated(command, query),
            command.command_id.startswith(query.id_prefix or ""),
            not error or (command.status in BAD and error in (command.message or "").lower()),
            text in command.label.lower() or text in command.kind or command.entity_id == text,
        )
    )


def _in_statuses(command: CommandEntity, query: CommandQuery) -> bool:
    if query.parts or Status.NEEDS_ATTENTION not in query.statuses:
        return command.status in query.statuses
    others = [one for one in query.statuses if one is not Status.NEEDS_ATTENTION]
    return command.stuck > 0 or command.status in others


def _is_correlated(command: CommandEntity, query: CommandQuery) -> bool:
    wanted, found = query.correlation_id, command.correlation_id
    if wanted and query.any_case:
        return found is not None and found.lower() == wanted.lower()
    return wanted in (None, found)


def _counts(commands: Iterable[CommandEntity]) -> dict[Status, int]:
    return dict(Counter(one.status for one in commands))
