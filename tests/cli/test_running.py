"""A system brought up anywhere is found by the command line and by Python, without a word from anybody."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from orchestrator.running import announce, find_running
from tests.cli.tty import run_in_terminal
from tests.services import free_port, until

PASSWORD = "hunter2"
CONNECT = """
from workers import connect
front = connect()
print(front.commands().total, front.store.engine.url)
"""


@dataclass
class House:
    """A running `up`: what it printed, and the environment of who looks for it."""

    port: int
    data: Path
    said: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home, data = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("data") / "elsewhere"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")
    }
    environment |= {"HOME": str(home)}
    port, log = free_port(), home / "up.log"
    with log.open("w") as out:
        program = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "up", "--data", str(data), "--port", str(port),
             "--no-flower", "--no-simulators"],
            env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            until(
                lambda: "ready" in log.read_text() or program.poll() is not None,
                what="up",
                timeout_s=60,
            )
            yield House(port, data, log.read_text(), environment)
        finally:
            program.terminate()
            program.wait(30)
    gone = subprocess.run(
        [sys.executable, "-m", "orchestrator", "list"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert gone.returncode == 7, gone.stderr  # what is down is not found any more


def run(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], env=house.environment, capture_output=True, text=True, check=False
    )


def test_the_command_line_finds_token_and_address_by_itself(house: House) -> None:
    listed = run(house, "-m", "orchestrator", "list")

    assert (listed.returncode, listed.stderr.strip()) == (0, "0 of 0")


def test_python_finds_it(house: House) -> None:
    found = run(house, "-c", CONNECT)

    assert found.stdout.split() == ["0", f"sqlite:///{house.data / 'orchestrator.db'}"], (
        found.stderr
    )


def test_the_settings_shown_are_those_in_force(house: House) -> None:
    shown = run(house, "-m", "orchestrator", "config", "show", "-o", "json")

    assert str(house.data) in shown.stdout, shown.stderr
    assert f"127.0.0.1:{house.port}" in shown.stdout
    assert "gluster_command" in shown.stdout


def test_the_link_signs_in_without_a_token(house: House) -> None:
    link = re.search(r"http://\S+/#sign-in=(\S+)", house.said.replace("\n", " "))
    assert link is not None, house.said
    with httpx.Client(base_url=f"http://127.0.0.1:{house.port}") as browser:
        answer = browser.post("/api/v1/session", json={"token": link[1]})
        me = browser.get("/api/v1/whoami").json()

    assert (answer.status_code, me["name"], me["role"]) == (200, "admin", "admin")
    assert (house.data / "token").read_text().strip() not in house.said


def test_a_terminal_of_80_columns_gets_the_kinds(house: House) -> None:
    code, sent = run_in_terminal("kinds", environment=house.environment)

    assert code == 0
    assert "vm.remove" in sent


def test_what_is_not_up_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    data = tmp_path / "data"
    data.mkdir()
    announce(data, {"ORCHESTRATOR_API_URL": "http://127.0.0.1:1", "PATH": PASSWORD})

    assert find_running() is None
    assert find_running(data) is None
    assert PASSWORD not in (data / "places.json").read_text()
    assert (data / "places.json").stat().st_mode & 0o077 == 0
