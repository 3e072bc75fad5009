"""The whole site for a test: the real API and page, over SQLite and a stage that plays on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from orchestrator import TaskStatus
from orchestrator.api.app import make_app
from orchestrator.api.desk import ApiSettings
from orchestrator.core.access import Role
from orchestrator.core.command import Command
from orchestrator.store.single import SqlRequests
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tokens import SqlTokens
from orchestrator.store.webhooks import SqlWebhooks
from orchestrator.testing import FakeVendors, Stage
from tests.page.works import ALL
from tests.services import free_port, make_schema, until


class Hosts(FakeVendors):
    """The outside of `host.work`: it does nothing but what the test reports."""

    name = "vdsm"


class Site:
    """A running site. `url` is its address; `back` is how long ago its clock stands (none: now)."""

    def __init__(self, store: SqlStore, url: str) -> None:
        self.url = url
        self.app: Any = None
        self.stage = Stage(ALL, (Hosts(),), store=store)
        self.tokens = SqlTokens(store)
        self.lock = threading.Lock()
        self.back = timedelta(0)
        self._set_clock()

    def listeners(self) -> int:
        """Gives how many listen to the feed."""
        listeners: int = self.app.state.desk.feed.listeners
        return listeners

    def token(self, name: str, role: Role = Role.OPERATOR) -> str:
        """Makes a token."""
        return self.tokens.create(name, role)

    def submit(self, command: Command, **circumstances: Any) -> str:
        """Submits a command and plays what is due."""
        with self.lock:
            self._set_clock()
            command_id = self.stage.submit(command, **circumstances)
            self.stage.play()
        return command_id

    def report(self, root_id: str, label: str, status: TaskStatus, **news: Any) -> None:
        """Tells the news about the work that a part of that label waits for."""
        with self.lock:
            self._set_clock()
            self.stage.report(self.part(root_id, label), status, **news)

    def finish(self, root_id: str, *labels: str) -> None:
        """Lets the work of these parts succeed."""
        for label in labels:
            self.report(root_id, label, TaskStatus.SUCCEEDED, progress=1.0)

    def part(self, root_id: str, label: str) -> str:
        """Gives the id of the part with that label."""
        tree = self.stage.orchestrator.tree(root_id)
        return next(one.command_id for one in tree if one.label == label)

    def play(self) -> None:
        """Plays what the page has ordered meanwhile."""
        with self.lock:
            self._set_clock()
            self.stage.play()

    def _set_clock(self) -> None:
        self.stage.clock.time = datetime.now(UTC) - self.back


@dataclass(slots=True)
class Served:
    """A server in a thread."""

    server: uvicorn.Server
    thread: threading.Thread

    def close(self) -> None:
        """Ends it, open feeds included."""
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(10)


def serve(app: Any, port: int) -> Served:
    """Starts an app on a port and waits until it answers."""
    config = uvicorn.Config(app, port=port, log_level="error", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="site", daemon=True)
    thread.start()
    until(lambda: server.started, what="the site answers")
    return Served(server, thread)


@contextmanager
def running_site(
    directory: Path, port: int | None = None, *, beat_s: float = 5.0
) -> Iterator[Site]:
    """Runs a site whose stage plays on by itself, so that verbs ordered on the page take effect."""
    port = port or free_port()
    url = f"sqlite:///{directory / 'site.db'}"
    make_schema(url)
    store = SqlStore(make_engine(url))
    site = Site(store, f"http://127.0.0.1:{port}")
    app = make_app(
        site.stage.orchestrator,
        tokens=site.tokens,
        webhooks_book=SqlWebhooks(store),
        requests=SqlRequests(store),
        settings=ApiSettings(feed_interval_s=0.05, keep_alive_s=beat_s),
        flower_url="http://127.0.0.1:5555/",
        queues=lambda: {"orchestrator": 2},
    )
    site.app = app
    served = serve(app, port)
    over = threading.Event()

    def play_on() -> None:
        while not over.wait(0.05):
            site.play()

    player = threading.Thread(target=play_on, name="player", daemon=True)
    player.start()
    try:
        yield site
    finally:
        over.set()
        player.join(10)
        served.close()
        store.close()
