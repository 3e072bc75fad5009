"""A vendor's task as a block of code: it keeps itself alive, and ends as the block ends in which it is done."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

from orchestrator.client.calls import Call
from orchestrator.client.errors import (
    BadRequestError,
    ClientError,
    ConflictError,
    StopRequested,
    TaskFailed,
    UnavailableError,
)
from orchestrator.client.talk import AsyncSpeaker, Speaker, Talk, asked

LONGEST_MESSAGE = 2000
MOST_RESULT_BYTES = 1024 * 1024
BEATS_IN_A_LEASE = 3
S = TypeVar("S", Speaker, AsyncSpeaker)


class TaskTalk(Generic[S]):
    """What a task and the server say to each other.

    `claim_lease_s` is how long a claim of it stands without a sign of life; it beats for that and for the task's own
    lease, whichever is shorter.
    """

    def __init__(
        self, client: S, task: Mapping[str, Any], claim_lease_s: float | None = None
    ) -> None:
        self._client: S = client
        self._told = dict(task)
        leases = [one for one in (claim_lease_s, task["lease_s"]) if one]
        self._beats_every_s = min(leases) / BEATS_IN_A_LEASE if leases else None
        self.id: str = task["id"]
        self.result: Any = None
        self._is_left = False
        self._lost: ConflictError | None = None

    @property
    def told(self) -> Mapping[str, Any]:
        """The task as the server told it last."""
        return self._told

    def leave(self) -> None:
        """Has the block end without a word: whoever takes the task up next goes on."""
        self._is_left = True

    def check(self) -> None:
        """Raises StopRequested when the task is to be stopped, ConflictError when it is over or another's."""
        if self._lost is not None:
            raise self._lost
        if self._told["stop_requested"]:
            raise StopRequested("stopped")

    def _progressed(self, percent: float, message: str | None) -> Talk[None]:
        yield from self._report(progress=min(max(percent / 100, 0.0), 1.0), message=message)
        self.check()

    def _ended(self, error: BaseException | None) -> Talk[bool]:
        """Says how the block ended; tells whether its exception ends here."""
        if self._is_left:
            return False
        match error:
            case None:
                yield from self._report(status="succeeded", result=self.result)
            case StopRequested():
                yield from self._report(status="aborted", message=str(error) or "stopped")
                return True
            case TaskFailed():
                yield from self._report(status="failed", message=str(error) or "failed")
                return True
            case UnavailableError():
                pass  # nobody hears us; the lease tells them
            case _:
                why = f"{type(error).__name__}: {error}"
                with suppress(ConflictError):  # it was over already; the block's own error goes on
                    yield from self._report(status="failed", message=why)
        return False

    def _beat(self) -> Talk[bool]:
        """Gives a sign of life; tells whether another one makes sense."""
        try:
            yield from self._heartbeat()
        except ConflictError as error:
            self._lost = error
            return False
        except ClientError:
            pass  # the next report says it, where somebody can act
        return True

    def _heartbeat(self) -> Talk[None]:
        path = f"external-tasks/{self.id}/heartbeat"
        yield from self._send(Call(method="POST", path=path, headers=self._life(), is_safe=True))

    def _report(self, **news: Any) -> Talk[None]:
        """Tells the news; what is too long is cut, for a report that says less is better than none."""
        said = {name: value for name, value in news.items() if value is not None}
        if "message" in said:
            said["message"] = cut(said["message"], LONGEST_MESSAGE)
        result = {"result": shortened(said["result"])} if "result" in said else {}
        try:
            yield from self._send(self._news(said | result))
        except BadRequestError as error:
            if "result" not in said:
                raise
            left_out = {"result": {"left_out": cut(error.detail, LONGEST_MESSAGE)}}
            yield from self._send(self._news(said | left_out))

    def _news(self, said: Mapping[str, Any]) -> Call:
        path, life = f"external-tasks/{self.id}", self._life()
        return Call(method="PATCH", path=path, body=said, headers=life, is_safe=True)

    def _send(self, call: Call) -> Talk[None]:
        self._told = yield from asked(call, self._client.retry_s)

    def _life(self) -> dict[str, str]:
        """Holds a report to the life of the task that it is about."""
        attempt, claim = self._told.get("attempt"), self._told.get("claim")
        if attempt is None:
            return {}
        return {"If-Match": f'"{attempt}"' if claim is None else f'"{attempt}.{claim}"'}


class Task(TaskTalk[Speaker]):
    """A task of a vendor, as a context: it beats while the block runs, and ends as the block does.

    The block's end is success, with `result`; StopRequested is an abort and TaskFailed a failure, and both end
    here. Any other exception is a failure in its own words, and goes on.
    """

    def __enter__(self) -> Self:
        self._is_over = threading.Event()
        self._client.carry(self._heartbeat())
        if self._beats_every_s is not None:
            threading.Thread(target=self._keep_alive, name="heartbeat", daemon=True).start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        self._is_over.set()
        return self._client.carry(self._ended(error))

    def progress(self, percent: float, message: str | None = None) -> None:
        """Says how far it is, 0 to 100. Raises StopRequested when it is to be stopped."""
        self._client.carry(self._progressed(percent, message))

    def _keep_alive(self) -> None:
        while not self._is_over.wait(self._beats_every_s):
            if not self._client.carry(self._beat()):
                return


class AwaitedTask(TaskTalk[AsyncSpeaker]):
    """Is `Task` for programs with an event loop: `async with`, and `await task.progress(40)`."""

    async def __aenter__(self) -> Self:
        self._beating: asyncio.Task[None] | None = None
        await self._client.carry(self._heartbeat())
        if self._beats_every_s is not None:
            self._beating = asyncio.create_task(self._keep_alive(self._beats_every_s))
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if self._beating is not None:
            self._beating.cancel()
        return await self._client.carry(self._ended(error))

    async def progress(self, percent: float, message: str | None = None) -> None:
        """Says how far it is, 0 to 100. Raises StopRequested when it is to be stopped."""
        await self._client.carry(self._progressed(percent, message))

    async def _keep_alive(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            if not await self._client.carry(self._beat()):
                return


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
