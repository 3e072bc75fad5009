"""A real API over a stage: SQLite in a directory, uvicorn on a free port, tokens for every role."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from orchestrator import (
    Adapter,
    Command,
    Locks,
    Plan,
    Refused,
    Trouble,
    best_effort,
    exclusive,
    external,
    parallel,
    sequence,
)
from orchestrator.api import ApiSettings, make_app
from orchestrator.core.access import Role
from orchestrator.store.single import SqlRequests
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tables import metadata
from orchestrator.store.tokens import SqlTokens
from orchestrator.store.webhooks import SqlWebhooks
from orchestrator.testing import Stage

DEADLINE_S = 20


class Note(Command, kind="test.note", label="Note {text}"):
    """Writes nothing anywhere."""

    text: str = "well"

    def execute(self) -> str:
        return self.text


class Refuse(Command, kind="test.refuse"):
    """Cannot be done."""

    def execute(self) -> None:
        raise Refused("the disk is on fire")


class Guarded(Command, kind="test.guarded", label="Guard {vm}"):
    """Holds a lock while a vendor works."""

    vm: str

    def locks(self) -> Locks:
        return exclusive("vm", self.vm)

    def plan(self) -> Plan:
        return sequence(Note(text="first"), external("acme", "Guard it"), Note(text="last"))


class Hosted(Command, kind="test.hosted"):
    """Lets two vendors in at the task of a third."""

    secret: str = ""

    def plan(self) -> Plan:
        return sequence(external("acme", "Host", open_to=("globex", "initech")), Note(text="last"))


class Deep(Command, kind="test.deep", label="Deep"):
    """Returns what it is given, be it nested deep."""

    value: Any

    def execute(self) -> Any:
        return self.value


class Wide(Command, kind="test.wide", label="Wide {width}"):
    """Has so many parts side by side, then one."""

    width: int

    def plan(self) -> Plan:
        return sequence(
            parallel(Note(text=str(one)) for one in range(self.width)),
            best_effort(Refuse()),
            Note(text="end"),
        )


class Broken(Command, kind="test.broken"):
    """Fails in its second part."""

    def plan(self) -> Plan:
        return sequence(Note(), Refuse(), Note(text="never"))


class Slips(Command, kind="test.slips"):
    """Trips over itself when it is submitted."""

    verb: str

    def describe(self) -> str:
        return self._trip("label") or "slips"

    def locks(self) -> Locks:
        return self._trip("locks") or Locks()

    def plan(self) -> Plan:
        return self._trip("plan") or sequence()

    def _trip(self, verb: str) -> Any:
        return dict[str, Any]()["nothing"] if verb == self.verb else None


class Carve(Command, kind="story.carve", label="Carve out a LUN"):
    """Makes room for a clone; undone by giving it back."""

    def execute(self) -> str:
        return "lun-7"

    def compensate(self) -> None:
        return None


class RapidClone(Command, kind="story.rapid_clone", label="Clone {vm}"):
    """A step of ours, one of the vendor's, and another of ours."""

    vm: str

    def plan(self) -> Plan:
        clone = external(
            "acme", "Clone the LUN", topic="clone", lease=timedelta(minutes=5), can_undo=True
        )
        return sequence(Carve(), clone, Note(text="attach"))


KINDS: tuple[type[Command], ...] = (
    Note,
    Refuse,
    Guarded,
    Hosted,
    Wide,
    Deep,
    Broken,
    Carve,
    RapidClone,
    Slips,
)


def in_trouble(stage: Stage, trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the adapter of the stage's vendors find this wrong."""
    adapter = next(one for one in stage.catalog.supplies if isinstance(one, Adapter))
    monkeypatch.setattr(adapter, "examine", lambda scopes: [trouble], raising=False)


@dataclass(slots=True)
class Served:
    """The API as a test sees it."""

    url: str
    stage: Stage
    tokens: SqlTokens
    app: FastAPI
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, name: str, role: Role, **about: Any) -> httpx.Client:
        """Gives a client with a new token of that name."""
        headers = {"Authorization": f"Bearer {self.tokens.create(name, role, **about)}"}
        return self.bare(headers=headers)

    def bare(self, **settings: Any) -> httpx.Client:
        """Gives a client that is not logged in."""
        client = httpx.Client(base_url=self.url, timeout=DEADLINE_S, **settings)
        self.clients.append(client)
        return client


@contextmanager
def served(
    directory: Path,
    *,
    url: str | None = None,
    certificate: tuple[Path, Path] | None = None,
    **settings: Any,
) -> Iterator[Served]:
    """Serves an API for as long as the block lasts; with a certificate and its key, over TLS.

    `url` names the database, which may be empty; by default it is a file in the directory.
    """
    store = SqlStore(make_engine(url or f"sqlite:///{directory}/stage.db"))
    metadata.create_all(store.engine)
    stage = Stage(KINDS, store=store)
    stage.clock.time = datetime.now(UTC)  # the API tells what is stale by the store's time
    tokens = SqlTokens(store)
    chosen = ApiSettings(**{"patience_s": 0.0, "feed_interval_s": 0.02, **settings})
    app = make_app(
        stage.orchestrator,
        tokens=tokens,
        webhooks_book=SqlWebhooks(store),
        requests=SqlRequests(store),
        settings=chosen,
        session_secret="s3cret",
    )
    with socket.create_server(("127.0.0.1", 0)) as listening, _running(app, listening, certificate):
        port = listening.getsockname()[1]
        house = Served(
            f"{'https' if certificate else 'http'}://127.0.0.1:{port}", stage, tokens, app
        )
        try:
            yield house
        finally:
            for client in house.clients:
                client.close()
            store.close()


@contextmanager
def _running(
    app: Any, listening: socket.socket, certificate: tuple[Path, Path] | None
) -> Iterator[None]:
    file, key = certificate or (None, None)
    config = uvicorn.Config(
        app, log_level="error", timeout_graceful_shutdown=1, ssl_certfile=file, ssl_keyfile=key
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    deadline = time.monotonic() + DEADLINE_S
    while not server.started:
        assert time.monotonic() < deadline, "the API did not start"
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(DEADLINE_S)
