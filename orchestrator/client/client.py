"""The clients of callers: what can be asked of commands, for threads and for an event loop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from orchestrator.client.calls import FINAL, Call, get, keyed, order
from orchestrator.client.talk import AsyncSpeaker, Pause, Speaker, Talk, asked, thing, told


class Commands:
    """What can be asked of commands; they are the JSON of the REST API.

    Each call takes effect once, by its nature (reading, reporting) or by an idempotency key, which is made up
    where none is given. So calls are repeated for `retry_s` seconds while the server does not answer. All methods
    raise ClientError.
    """

    retry_s: float

    @told
    def call(self, call: Call) -> Talk[Any]:
        """Makes any call and gives its JSON, or None when there is none."""
        return (yield from asked(call, self.retry_s))

    @told
    def submit(
        self,
        kind: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        owner: str | None = None,
        correlation_id: str | None = None,
        deadline: datetime | timedelta | None = None,
    ) -> Talk[dict[str, Any]]:
        """Submits a command and gives it."""
        body = submission(kind, parameters, owner, correlation_id, deadline)
        return (yield from thing(keyed("commands", body, idempotency_key), self.retry_s))

    @told
    def show(self, command_id: str) -> Talk[dict[str, Any]]:
        """Gives a command with its parameters and its return value."""
        return (yield from thing(get(f"commands/{command_id}"), self.retry_s))

    @told
    def tree(self, command_id: str) -> Talk[dict[str, Any]]:
        """Gives a command with all below it, in `parts_list`."""
        return (yield from thing(get(f"commands/{command_id}/tree"), self.retry_s))

    @told
    def commands(self, /, **filters: Any) -> Talk[dict[str, Any]]:
        """Gives a page of commands, newest first: `items` and `next_cursor`."""
        return (yield from thing(get("commands", **filters), self.retry_s))

    @told
    def wait(
        self, command_id: str, timeout_s: float | None = None, *, every_s: float = 1.0
    ) -> Talk[dict[str, Any]]:
        """Waits until a command has ended, for at most `timeout_s`, and gives it as it then is."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            found = yield from thing(get(f"commands/{command_id}"), self.retry_s)
            left = every_s if until is None else until - time.monotonic()
            if found["status"] in FINAL or left <= 0:
                return found
            yield Pause(min(every_s, left))

    @told
    def stop(self, command_id: str, reason: str = "") -> Talk[dict[str, Any]]:
        """Stops a command and all below it; what it did is undone."""
        return (yield from thing(order(command_id, "stop", reason), self.retry_s))

    @told
    def restart(self, command_id: str, reason: str = "") -> Talk[dict[str, Any]]:
        """Begins a failed or stopped command anew where it failed, or tries again what is stuck."""
        return (yield from thing(order(command_id, "restart", reason), self.retry_s))

    @told
    def skip(self, command_id: str, reason: str = "") -> Talk[dict[str, Any]]:
        """Goes on without a command that has not begun or is stuck."""
        return (yield from thing(order(command_id, "skip", reason), self.retry_s))

    @told
    def resolve(
        self,
        command_id: str,
        outcome: Literal["succeeded", "failed"],
        reason: str = "",
        *,
        value: Any = None,
    ) -> Talk[dict[str, Any]]:
        """Says how a command came out that needs attention."""
        verdict = order(command_id, "resolve", reason, outcome=outcome, value=value)
        return (yield from thing(verdict, self.retry_s))


class Client(Commands, Speaker):
    """Submits commands, looks at them and gives operators' orders. Threads may share it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self.http.close()


class AsyncClient(Commands, AsyncSpeaker):
    """Does what `Client` does, with the same words; each method is awaited."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections."""
        await self.http.aclose()


def submission(
    kind: str,
    parameters: Mapping[str, Any] | None,
    owner: str | None,
    correlation_id: str | None,
    deadline: datetime | timedelta | None,
) -> dict[str, Any]:
    """Gives the body of a submission."""
    at: Any = deadline.total_seconds() if isinstance(deadline, timedelta) else deadline
    return {
        "kind": kind,
        "parameters": dict(parameters or {}),
        "owner": owner,
        "correlation_id": correlation_id,
        "deadline": at.isoformat() if isinstance(at, datetime) else at,
    }
