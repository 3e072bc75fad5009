"""What concerns the rights of vendors, in the memory store; the same answers as the SQL store gives."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.core.access import Grant, GrantAbout, is_of_vendor
from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.audit import SUBMISSIONS
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.ports import OpenDoor
from orchestrator.core.query import Offer
from orchestrator.core.status import TaskState
from orchestrator.store.memory_books import Books


class MemoryGranting:
    """Reads grants, what belongs to a vendor, and who submitted what."""

    books: Books

    def grants(
        self,
        *,
        vendor: str | None = None,
        about: GrantAbout | None = None,
        subject: str | None = None,
    ) -> list[Grant]:
        found = [
            one
            for one in self.books.grants.values()
            if vendor in (None, one.vendor)
            and about in (None, one.about)
            and subject in (None, one.subject)
        ]
        return sorted(found, key=lambda one: (one.about, one.subject, one.vendor))

    def of_vendor(self, vendor: str, root_ids: Collection[str]) -> list[CommandEntity]:
        return [
            one
            for one in self.books.commands.values()
            if one.root_id in root_ids and is_of_vendor(one, vendor)
        ]

    def offered_tasks(self, offer: Offer) -> list[TaskEntity]:
        found = [
            one
            for one in self.books.tasks.values()
            if (one.system, one.scope) == (offer.system, offer.scope)
            and (not offer.topics or one.verb in offer.topics)
            and (one.state, one.status) == (TaskState.POLLING, TaskStatus.RUNNING)
            and (
                one.changed_at <= one.created_at
                if one.claimed_until is None
                else one.claimed_until <= offer.at
            )
        ]
        found.sort(key=lambda one: (one.created_at, one.task_id))
        return found[: offer.limit]

    def keep_door(self, door: OpenDoor) -> None:
        self.books.doors[door.process_id] = door

    def doors(self) -> list[OpenDoor]:
        return list(self.books.doors.values())

    def depth(self, command_id: str) -> int:
        levels, above = 0, self.books.commands.get(command_id)
        while above is not None:
            levels += 1
            above = self.books.commands.get(above.parent_id or "")
        return levels

    def submitter(self, command_id: str) -> str | None:
        noted = (
            one.actor
            for one in self.books.audit
            if one.command_id == command_id and one.verb in SUBMISSIONS
        )
        return next(noted, None)
