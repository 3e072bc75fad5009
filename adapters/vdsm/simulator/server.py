"""The TCP server: STOMP connections, subscriptions, and a bounded pool for the calls."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from adapters.vdsm.simulator.rpc import HangUpError, Reply, Rpc
from adapters.vdsm.stomp import BadFrameError, Frame, FrameReader

REQUESTS = frozenset({"jms.topic.vdsm_requests", "jms.topic.vdsm_irs_requests"})
MOST_CALLS = 80


class Server:
    """Serves `rpc` on a listening socket until the process ends."""

    def __init__(self, rpc: Rpc, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._rpc = rpc
        self._listener = listener
        self._tls = tls
        self._lock = threading.Lock()
        self._subscribers: dict[str, list[tuple[Session, str]]] = {}
        self._calls = 0
        self._pool = ThreadPoolExecutor(MOST_CALLS, thread_name_prefix="call")

    def serve_forever(self) -> None:
        """Accepts connections, each in a thread of its own."""
        while True:
            stream, _ = self._listener.accept()
            threading.Thread(target=self._welcome, args=(stream,), daemon=True).start()

    def _welcome(self, stream: socket.socket) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._tls is not None:
                stream = self._tls.wrap_socket(stream, server_side=True)
        except OSError:
            stream.close()
            return
        session = Session(self, stream)
        try:
            session.run()
        finally:
            self.forget(session)

    def subscribe(self, destination: str, session: Session, subscription: str) -> None:
        """Sends what goes to the destination to this session too."""
        with self._lock:
            self._subscribers.setdefault(destination, []).append((session, subscription))

    def forget(self, session: Session, subscription: str | None = None) -> None:
        """Ends one subscription of a session, or all."""
        with self._lock:
            for destination, subscribers in list(self._subscribers.items()):
                left = [
                    (one, name)
                    for one, name in subscribers
                    if one is not session or subscription not in (None, name)
                ]
                if left:
                    self._subscribers[destination] = left
                else:
                    del self._subscribers[destination]

    def publish(self, destination: str, body: bytes) -> bool:
        """Sends to every subscriber; false when there is none."""
        with self._lock:
            subscribers = list(self._subscribers.get(destination, ()))
        for session, subscription in subscribers:
            headers = {
                "destination": destination,
                "content-type": "application/json",
                "subscription": subscription,
            }
            session.send(Frame(command="MESSAGE", headers=headers, body=body))
        return bool(subscribers)

    def call(self, session: Session, frame: Frame) -> None:
        """Runs a request in the pool; a full pool answers 1100, whatever the verb."""
        with self._lock:
            is_full = self._calls >= MOST_CALLS
            self._calls += not is_full
        if is_full:
            self._answer(frame, [_exhausted(frame.body)])
        else:
            self._pool.submit(self._work, session, frame)

    def _work(self, session: Session, frame: Frame) -> None:
        try:
            self._answer(frame, self._rpc.answer(frame.body))
        except HangUpError:
            session.close()
        finally:
            with self._lock:
                self._calls -= 1

    def _answer(self, frame: Frame, replies: list[Reply]) -> None:
        for reply in replies:  # lost when nobody is subscribed, as with VDSM
            self.publish(frame.headers.get("reply-to", ""), json.dumps(reply).encode())


class Session:
    """One connection and what its client asked for."""

    def __init__(self, server: Server, stream: socket.socket) -> None:
        self._server = server
        self._stream = stream
        self._reader = FrameReader()
        self._sending = threading.Lock()
        self._ended = threading.Event()

    def run(self) -> None:
        """Reads frames until the peer or an error ends the connection."""
        try:
            while not self._ended.is_set() and (data := self._stream.recv(65536)):
                for frame in self._reader.feed(data):
                    self._handle(frame)
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

    def _handle(self, frame: Frame) -> None:
        headers = frame.headers
        match frame.command:
            case "CONNECT":
                self._connect(frame)
            case "SUBSCRIBE":
                self._server.subscribe(headers["destination"], self, headers.get("id", ""))
            case "UNSUBSCRIBE":
                self._server.forget(self, headers.get("id", ""))
            case "SEND" if headers.get("destination") in REQUESTS:
                self._server.call(self, frame)
            case "SEND":
                if not self._server.publish(headers.get("destination", ""), frame.body):
                    self._refuse("Subscription not available")
            case "DISCONNECT":
                if "receipt" in headers:
                    self.send(Frame(command="RECEIPT", headers={"receipt-id": headers["receipt"]}))
                self.close()
            case _:
                self.close()

    def _connect(self, frame: Frame) -> None:
        if "1.2" not in frame.headers.get("accept-version", "").split(","):
            self._refuse("Version unsupported")
            return
        outgoing, _, incoming = frame.headers.get("heart-beat", "0,0").partition(",")
        every_ms, expected_ms = (
            max(1000, int(one)) if int(one) else 0 for one in (incoming, outgoing)
        )
        headers = {"version": "1.2", "heart-beat": f"{every_ms},{expected_ms}"}
        self.send(Frame(command="CONNECTED", headers=headers))
        if every_ms:
            threading.Thread(target=self._beat, args=(every_ms / 1000,), daemon=True).start()

    def _beat(self, every_s: float) -> None:
        while not self._ended.wait(every_s):
            with self._sending, contextlib.suppress(OSError):
                self._stream.sendall(b"\n")

    def _refuse(self, text: str) -> None:
        headers = {"content-type": "text/plain", "message-id": str(uuid4())}
        self.send(Frame(command="ERROR", headers=headers, body=text.encode()))


def _exhausted(body: bytes) -> Reply:
    request = json.loads(body)
    request = request[0] if isinstance(request, list) else request
    reason = f"{{'resource': 'jsonrpc', 'current_tasks': {MOST_CALLS}, 'reason': 'Too many tasks'}}"
    error = {"code": 1100, "message": f"Not enough resources: {reason}"}
    return {"jsonrpc": "2.0", "id": request.get("id"), "error": error}
