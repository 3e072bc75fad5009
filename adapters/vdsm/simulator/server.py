"""The TCP server: STOMP connections, subscriptions, and a bounded pool for the calls."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from adapters.vdsm.simulator.rpc import HangUpError, Reply, Rpc
from adapters.vdsm.simulator.session import Session
from adapters.vdsm.stomp import Frame

EVENTS = "jms.queue.events"
MOST_CALLS = 80


class Subscriptions:
    """Who listens to which destination. One to `a.b` also gets what is sent to `a.b.c`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listening: dict[tuple[Session, str], str] = {}

    def add(self, session: Session, subscription: str, destination: str) -> bool:
        """Begins a subscription; false when the session has one of that id."""
        with self._lock:
            if (session, subscription) in self._listening:
                return False
            self._listening[session, subscription] = destination
            return True

    def remove(self, session: Session, subscription: str | None = None) -> None:
        """Ends one subscription of a session, or all."""
        with self._lock:
            self._listening = {
                (one, name): destination
                for (one, name), destination in self._listening.items()
                if one is not session or subscription not in (None, name)
            }

    def publish(self, destination: str, body: bytes) -> bool:
        """Sends to every subscriber; false when there is none."""
        with self._lock:
            found = [
                key
                for key, wanted in self._listening.items()
                if destination == wanted or destination.startswith(f"{wanted}.")
            ]
        for session, subscription in found:
            headers = {
                "destination": destination,
                "content-type": "application/json",
                "subscription": subscription,
            }
            session.send(Frame(command="MESSAGE", headers=headers, body=body))
        return bool(found)

    def tell(self, event: str, params: dict[str, Any]) -> None:
        """Sends an event to all who listen for events."""
        notification = {"jsonrpc": "2.0", "method": event, "params": params}
        self.publish(EVENTS, json.dumps(notification).encode())


class Server:
    """Serves `rpc` on a listening socket until the process ends."""

    def __init__(
        self,
        rpc: Rpc,
        subscriptions: Subscriptions,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._rpc = rpc
        self.subscriptions = subscriptions
        self._listener = listener
        self._tls = tls
        self._lock = threading.Lock()
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
            self.subscriptions.remove(session)

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
            self.subscriptions.publish(
                frame.headers.get("reply-to", ""), json.dumps(reply).encode()
            )


def _exhausted(body: bytes) -> Reply:
    request = json.loads(body)
    request = request[0] if isinstance(request, list) else request
    reason = f"{{'resource': 'jsonrpc', 'current_tasks': {MOST_CALLS}, 'reason': 'Too many tasks'}}"
    error = {"code": 1100, "message": f"Not enough resources: {reason}"}
    return {"jsonrpc": "2.0", "id": request.get("id"), "error": error}
