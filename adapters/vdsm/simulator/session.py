"""One STOMP connection of the simulated host, with the real one's manners."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Protocol

from adapters.vdsm.stomp import BadFrameError, Frame, FrameReader

REQUESTS = frozenset({"jms.topic.vdsm_requests", "jms.topic.vdsm_irs_requests"})
MOST_SILENCE_S = 10.0  # who has sent less than it takes to tell the protocol is given this long
FIRST_BYTES = 11
_STOMP = (b"CONNECT", b"SEND", b"SUBSCRIBE", b"UNSUBSCRIBE", b"DISCONNECT")
LEAST_BEAT_MS = 1000


class Subscribed(Protocol):
    """What a session needs of who knows the subscriptions."""

    def add(self, session: Session, subscription: str, destination: str) -> bool: ...
    def remove(self, session: Session, subscription: str | None = None) -> None: ...
    def publish(self, destination: str, body: bytes) -> bool: ...


class Serving(Protocol):
    """What a session needs of its server."""

    @property
    def subscriptions(self) -> Subscribed: ...
    def call(self, session: Session, frame: Frame) -> None: ...


class Session:
    """One connection and what its client asked for."""

    def __init__(self, server: Serving, stream: socket.socket) -> None:
        self._server = server
        self._stream = stream
        self._reader = FrameReader()
        self._sending = threading.Lock()
        self._ended = threading.Event()

    def run(self) -> None:
        """Reads frames until the peer or an error ends the connection."""
        try:
            self._take(self._first_bytes())
            while not self._ended.is_set() and (data := self._stream.recv(65536)):
                self._take(data)
        except (OSError, BadFrameError):
            pass
        finally:
            self.close()

    def send(self, frame: Frame) -> None:
        """Sends a frame; a peer that is gone does not matter."""
        with self._sending, contextlib.suppress(OSError):
            self._stream.sendall(frame.encode())

    def close(self) -> None:
        """Ends the connection; may be called twice and from any thread."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def _first_bytes(self) -> bytes:
        """Waits for enough to tell the protocol by; gives what came, for a connection of its own."""
        data = b""
        self._stream.settimeout(MOST_SILENCE_S)
        while len(data) < FIRST_BYTES:
            more = self._stream.recv(65536)
            if not more:
                raise ConnectionResetError("closed before a word was said")
            data += more
        if not data.lstrip(b"\r\n").startswith(_STOMP):
            raise ConnectionResetError("no STOMP; a web request is not served here")
        self._stream.settimeout(None)
        return data

    def _take(self, data: bytes) -> None:
        for frame in self._reader.feed(data):
            self._handle(frame)

    def _handle(self, frame: Frame) -> None:
        headers = frame.headers
        match frame.command:
            case "CONNECT":
                self._connect(frame)
            case "SUBSCRIBE":
                self._subscribe(headers.get("id", ""), headers.get("destination", ""))
            case "UNSUBSCRIBE":
                self._server.subscriptions.remove(self, headers.get("id", ""))
            case "SEND" if headers.get("destination") in REQUESTS:
                self._server.call(self, frame)
            case "SEND":
                known = self._server.subscriptions.publish
                if not known(headers.get("destination", ""), frame.body):
                    self._refuse("Subscription not available")
            case "DISCONNECT":
                if "receipt" in headers:
                    self.send(Frame(command="RECEIPT", headers={"receipt-id": headers["receipt"]}))
                self.close()
            case _:
                self.close()

    def _subscribe(self, subscription: str, destination: str) -> None:
        if not subscription or not destination:
            self._refuse("Missing destination or subscription id header")
        elif not self._server.subscriptions.add(self, subscription, destination):
            self._refuse("Subscription id already exists")

    def _connect(self, frame: Frame) -> None:
        if frame.headers.get("accept-version", "") != "1.2":
            self._refuse("Version unsupported")
            return
        outgoing, incoming = _beats(frame.headers.get("heart-beat", "0,0"))
        headers = {"version": "1.2", "heart-beat": f"{incoming},{outgoing}"}
        self.send(Frame(command="CONNECTED", headers=headers))
        if incoming:
            threading.Thread(target=self._beat, args=(incoming / 1000,), daemon=True).start()

    def _beat(self, every_s: float) -> None:
        while not self._ended.wait(every_s):
            with self._sending, contextlib.suppress(OSError):
                self._stream.sendall(b"\n")

    def _refuse(self, text: str) -> None:
        self.send(Frame(command="ERROR", body=text.encode()))


def _beats(header: str) -> tuple[int, int]:
    """Gives what the client sends and wants, in ms; a header that cannot be read asks for none."""
    outgoing, comma, incoming = header.partition(",")
    if not comma or not outgoing.isdigit() or not incoming.isdigit():
        return 0, 0
    found = [max(LEAST_BEAT_MS, int(one)) if int(one) else 0 for one in (outgoing, incoming)]
    return found[0], found[1]
