"""One STOMP connection to VDSM: many JSON-RPC calls at a time, heart-beats both ways, events.

A thread of its own does all reading and writing, since a TLS socket may not be read and written by two
threads at once. Whoever calls hands over the bytes, wakes it, and waits for the reply.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self
from uuid import uuid4

from adapters.vdsm.stomp import BadFrameError, Frame, FrameReader

REQUESTS = "jms.topic.vdsm_requests"
EVENTS = "jms.queue.events"
BEAT_S = 5.0
SILENT_BEATS = 3  # so many beats missed, and the peer counts as gone
_SEND_S = 10.0
CHECK_TRUST = "check the authority, the certificate and the key on both sides"

OnEvent = Callable[[str, dict[str, Any]], None]


class ConnectionLostError(Exception):
    """The connection cannot carry the call: refused, closed, timed out or garbled.

    `was_sent` tells whether the request may have reached VDSM, so that the call's effect is
    unknown.
    """

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class UntrustedPeerError(ConnectionLostError):
    """The peers do not trust each other: a wrong authority, certificate or key. Waiting mends nothing."""


class _Call:
    """A request whose reply is awaited."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.reply: dict[str, Any] | None = None
        self.loss: ConnectionLostError | None = None


class Connection:
    """A connected, subscribed socket. Once it `is_lost` it is of no more use."""

    def __init__(self, stream: socket.socket, on_event: OnEvent) -> None:
        self._stream = stream
        self._on_event = on_event
        self._reader = FrameReader()
        self._received: deque[Frame] = deque()
        self._replies = str(uuid4())
        self._events = str(uuid4())
        self._lock = threading.Lock()
        self._calls: dict[str, _Call] = {}
        self._outgoing: deque[bytes] = deque()
        self._loss: ConnectionLostError | None = None
        self._wake, self._woken = socket.socketpair()
        self._sends_every_s = self._expects_every_s = 0.0

    @classmethod
    def open(
        cls,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        timeout_s: float,
        on_event: OnEvent = lambda name, params: None,
    ) -> Self:
        """Connects, greets, subscribes to its own queue of replies and to events."""
        deadline = time.monotonic() + timeout_s
        try:
            stream = _connected(host, port, tls=tls, timeout_s=timeout_s)
        except OSError as error:
            raise _no_connection(f"{host}:{port}", error) from error
        connection = cls(stream, on_event)
        try:
            connection._greet(deadline)
        except (OSError, BadFrameError) as error:
            connection.abandon()
            raise _no_connection(f"{host}:{port}", error) from error
        threading.Thread(target=connection._serve, name=f"vdsm-{host}", daemon=True).start()
        return connection

    @property
    def is_lost(self) -> bool:
        """Whether it ended, for whatever reason."""
        return self._loss is not None

    def exchange(
        self, method: str, params: dict[str, Any], *, timeout_s: float, correlation_id: str | None
    ) -> dict[str, Any]:
        """Sends one request and gives its reply, an object with `result` or `error`.

        When no reply comes in time the connection is kept: others may be waiting on it.
        """
        request_id = str(uuid4())
        message = {"jsonrpc": "2.0", "method": method, "params": params, "id": request_id}
        headers = {
            "destination": REQUESTS,
            "content-type": "application/json",
            "reply-to": self._replies,
        }
        if correlation_id is not None:
            headers["ovirtCorrelationId"] = correlation_id
        # A list with exactly one call: VDSM never answers a list of two.
        frame = Frame(command="SEND", headers=headers, body=json.dumps([message]).encode())
        call = _Call()
        with self._lock:
            if self._loss is not None:
                raise ConnectionLostError(str(self._loss), was_sent=False)
            self._calls[request_id] = call
            self._outgoing.append(frame.encode())
        self._rouse()
        if not call.is_over.wait(timeout_s):
            with self._lock:
                self._calls.pop(request_id, None)
            raise ConnectionLostError(f"no reply to {method} in {timeout_s:g} s", was_sent=True)
        if call.reply is None:
            raise ConnectionLostError(f"no reply to {method}: {call.loss}", was_sent=True)
        return call.reply

    def close(self) -> None:
        """Ends it and every call on it; may be called twice."""
        self._lose("it was closed here")
        self._rouse()

    def abandon(self) -> None:
        """Lets go of sockets that a parent process goes on using."""
        for one in (self._stream, self._wake, self._woken):
            one.close()

    def _greet(self, deadline: float) -> None:
        beat_ms = int(BEAT_S * 1000)
        self._send_now(
            Frame(
                command="CONNECT",
                headers={"accept-version": "1.2", "heart-beat": f"{beat_ms},{beat_ms}"},
            ),
            Frame(
                command="SUBSCRIBE",
                headers={"destination": self._replies, "ack": "auto", "id": str(uuid4())},
            ),
            Frame(
                command="SUBSCRIBE",
                headers={"destination": EVENTS, "ack": "auto", "id": self._events},
            ),
        )
        while not self._received:
            self._stream.settimeout(max(0.001, deadline - time.monotonic()))
            self._received.extend(self._reader.feed(_some(self._stream.recv(65536))))
        answer = self._received.popleft()
        if answer.command != "CONNECTED":
            raise BadFrameError(f"expected CONNECTED, got {answer.command}: {answer.body!r}")
        theirs, _, wanted = answer.headers.get("heart-beat", "0,0").partition(",")
        self._expects_every_s = _seconds(theirs)
        self._sends_every_s = BEAT_S if _seconds(wanted) else 0.0
        self._stream.settimeout(_SEND_S)

    def _serve(self) -> None:
        """Reads and writes until the connection is lost."""
        sent_at = heard_at = time.monotonic()
        try:
            while self._loss is None:
                if self._is_readable():
                    self._received.extend(self._reader.feed(_some(self._stream.recv(65536))))
                    heard_at = time.monotonic()
                self._take_frames()
                if self._write():
                    sent_at = time.monotonic()
                elif self._sends_every_s and time.monotonic() - sent_at >= self._sends_every_s:
                    self._stream.sendall(b"\n")
                    sent_at = time.monotonic()
                limit = self._expects_every_s * SILENT_BEATS
                if limit and time.monotonic() - heard_at > limit:
                    raise TimeoutError(f"VDSM was silent for {limit:g} s")
        except (OSError, ValueError) as error:
            self._lose(str(error) or type(error).__name__)
        finally:
            self.abandon()

    def _is_readable(self) -> bool:
        if isinstance(self._stream, ssl.SSLSocket) and self._stream.pending():
            return True
        readable, _, _ = select.select([self._stream, self._woken], [], [], 1.0)
        if self._woken in readable:
            self._woken.recv(4096)
        return self._stream in readable

    def _write(self) -> bool:
        with self._lock:
            data = b"".join(self._outgoing)
            self._outgoing.clear()
        if data:
            self._stream.sendall(data)
        return bool(data)

    def _take_frames(self) -> None:
        while self._received:
            frame = self._received.popleft()
            if frame.command == "ERROR":
                text = frame.body.decode(errors="replace")
                raise BadFrameError(f"VDSM refused the frame: {text}")
            if frame.command == "MESSAGE":
                self._take_message(json.loads(frame.body))

    def _take_message(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise BadFrameError("a message is not an object")
        if "method" in message:
            self._on_event(str(message["method"]), message.get("params") or {})
            return
        request_id = message.get("id")
        with self._lock:
            # What VDSM could not read it answers without an id; with one call open it is that one.
            if request_id is None and len(self._calls) == 1:
                (request_id,) = self._calls
            call = self._calls.pop(str(request_id), None)
        if call is not None:
            call.reply = message
            call.is_over.set()

    def _lose(self, reason: str) -> None:
        loss = ConnectionLostError(reason, was_sent=True)
        with self._lock:
            self._loss = self._loss or loss
            calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.loss = loss
            call.is_over.set()

    def _rouse(self) -> None:
        with contextlib.suppress(OSError):  # it ended in this moment
            self._wake.send(b".")

    def _send_now(self, *frames: Frame) -> None:
        self._stream.sendall(b"".join(one.encode() for one in frames))


def _connected(
    host: str, port: int, *, tls: ssl.SSLContext | None, timeout_s: float
) -> socket.socket:
    stream = socket.create_connection((host, port), timeout=timeout_s)
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream if tls is None else tls.wrap_socket(stream, server_hostname=host)
    except OSError:
        stream.close()
        raise


def _some(data: bytes) -> bytes:
    if not data:
        raise ConnectionResetError("VDSM closed the connection")
    return data


def _seconds(milliseconds: str) -> float:
    return int(milliseconds) / 1000 if milliseconds.isdigit() else 0.0


def _no_connection(address: str, error: Exception) -> ConnectionLostError:
    reason = str(error) or type(error).__name__
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return UntrustedPeerError(
            f"{address} and we do not trust each other: {reason}; {CHECK_TRUST}",
            was_sent=False,
        )
    return ConnectionLostError(f"no connection to {address}: {reason}", was_sent=False)
