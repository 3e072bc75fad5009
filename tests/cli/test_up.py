"""Keeping a system up: one to a directory, parts that die, ends in order, what a killed start left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator.cli.exits import CliError
from orchestrator.cli.up.child import Part
from orchestrator.cli.up.house import House
from orchestrator.cli.up.ports import free_port, is_free
from orchestrator.cli.up.supervisor import DEATHS_BEFORE_READY, Supervisor
from tests import services
from tests.cli.conftest import Typing

SLEEPER = "import signal, sys, time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True);"
    " time.sleep(600)"
)


class Notebook:
    """Keeps the lines of all parts, and the processes that were noted."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.pids: list[tuple[str, int]] = []

    def write(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def note(self, name: str, pid: int) -> None:
        self.pids.append((name, pid))


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def supervisor(notebook: Notebook) -> Iterator[Supervisor]:
    supervisor = Supervisor(notebook, notebook.note)
    yield supervisor
    supervisor.hurry.set()
    supervisor.stop()


def python(name: str, code: str, stage: int = 0) -> Part:
    return Part(name=name, command=(sys.executable, "-c", code), stage=stage)


def test_a_killed_part_is_started_again_and_that_is_said(
    supervisor: Supervisor, notebook: Notebook
) -> None:
    supervisor.start(python("one", SLEEPER))
    first = supervisor["one"].pid

    supervisor["one"].signal(signal.SIGKILL)

    services.until(lambda: len(notebook.pids) == 2, what="a second process")
    assert supervisor["one"].pid != first
    assert ("up", "one ended (signal SIGKILL); it is started again in 0.5 s") in notebook.lines


def test_parts_end_in_the_reverse_order_of_their_stages(
    supervisor: Supervisor, notebook: Notebook
) -> None:
    code = (
        "import signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0)));"
        "print('up', flush=True); time.sleep(600)"
    )
    for stage, name in enumerate(("broker", "simulators", "services")):
        supervisor.start(python(name, code, stage))
    services.until(lambda: len(notebook.lines) == 3, what="three parts")

    supervisor.stop()

    services.until(lambda: len(notebook.lines) == 6, what="three farewells")
    assert [name for name, line in notebook.lines if line == "bye"] == [
        "services",
        "simulators",
        "broker",
    ]


def test_who_asks_twice_need_not_wait_for_a_stubborn_part(
    supervisor: Supervisor, notebook: Notebook
) -> None:
    supervisor.start(python("stubborn", STUBBORN))
    services.until(lambda: bool(notebook.lines), what="the part")
    pid = notebook.pids[0][1]
    stopping = threading.Thread(target=supervisor.stop)
    stopping.start()
    services.until(lambda: supervisor["stubborn"].is_stopping, what="the first request")

    supervisor.hurry.set()
    stopping.join(5)

    assert not stopping.is_alive()
    assert not psutil.pid_exists(pid)


def test_a_part_that_does_not_stay_up_is_given_up_with_its_last_word(
    supervisor: Supervisor,
) -> None:
    supervisor.start(python("broken", "print('no such database'); raise SystemExit(1)"))

    with pytest.raises(CliError, match="broken does not stay up: no such database"):
        supervisor.wait_until(lambda: False, "never")

    assert supervisor["broken"].deaths >= DEATHS_BEFORE_READY


def test_a_directory_is_for_one_at_a_time(tmp_path: Path) -> None:
    first, second = House(tmp_path), House(tmp_path)
    first.enter()

    with pytest.raises(CliError, match=f"process {os.getpid()}"):
        second.enter()

    first.leave()
    assert second.enter() == []
    second.leave()


def test_what_a_killed_start_left_running_is_ended_by_the_next(tmp_path: Path) -> None:
    killed = House(tmp_path)
    killed.enter()
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE) as left_over:
        assert left_over.stdout is not None
        left_over.stdout.readline()
        killed.note_process("worker", left_over.pid)
        killed.leave()  # as the system does for a process that is killed
        heir = House(tmp_path)

        assert heir.enter() == ["worker"]

        assert not psutil.pid_exists(left_over.pid)
    heir.leave()


def test_a_number_that_is_now_another_process_is_left_alone(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.enter()
    house.leave()
    (tmp_path / "up.json").write_text(f'{{"processes": {{"worker": [{os.getpid()}, 1.0]}}}}')

    assert house.enter() == []

    house.leave()


def test_a_port_is_kept_while_nobody_else_uses_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.enter()
    first = house.port("broker")
    house.leave()
    house.enter()
    again = house.port("broker")
    with socket.create_server(("127.0.0.1", first)):
        other = house.port("broker")
    house.leave()

    assert again == first
    assert other != first


def test_a_port_in_use_is_one_sentence(cli: Typing, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        everything = cli("up", "--data", str(tmp_path / "data"), "--port", str(port))
        alone = cli("up", "api", "--port", str(port))

    assert (everything.exit_code, alone.exit_code) == (1, 1)
    assert f"port {port} is in use" in everything.stderr
    assert f"port {port} is in use" in alone.stderr
    assert not (tmp_path / "data" / "orchestrator.db").exists()


def test_a_second_up_on_the_same_directory_is_one_sentence(cli: Typing, tmp_path: Path) -> None:
    house = House(tmp_path)
    house.enter()

    result = cli("up", "--data", str(tmp_path))

    house.leave()
    assert result.exit_code == 1
    assert "another `orchestrator up`" in result.stderr


def test_a_directory_that_cannot_be_written_is_one_sentence(cli: Typing, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = cli("up", "--data", str(tmp_path / "file" / "data"))

    assert result.exit_code == 1
    assert "cannot be used" in result.stderr


def test_a_free_port_is_free() -> None:
    port = free_port()

    assert is_free(port)
    assert free_port(port, frozenset({port})) != port
