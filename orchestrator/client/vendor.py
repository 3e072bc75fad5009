"""A vendor's side: tasks that keep themselves alive, and end as the block of code ends in which they are done."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from orchestrator.client.calls import Call, get, keyed
from orchestrator.client.client import Client
from orchestrator.client.errors import (
    BadRequestError,
    ClientError,
    ConflictError,
    StopRequested,
    TaskFailed,
    UnavailableError,
)

LONGEST_MESSAGE = 2000
LONGEST_DESCRIPTION = 1000
MOST_RESULT_BYTES = 1024 * 1024
BEATS_IN_A_LEASE = 3


class Task:
    """A task of a vendor, as a context: it beats while the block runs, and ends as the block does.

    The block's end is success, with `result`; StopRequested is an abort and TaskFailed a failure, and both end
    here. Any other exception is a failure in its own words, and goes on. `claim_lease_s` is how long a claim of
    it stands without a sign of life; it beats for that and for the task's own lease, whichever is shorter.
    """

    def __init__(
        self, client: Client, task: Mapping[str, Any], *, claim_lease_s: float | None = None
    ) -> None:
        self._client = client
        self._told = dict(task)
        leases = [one for one in (claim_lease_s, task["lease_s"]) if one]
        self._beats_every_s = min(leases) / BEATS_IN_A_LEASE if leases else None
        self._is_over = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.id: str = task["id"]
        self.result: Any = None
        self._is_left = False
        self._lost: ConflictError | None = None

    @property
    def told(self) -> Mapping[str, Any]:
        """The task as the server told it last."""
        return self._told

    def __enter__(self) -> Self:
        self._heartbeat()
        if self._beats_every_s is not None:
            self._beating.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._is_over.set()
        if self._is_left:
            return False
        match error:
            case None:
                self._report(status="succeeded", result=self.result)
            case StopRequested():
                self._report(status="aborted", message=str(error) or "stopped")
                return True
            case TaskFailed():
                self._report(status="failed", message=str(error) or "failed")
                return True
            case UnavailableError():
                pass  # nobody hears us; the lease tells them
            case _:
                with suppress(ConflictError):  # it was over already; the block's own error goes on
                    self._report(status="failed", message=f"{type(error).__name__}: {error}")
        return False

    def progress(self, percent: float, message: str | None = None) -> None:
        """Says how far it is, 0 to 100. Raises StopRequested when it is to be stopped."""
        self._report(progress=min(max(percent / 100, 0.0), 1.0), message=message)
        self.check()

    def leave(self) -> None:
        """Has the block end without a word: whoever takes the task up next goes on."""
        self._is_left = True

    def check(self) -> None:
        """Raises StopRequested when the task is to be stopped, ConflictError when it is over or another's."""
        if self._lost is not None:
            raise self._lost
        if self._told["stop_requested"]:
            raise StopRequested("stopped")

    def _beat(self) -> None:
        while not self._is_over.wait(self._beats_every_s):
            try:
                self._heartbeat()
            except ConflictError as error:
                self._lost = error
                return
            except ClientError:  # the next report says it, in the thread that can act
                continue

    def _heartbeat(self) -> None:
        path = f"external-tasks/{self.id}/heartbeat"
        self._told = self._client.call(
            Call(method="POST", path=path, headers=self._life(), is_safe=True)
        )

    def _report(self, **news: Any) -> None:
        """Tells the news; what is too long is cut, for a report that says less is better than none."""
        said = {name: value for name, value in news.items() if value is not None}
        if "message" in said:
            said["message"] = cut(said["message"], LONGEST_MESSAGE)
        try:
            self._send(said | ({"result": shortened(said["result"])} if "result" in said else {}))
        except BadRequestError as error:
            if "result" not in said:
                raise
            self._send(said | {"result": {"left_out": cut(error.detail, LONGEST_MESSAGE)}})

    def _send(self, news: Mapping[str, Any]) -> None:
        path, life = f"external-tasks/{self.id}", self._life()
        self._told = self._client.call(
            Call(method="PATCH", path=path, body=news, headers=life, is_safe=True)
        )

    def _life(self) -> dict[str, str]:
        """Holds a report to the life of the task that it is about."""
        attempt, claim = self._told.get("attempt"), self._told.get("claim")
        if attempt is None:
            return {}
        return {"If-Match": f'"{attempt}"' if claim is None else f'"{attempt}.{claim}"'}


class Vendor(Client):
    """A client for a vendor's program: it registers tasks, or fetches those that wait for it."""

    def task(
        self,
        description: str,
        *,
        parent: Task | str | None = None,
        lease_s: float | None = 60.0,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> Task:
        """Registers a task: `with vendor.task("Clone the disk") as task: task.progress(40)`.

        `parent` is a task or the id of a command. `more` is what else a registration takes: `data`, `topic`,
        `can_undo`, `correlation_id` and so on.
        """
        body = {
            "description": cut(description, LONGEST_DESCRIPTION),
            "parent": parent.id if isinstance(parent, Task) else parent,
            "lease_s": lease_s,
            **more,
        }
        return Task(self, self.call(keyed("external-tasks", body, idempotency_key)))

    def waiting(self, **filters: Any) -> list[Task]:
        """Gives the tasks whose turn has come and that nobody has ended, without taking them from other programs."""
        page = self.call(get("external-tasks", **filters))
        return [Task(self, one) for one in page["items"] if one["task_status"] == "running"]

    def take_up(self, task_id: str) -> Task:
        """Gives a task that exists, to go on with it after a crash."""
        return Task(self, self.call(Call(method="GET", path=f"external-tasks/{task_id}")))

    def claim(
        self,
        *topics: str,
        limit: int = 1,
        wait_s: float = 0.0,
        lease_s: float = 60.0,
        **more: Any,
    ) -> list[Task]:
        """Fetches tasks that wait, each for this program alone. `more` is `program`, `vendor`."""
        body = {
            "topics": list(topics),
            "limit": limit,
            "wait_s": wait_s,
            "lease_s": lease_s,
            **more,
        }
        answer = self.call(keyed("external-tasks/claim", body))
        return [Task(self, one, claim_lease_s=lease_s) for one in answer["items"]]


def cut(text: str, most: int) -> str:
    """Gives as much of a text as the server takes."""
    clean = text.replace("\x00", "\ufffd").encode(errors="replace").decode()
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"


def shortened(result: Any) -> Any:
    """Gives a result, or the beginning of its text where it is too large or no JSON."""
    try:
        text = json.dumps(result, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return {"cut": cut(repr(type(result)), LONGEST_MESSAGE)}
    if len(text) <= MOST_RESULT_BYTES:
        return result
    return {"cut": cut(text, LONGEST_MESSAGE)}
