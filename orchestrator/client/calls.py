"""One call of the REST API, and when it may be made again: the same for both clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from orchestrator.client.errors import ClientError, UnavailableError, error_of

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
FINAL = frozenset({"succeeded", "failed", "stopped", "skipped", "compensated"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request. One that `is_safe` takes effect once, however often it is made."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_safe: bool = False


def get(path: str, **params: Any) -> Call:
    """Reads; parameters that are None are left out."""
    return Call(method="GET", path=path, params=params, is_safe=True)


def keyed(path: str, body: Mapping[str, Any], key: str | None = None) -> Call:
    """Makes something, once for each idempotency key; without one, a new one is made up."""
    given = {name: value for name, value in body.items() if value is not None}
    headers = {"Idempotency-Key": key or str(uuid4())}
    return Call(method="POST", path=path, body=given, headers=headers, is_safe=True)


def order(command_id: str, verb: str, reason: str, **more: Any) -> Call:
    """Gives an operator's order, carried out once however often it is sent."""
    return keyed(f"commands/{command_id}/{verb}", {"reason": reason, **more})


def path_of(path: str) -> str:
    """Gives the full path of one that is relative to `/api/v1`; one with a leading slash is full."""
    return path if path.startswith("/") else f"/api/v1/{path}"


def headers_of(token: str | None) -> dict[str, str]:
    """Gives what every request carries."""
    known = {"Accept": "application/json"}
    return known | ({"Authorization": f"Bearer {token}"} if token else {})


def arguments(call: Call) -> dict[str, Any]:
    """Gives the call as httpx wants it."""
    return {
        "method": call.method,
        "url": path_of(call.path),
        "params": {name: value for name, value in call.params.items() if value is not None},
        "json": call.body,
        "headers": dict(call.headers),
    }


def read(answer: httpx.Response) -> Any:
    """Gives the JSON of an answer, None when there is none. Raises ClientError for a problem."""
    if answer.is_error:
        raise error_of(answer)
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError as error:
        raise ClientError(
            f"{answer.url} answered with no JSON; is it an orchestrator?", answer.status_code
        ) from error


def unreachable(url: str, error: Exception) -> UnavailableError:
    """Makes the exception for a server that does not answer."""
    return UnavailableError(f"no server answers at {url} ({error or type(error).__name__})")


def waits(call: Call, retry_s: float) -> Iterator[float]:
    """Gives how long to wait before each further try of a call: none for one that is not safe."""
    wait, left = FIRST_WAIT_S, retry_s if call.is_safe else 0.0
    while left > 0:
        yield min(wait, left)
        left -= wait
        wait = min(wait * 2, LONGEST_WAIT_S)
