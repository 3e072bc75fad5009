"""What is needed is not there, or is full: commands wait, the API says why, and all goes on by itself."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.core.errors import UnavailableError
from orchestrator.core.status import Status
from tests.chaos.commands import Many, Nap, Steps
from tests.chaos.undisturbed import at_work, wait
from tests.chaos.web import open_web

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(280)]
DISK_MB = {"postgres": 160, "sqlite": 8}
SAYS_FULL = {"postgres": "No space left on device", "sqlite": "database or disk is full"}


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """Mounts a disk of that size."""
    folder.mkdir()
    size = f"size={size_mb}m,mode=755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Leaves no byte free; gives the file that takes all."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def refusal(ask: Callable[[], object]) -> str:
    """Gives why something is refused; empty when it is not."""
    try:
        ask()
    except UnavailableError as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize("store", ["postgres", "sqlite"])
def test_a_full_disk_is_waited_for(room: Path, store: str) -> None:
    with (
        small_disk(room / "disk", DISK_MB[store]) as disk,
        at_work(room, store, disk=disk) as (front, here),
    ):
        web = open_web(here, front)
        wait(here, lambda: web.health("/readyz") == 200, "the API is ready")
        ids = [front.submit(Steps(number=60, seconds=0.1)).id]
        large = Many(parts=100, side_by_side=True)

        def submit() -> None:
            ids.append(web.submit(large, f"{len(ids)}")[0])

        ballast = fill(disk)
        wait(here, lambda: SAYS_FULL[store] in refusal(submit), "the API says that it is full")
        ballast.unlink()
        here.database.revive()

        wait(here, lambda: all(front.get(one).status.is_final for one in ids), "all goes on", 90)
        assert {front.get(one).status for one in ids} == {Status.SUCCEEDED}
        after, _ = web.submit(Nap(), "afterwards")
        wait(here, lambda: front.get(after).status.is_final, "all is as before")
        assert here.crew.deaths == 0  # nobody had to be started again for it


def test_a_database_that_refuses_to_write_is_waited_for(room: Path) -> None:
    with at_work(room) as (front, here):
        web = open_web(here, front)
        wait(here, lambda: web.health("/readyz") == 200, "the API is ready")
        before = front.submit(Steps(number=60, seconds=0.1)).id

        here.database.read_only(on=True)
        for submit in (lambda: web.submit(Nap(), "while it is"), lambda: front.submit(Nap())):
            wait(here, lambda: "read-only transaction" in refusal(submit), "it says why")  # noqa: B023 - called here
        wait(here, lambda: not front.get(before).status.is_final, "reading goes on")
        here.database.read_only(on=False)

        wait(here, lambda: front.get(before).status.is_final, "it goes on by itself")
        assert front.get(before).status is Status.SUCCEEDED
        wait(here, lambda: web.submit(Nap(), "afterwards"), "it is taken")  # by a new connection
        after, _ = web.submit(Nap(), "afterwards")
        wait(here, lambda: front.get(after).status.is_final, "all is as before")


@pytest.mark.parametrize("store", ["postgres", "sqlite"])
def test_commands_go_on_while_the_broker_is_away(room: Path, store: str) -> None:
    with at_work(room, store) as (front, here):
        web = open_web(here, front)
        wait(here, lambda: web.health("/readyz") == 200, "the API is ready")

        here.broker.kill()
        waiting = [front.submit(Nap()).id for _ in range(5)]
        waiting += [web.submit(Nap(), f"{one}")[0] for one in range(5)]  # they need no broker
        wait(here, lambda: "broker: " in web.excuse("/readyz"), "the API says what is wrong")
        wait(here, lambda: all(front.get(one).status.is_final for one in waiting), "they end")
        assert {front.get(one).status for one in waiting} == {Status.SUCCEEDED}
        here.broker.start()

        wait(here, lambda: web.health("/readyz") == 200, "the API is ready again")
        after = front.submit(Nap()).id
        wait(here, lambda: front.get(after).status.is_final, "all is as before")
        assert here.crew.deaths == 0  # nobody had to be started again for it
