"""One STOMP connection to VDSM that carries one JSON-RPC call at a time."""

from __future__ import annotations

import json
import select
import socket
import ssl
import time
from collections import deque
from typing import Any, Self
from uuid import uuid4

from adapters.vdsm.stomp import BadFrameError, Frame, FrameReader

REQUESTS = "jms.topic.vdsm_requests"


class ConnectionLostError(Exception):
    """The connection cannot carry the call: refused, closed, timed out or garbled.

    `was_sent` tells whether the request may have reached VDSM, so that the call's effect is
    unknown.
    """

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class Connection:
    """A connected, subscribed socket; after any `ConnectionLostError` it must be closed."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._reader = FrameReader()
        self._received: deque[Frame] = deque()
        self._replies = str(uuid4())

    @classmethod
    def open(cls, host: str, port: int, *, tls: ssl.SSLContext | None, timeout_s: float) -> Self:
        """Connects, greets and subscribes to its own queue of replies."""
        deadline = time.monotonic() + timeout_s
        stream: socket.socket | None = None
        try:
            stream = socket.create_connection((host, port), timeout=timeout_s)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                stream = tls.wrap_socket(stream, server_hostname=host)
            connection = cls(stream)
            connection._greet(deadline)
        except (OSError, BadFrameError) as error:
            if stream is not None:
                stream.close()
            raise ConnectionLostError(
                f"no connection to {host}:{port}: {error or type(error).__name__}", was_sent=False
            ) from error
        return connection

    def exchange(
        self, method: str, params: dict[str, Any], *, timeout_s: float, correlation_id: str | None
    ) -> dict[str, Any]:
        """Sends one request and gives its reply, an object with `result` or `error`."""
        request_id = str(uuid4())
        call = {"jsonrpc": "2.0", "method": method, "params": params, "id": request_id}
        headers = {
            "destination": REQUESTS,
            "content-type": "application/json",
            "reply-to": self._replies,
        }
        if correlation_id is not None:
            headers["ovirtCorrelationId"] = correlation_id
        # A list with exactly one call: VDSM never answers a list of two.
        frame = Frame(command="SEND", headers=headers, body=json.dumps([call]).encode())
        deadline = time.monotonic() + timeout_s
        try:
            self._send(frame, deadline)
            return self._reply(request_id, deadline)
        except (OSError, BadFrameError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise ConnectionLostError(f"no reply to {method}: {reason}", was_sent=True) from error

    @property
    def is_stale(self) -> bool:
        """Whether the peer closed the idle connection or sent what nobody asked for."""
        try:
            return bool(select.select([self._stream], [], [], 0)[0])
        except (OSError, ValueError):
            return True

    def close(self) -> None:
        """Closes the socket; may be called twice."""
        self._stream.close()

    def _greet(self, deadline: float) -> None:
        # "0,0" asks for no heartbeats: an idle connection stays silent, so `is_stale` can tell a
        # close.
        self._send(
            Frame(command="CONNECT", headers={"accept-version": "1.2", "heart-beat": "0,0"}),
            deadline,
        )
        headers = {"destination": self._replies, "ack": "auto", "id": str(uuid4())}
        self._send(Frame(command="SUBSCRIBE", headers=headers), deadline)
        answer = self._receive(deadline)
        if answer.command != "CONNECTED":
            raise BadFrameError(f"expected CONNECTED, got {answer.command}: {answer.body!r}")

    def _reply(self, request_id: str, deadline: float) -> dict[str, Any]:
        while True:
            frame = self._receive(deadline)
            if frame.command == "ERROR":
                raise BadFrameError(
                    f"VDSM refused the frame: {frame.body.decode(errors='replace')}"
                )
            if frame.command != "MESSAGE":
                continue
            reply = json.loads(frame.body)
            if not isinstance(reply, dict):
                raise BadFrameError("a reply is not an object")
            # A parse error is answered without an id, and nobody else has asked here.
            if reply.get("id") in (request_id, None):
                return reply

    def _send(self, frame: Frame, deadline: float) -> None:
        self._stream.settimeout(_left(deadline))
        self._stream.sendall(frame.encode())

    def _receive(self, deadline: float) -> Frame:
        while not self._received:
            self._stream.settimeout(_left(deadline))
            data = self._stream.recv(65536)
            if not data:
                raise ConnectionResetError("VDSM closed the connection")
            self._received.extend(self._reader.feed(data))
        return self._received.popleft()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
