"""The client of programs without an event loop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from orchestrator.client import calls
from orchestrator.client.calls import FINAL, Call, get, keyed, order
from orchestrator.client.errors import UnavailableError

TIMEOUT_S = 30.0


class Client:
    """Submits commands, looks at them and gives operators' orders. Threads may share it.

    Each call takes effect once, by its nature (reading, reporting) or by an idempotency key, which is made up
    where none is given. So calls are repeated for `retry_s` seconds while the server does not answer. All methods
    raise ClientError; commands are the JSON of the REST API.
    """

    def __init__(
        self, url: str, token: str | None = None, *, retry_s: float = 60.0, **settings: Any
    ) -> None:
        self.url = url.rstrip("/")
        self.retry_s = retry_s
        headers = calls.headers_of(token)
        self.http = httpx.Client(
            base_url=self.url, headers=headers, **{"timeout": TIMEOUT_S, **settings}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self.http.close()

    def call(self, call: Call) -> Any:
        """Makes any call and gives its JSON, or None when there is none."""
        further = calls.waits(call, self.retry_s)
        while True:
            try:
                return self._once(call)
            except UnavailableError:
                wait = next(further, None)
                if wait is None:
                    raise
            time.sleep(wait)

    def _once(self, call: Call) -> Any:
        try:
            answer = self.http.request(**calls.arguments(call))
        except httpx.HTTPError as error:
            raise calls.unreachable(self.url, error) from error
        return calls.read(answer)

    def submit(
        self,
        kind: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        owner: str | None = None,
        correlation_id: str | None = None,
        deadline: datetime | timedelta | None = None,
    ) -> dict[str, Any]:
        """Submits a command and gives it."""
        body = submission(kind, parameters, owner, correlation_id, deadline)
        found: dict[str, Any] = self.call(keyed("commands", body, idempotency_key))
        return found

    def show(self, command_id: str) -> dict[str, Any]:
        """Gives a command with its parameters and its return value."""
        found: dict[str, Any] = self.call(get(f"commands/{command_id}"))
        return found

    def tree(self, command_id: str) -> dict[str, Any]:
        """Gives a command with all below it, in `parts_list`."""
        found: dict[str, Any] = self.call(get(f"commands/{command_id}/tree"))
        return found

    def commands(self, **filters: Any) -> dict[str, Any]:
        """Gives a page of commands, newest first: `items` and `next_cursor`."""
        found: dict[str, Any] = self.call(get("commands", **filters))
        return found

    def wait(
        self, command_id: str, timeout_s: float | None = None, *, every_s: float = 1.0
    ) -> dict[str, Any]:
        """Waits until a command has ended, for at most `timeout_s`, and gives it as it then is."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            found = self.show(command_id)
            left = every_s if until is None else until - time.monotonic()
            if found["status"] in FINAL or left <= 0:
                return found
            time.sleep(min(every_s, left))

    def stop(self, command_id: str, reason: str = "") -> dict[str, Any]:
        """Stops a command and all below it; what it did is undone."""
        found: dict[str, Any] = self.call(order(command_id, "stop", reason))
        return found

    def restart(self, command_id: str, reason: str = "") -> dict[str, Any]:
        """Begins a failed or stopped command anew where it failed, or tries again what is stuck."""
        found: dict[str, Any] = self.call(order(command_id, "restart", reason))
        return found

    def skip(self, command_id: str, reason: str = "") -> dict[str, Any]:
        """Goes on without a command that has not begun or is stuck."""
        found: dict[str, Any] = self.call(order(command_id, "skip", reason))
        return found

    def resolve(
        self,
        command_id: str,
        outcome: Literal["succeeded", "failed"],
        reason: str = "",
        *,
        value: Any = None,
    ) -> dict[str, Any]:
        """Says how a command came out that needs attention."""
        asked = order(command_id, "resolve", reason, outcome=outcome, value=value)
        found: dict[str, Any] = self.call(asked)
        return found


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
