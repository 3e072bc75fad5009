"""The feed of changes as the program reads it: in a thread of its own, resumed when it breaks."""

from __future__ import annotations

import json
import queue
import threading

import httpx
from httpx_sse import SSEError, connect_sse

from orchestrator.cli.console import Json
from orchestrator.cli.exits import CliError
from orchestrator.cli.server import Server, problem

READ_TIMEOUT_S = 60.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


class Feed:
    """Reads what happens to one tree from now on, until it is closed.

    `next(timeout_s)` gives an event, or None when none came in time; it raises the CliError that
    ended the feed. A connection that breaks is made again from the last event on, so nothing is
    missed.
    """

    def __init__(self, server: Server, root_id: str) -> None:
        self._server = server
        self._root_id = root_id
        self._last: int | None = None
        self._queue: queue.Queue[Json | CliError] = queue.Queue()
        self._closed = threading.Event()
        self._connected = threading.Event()
        threading.Thread(target=self._read, name="feed", daemon=True).start()

    def wait_until_connected(self, timeout_s: float) -> bool:
        """Waits until nothing that happens from then on is missed; gives whether it is so."""
        return self._connected.wait(timeout_s)

    def next(self, timeout_s: float) -> Json | None:
        """Gives the next event, or None."""
        try:
            found = self._queue.get(timeout=max(timeout_s, 0.001))
        except queue.Empty:
            return None
        if isinstance(found, CliError):
            raise found
        return found

    def close(self) -> None:
        """Reads no more."""
        self._closed.set()

    def _read(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._closed.is_set():
            before = self._last
            try:
                self._read_once()
            except CliError as error:
                self._queue.put(error)
                return
            except (httpx.HTTPError, SSEError, json.JSONDecodeError, RuntimeError):
                pass  # broken off, or the client was closed: tried again, or never
            pause_s = FIRST_PAUSE_S if self._last != before else min(pause_s * 2, LONGEST_PAUSE_S)
            self._closed.wait(pause_s)

    def _read_once(self) -> None:
        server = self._server
        with connect_sse(
            server.http,
            "GET",
            server.path("feed"),
            params={"root_id": self._root_id},
            headers={} if self._last is None else {"Last-Event-ID": str(self._last)},
            timeout=httpx.Timeout(10.0, read=READ_TIMEOUT_S),
        ) as source:
            if source.response.is_error:
                source.response.read()
                if source.response.status_code < 500:
                    raise problem(source.response)
                return
            self._connected.set()
            for one in source.iter_sse():
                if self._closed.is_set():
                    return
                if one.event == "change":
                    self._take(one.json())

    def _take(self, event: Json) -> None:
        self._last = int(event["seq"])
        self._queue.put(event)
