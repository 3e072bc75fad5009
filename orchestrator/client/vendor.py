"""The clients of vendors' programs: they register tasks, or fetch those that wait for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from orchestrator.client.calls import get, keyed
from orchestrator.client.client import AsyncClient, Client
from orchestrator.client.talk import Talk, thing, told
from orchestrator.client.task import AwaitedTask, Task, TaskTalk, cut

LONGEST_DESCRIPTION = 1000
OneTask = TypeVar("OneTask", Task, AwaitedTask)


class Tasks(Generic[OneTask]):
    """What a vendor asks of its tasks."""

    retry_s: float

    def _task(self, told: Mapping[str, Any], claim_lease_s: float | None = None) -> OneTask:
        raise NotImplementedError

    @told
    def task(
        self,
        /,
        description: str,
        *,
        parent: TaskTalk[Any] | str | None = None,
        lease_s: float | None = 60.0,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> Talk[OneTask]:
        """Registers a task: `with vendor.task("Clone the disk") as task: task.progress(40)`.

        `parent` is a task or the id of a command. `more` is what else a registration takes: `data`, `topic`,
        `can_undo`, `correlation_id` and so on.
        """
        body = {
            "description": cut(description, LONGEST_DESCRIPTION),
            "parent": parent.id if isinstance(parent, TaskTalk) else parent,
            "lease_s": lease_s,
            **more,
        }
        made = yield from thing(keyed("external-tasks", body, idempotency_key), self.retry_s)
        return self._task(made)

    @told
    def waiting(self, /, **filters: Any) -> Talk[list[OneTask]]:
        """Gives the tasks whose turn has come and that nobody has ended, without taking them from other programs."""
        page = yield from thing(get("external-tasks", **filters), self.retry_s)
        return [self._task(one) for one in page["items"] if one["task_status"] == "running"]

    @told
    def take_up(self, task_id: str) -> Talk[OneTask]:
        """Gives a task that exists, to go on with it after a crash."""
        found = yield from thing(get(f"external-tasks/{task_id}"), self.retry_s)
        return self._task(found)

    @told
    def claim(
        self,
        /,
        *topics: str,
        limit: int = 1,
        wait_s: float = 0.0,
        lease_s: float = 60.0,
        **more: Any,
    ) -> Talk[list[OneTask]]:
        """Fetches tasks that wait, each for this program alone. `more` is `program`, `vendor`."""
        body = {
            "topics": list(topics),
            "limit": limit,
            "wait_s": wait_s,
            "lease_s": lease_s,
            **more,
        }
        answer = yield from thing(keyed("external-tasks/claim", body), self.retry_s)
        return [self._task(one, lease_s) for one in answer["items"]]


class Vendor(Tasks[Task], Client):
    """A client for a vendor's program: it registers tasks, or fetches those that wait for it."""

    def _task(self, told: Mapping[str, Any], claim_lease_s: float | None = None) -> Task:
        return Task(self, told, claim_lease_s)


class AsyncVendor(Tasks[AwaitedTask], AsyncClient):
    """Is `Vendor` for programs with an event loop: `async with await vendor.task("Clone the disk") as task:`."""

    def _task(self, told: Mapping[str, Any], claim_lease_s: float | None = None) -> AwaitedTask:
        return AwaitedTask(self, told, claim_lease_s)
