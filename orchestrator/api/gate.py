"""The gate that every request passes: no body too large, safe headers, a count for the metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request

from orchestrator.api.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, body_bytes: int, metrics: Metrics) -> None:
        self.app = app
        self.body_bytes = body_bytes
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
                message["headers"] = [*message.get("headers", ()), *HEADERS]
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
        """A body sent in chunks declares no size: it is counted as it comes."""
        size = 0

        async def measured() -> Message:
            nonlocal size
            message = await receive()
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
