"""Which processes are held for dead, and which only cannot be seen."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from orchestrator.engine.place import is_there, process_lives


def _ended() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_process_that_has_ended_is_dead() -> None:
    pid = _ended()

    assert not process_lives(pid)
    assert not is_there(pid)


def test_a_process_that_nobody_has_waited_for_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert not process_lives(child.pid)


def test_a_process_that_is_hidden_in_the_process_table_lives(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path_factory.mktemp("proc")))

        assert process_lives(child.pid)
        assert is_there(child.pid)


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(pid: int, signal: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("orchestrator.engine.place.os.kill", forbidden)

    assert is_there(1)
    assert process_lives(1)
