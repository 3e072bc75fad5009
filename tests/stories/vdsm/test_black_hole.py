"""A host that takes no SYN: a command that is stopped, or past its deadline, while it hangs there ends soon."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.vdsm import Vdsm, VdsmSettings
from adapters.vdsm.commands import CopyDisk, RemoveImage
from orchestrator import Command
from orchestrator.core.status import Status
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.testing import Stage

CONNECT_S = 1.0
BOUND_S = 15.0


@pytest.fixture
def hole() -> Iterator[str]:
    """An address whose queue of connections is full, so that a SYN to it is dropped."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            waiting.append(one)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        for one in waiting:
            one.close()


@pytest.fixture(params=["sqlite", "postgres"])
def stage(request: pytest.FixtureRequest, hole: str) -> Iterator[Stage]:
    """The engine on one store, and the adapter before the hole."""
    store = SqlStore(make_engine(request.getfixturevalue(f"{request.param}_url")))
    vdsm = Vdsm(VdsmSettings(address=hole, connect_timeout_s=CONNECT_S))
    made = Stage((RemoveImage, CopyDisk), (vdsm,), store=store)
    made.clock.time = datetime.now(UTC)
    yield made
    vdsm.close()
    store.close()


@pytest.fixture(params=["a task", "a question"])
def command(request: pytest.FixtureRequest) -> Command:
    """A command that starts a task there, and one whose plan asks something first."""
    if request.param == "a task":
        return RemoveImage(image_id=uuid4())
    return CopyDisk(image_id=uuid4())


class Playing:
    """The engine at work in a thread of its own, on a clock that runs a hundred times as fast."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def _play(self) -> None:
        while not self._is_over.wait(0.02):
            self._stage.clock.turn(timedelta(seconds=2))
            self._stage.play()

    def until_over(self, command_id: str) -> Status:
        """Waits for the end of a command, real seconds; gives how it ended."""
        deadline = time.monotonic() + BOUND_S
        settled = (Status.NEEDS_ATTENTION,)
        try:
            while True:
                status = self._stage.orchestrator.get(command_id).status
                if status.is_final or status in settled:
                    return status
                assert time.monotonic() < deadline, f"{status} after {BOUND_S} s"
                time.sleep(0.05)
        finally:
            self._is_over.set()
            self._thread.join()


def test_a_command_that_is_stopped_while_it_hangs_is_stopped(
    stage: Stage, command: Command
) -> None:
    command_id = stage.submit(command)
    playing = Playing(stage)
    time.sleep(CONNECT_S / 2)  # its verb hangs in connect

    stage.orchestrator.stop(command_id, "that host is gone")

    assert playing.until_over(command_id) is Status.STOPPED
    assert stage.store.locks() == []


def test_a_command_that_passes_its_deadline_while_it_hangs_fails(
    stage: Stage, command: Command
) -> None:
    deadline = stage.clock.now() + timedelta(seconds=30)
    command_id = stage.submit(command, deadline=deadline)

    playing = Playing(stage)

    assert playing.until_over(command_id) is Status.FAILED
    assert stage.store.locks() == []


def test_a_command_that_nobody_stops_waits_and_says_for_whom(
    stage: Stage, command: Command, hole: str
) -> None:
    command_id = stage.submit(command)

    stage.play()

    waiting = stage.orchestrator.get(command_id)
    assert not waiting.status.is_final
    assert hole in str(waiting.message)
