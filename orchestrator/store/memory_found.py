"""What adoption asks of the memory store; the same answers as the SQL store gives."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from orchestrator.core.entity import TaskEntity
from orchestrator.core.errors import ContendedError
from orchestrator.core.ports import ScopeNote
from orchestrator.core.status import TaskState
from orchestrator.store.memory_books import Books


class FoundTasks:
    """Tells what a transaction must know before it adopts a task."""

    _books: Books

    def starting(self, system: str, scope: str) -> set[str]:
        return {
            one.verb
            for one in self._in(system, scope)
            if one.state is not TaskState.CLEARED and one.external_id is None
        }

    def same_tasks(self, system: str, scope: str, ids: Collection[str]) -> list[TaskEntity]:
        return [
            one for one in self._in(system, scope) if one.external_id in ids or one.task_id in ids
        ]

    def _in(self, system: str, scope: str) -> list[TaskEntity]:
        tasks = self._books.tasks.values()
        return [one for one in tasks if (one.system, one.scope) == (system, scope)]


class ScopeNotes:
    """Keeps how scopes answered, and counts what is open in each."""

    books: Books

    def note_scope(self, note: ScopeNote) -> None:
        self.books.scope_notes[note.system, note.scope] = note

    def scope_notes(self) -> list[ScopeNote]:
        return sorted(self.books.scope_notes.values())

    def count_open_tasks(self) -> dict[tuple[str, str], tuple[int, int]]:
        counts: dict[tuple[str, str], tuple[int, int]] = {}
        for one in self.books.tasks.values():
            if one.state is not TaskState.CLEARED:
                every, found = counts.get((one.system, one.scope), (0, 0))
                counts[one.system, one.scope] = (every + 1, found + one.found)
        return counts


def check_found_once(task: TaskEntity, tasks: Iterable[TaskEntity]) -> None:
    """Raises ContendedError where a found task is stored already and not cleared."""
    place = (task.system, task.scope, task.external_id)
    if task.found and any(
        one.found
        and one.state is not TaskState.CLEARED
        and (one.system, one.scope, one.external_id) == place
        for one in tasks
    ):
        raise ContendedError(f"the found task {task.external_id} is stored already")
