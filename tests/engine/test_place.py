"""Which processes are held for dead, and which only cannot be seen: in real namespaces, and as another user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine import place
from orchestrator.engine.place import NOWHERE, ProcessTable

TABLE = ProcessTable()
NOBODY = 65534
LOOK = """
import json, os, sys
from orchestrator.engine.place import ProcessTable
table, wanted = ProcessTable(), json.loads(sys.argv[1])
if wanted["user"]:
    os.setgroups([]); os.setgid(wanted["user"]); os.setuid(wanted["user"])
print(json.dumps({
    "here": table.here(),
    "own": table.lives(os.getpid(), table.born(os.getpid())),
    "lives": [table.lives(pid, born) for pid, born in wanted["about"]],
}))
"""
needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="needs root on Linux, and unshare",
)


def look_from(*around: str, about: Any = (), user: int = 0) -> dict[str, Any]:
    """Has another process look at these (pid, born) from within what `around` makes."""
    wanted = json.dumps({"about": about, "user": user})
    done = subprocess.run(
        [*around, sys.executable, "-c", LOOK, wanted],
        check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    if done.returncode and around:
        pytest.skip(f"{' '.join(around)}: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def alive() -> Iterator[int]:
    """A process of ours that lives."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child.pid


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_process_that_has_ended_is_dead(ended: int) -> None:
    assert not TABLE.lives(ended, None)
    assert not TABLE.knows(ended)
    assert TABLE.born(ended) is None


def test_a_process_that_nobody_has_waited_for_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert not TABLE.lives(child.pid, None)


def test_another_process_with_its_id_is_not_the_one_that_had_it(alive: int) -> None:
    born = TABLE.born(alive)
    assert born is not None

    assert TABLE.lives(alive, born)
    assert not TABLE.lives(alive, born - 1)
    assert TABLE.lives(alive, None)  # registered by a version that did not say


def test_a_process_that_is_hidden_in_the_process_table_lives(
    alive: int, ended: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(place, "PROC", tmp_path)

    assert TABLE.lives(alive, 1)
    assert TABLE.knows(alive)
    assert not TABLE.lives(ended, 1)  # of that the kernel itself says that it is not there


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(pid: int, signal: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("orchestrator.engine.place.os.kill", forbidden)

    assert TABLE.knows(1)
    assert TABLE.lives(1, TABLE.born(1))


def test_what_is_no_number_of_a_process_proves_nothing() -> None:
    assert TABLE.lives(2**70, None)


def test_a_process_table_that_cannot_be_read_makes_no_neighbours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(place, "PROC", tmp_path)

    assert TABLE.here() == NOWHERE


@pytest.mark.parametrize(
    "line",
    [
        "7 (a) b) c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 4711 0 0",
        "7 (\udcff\n) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 4711 0 0",
    ],
)
def test_a_process_may_have_any_name(
    line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(line, errors="surrogateescape")
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "status").write_text(f"Name:\tx\nNSpid:\t{os.getpid()}\n")
    monkeypatch.setattr(place, "PROC", tmp_path)

    assert TABLE.born(7) == 4711


def test_the_same_place_is_seen_by_all_who_are_in_it() -> None:
    assert look_from()["here"] == TABLE.here() != NOWHERE


@needs_root
def test_another_user_sees_who_lives_and_who_does_not(alive: int, ended: int) -> None:
    born = TABLE.born(alive)

    seen = look_from(about=[(alive, born), (ended, born), (1, TABLE.born(1))], user=NOBODY)

    assert seen == {"here": TABLE.here(), "own": True, "lives": [True, False, True]}


@needs_root
@pytest.mark.parametrize("option", ["hidepid=2", "hidepid=4"])
def test_what_hidepid_hides_is_not_dead(alive: int, ended: int, option: str) -> None:
    mounted = f'mount -t proc -o {option} proc /proc && exec "$@"'  # its own: ours stays as it is
    born = TABLE.born(alive)

    seen = look_from(
        *("unshare", "--mount", "--propagation", "private", "sh", "-c", mounted, "sh"),
        about=[(alive, born), (alive, 1), (ended, born)],
        user=NOBODY,
    )

    # A wrong birth is not seen where nothing is seen; that nobody has the id is what the kernel says.
    assert seen == {"here": TABLE.here(), "own": True, "lives": [True, True, False]}


@needs_root
def test_another_process_namespace_is_another_place() -> None:
    seen = look_from("unshare", "--fork", "--pid", "--mount-proc")

    assert seen["own"]
    assert seen["here"] not in (NOWHERE, TABLE.here())


@needs_root
def test_who_sees_the_process_table_of_another_place_is_nowhere(alive: int) -> None:
    seen = look_from("unshare", "--fork", "--pid", about=[(1, 1)])

    assert seen == {"here": NOWHERE, "own": True, "lives": [True]}
