"""The gate that every request passes: no body too large or too slow, safe headers, a count for the metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from anyio import move_on_after
from starlette.exceptions import HTTPException
from starlette.requests import Request

from orchestrator.api.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from orchestrator.api.desk import ApiSettings
    from orchestrator.api.metrics import Metrics

ONLY_OURSELVES = (
    b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none';"
    b" form-action 'self'"
)
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", ONLY_OURSELVES),
]
NO_STORE = (b"cache-control", b"no-store")


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, settings: ApiSettings, metrics: Metrics) -> None:
        self.app = app
        self.body_bytes = settings.body_bytes
        self.body_s = settings.body_s
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_ours(list(message.get("headers", ())))
            await send(message)

        try:
            if self._declared_size(scope) > self.body_bytes:
                refusal = problem(Request(scope), 413, self._too_large())
                await refusal(scope, receive, answer)
            else:
                await self.app(scope, self._measured(receive), answer)
        finally:
            self.metrics.note(scope, status, time.perf_counter() - began)

    def _declared_size(self, scope: Scope) -> int:
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        return int(declared) if declared.isdigit() else 0

    def _measured(self, receive: Receive) -> Receive:
        """A body sent in chunks declares no size: it is counted as it comes, and must come soon."""
        size = 0
        is_whole = False
        until = time.monotonic() + self.body_s

        async def measured() -> Message:
            nonlocal size, is_whole
            if is_whole:
                return await receive()  # whoever asks now waits for the end of the connection
            with move_on_after(until - time.monotonic()) as waiting:
                message = await receive()
            if waiting.cancelled_caught:
                raise HTTPException(408, f"the body did not come within {self.body_s:g} s")
            is_whole = not message.get("more_body", False)
            size += len(message.get("body", b""))
            if size > self.body_bytes:
                raise HTTPException(413, self._too_large())
            return message

        return measured

    def _too_large(self) -> str:
        return (
            f"the body is larger than {self.body_bytes} bytes;"
            " store large data elsewhere and pass its name"
        )


def _with_ours(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What the API says is the caller's alone, and true only now: nobody on the way may keep it."""
    is_said = any(name.lower() == b"cache-control" for name, _ in headers)
    return [*headers, *HEADERS, *(() if is_said else [NO_STORE])]
