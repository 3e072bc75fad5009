"""A vendor's program at a real API: it knows nothing of us but REST."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.vendor.client import PIECE_BYTES, PIECES, Vendor, read_orders
from orchestrator.core.access import Role
from orchestrator.core.status import Status
from tests.api.served import Guarded, Served, served
from tests.services import until


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as house:
        yield house


@contextmanager
def working(house: Served, directory: Path, *words: str) -> Iterator[None]:
    """Lets the vendor's program work as long as the block lasts."""
    name = f"acme-{uuid.uuid4().hex}"
    token = house.tokens.create(name, Role.VENDOR, vendor="acme")
    where = ["--url", house.url, "--token", token, "--vendor", "acme"]
    how = ["--directory", str(directory), "--every-s", "0.05", *words]
    vendor = Vendor(read_orders([*where, *how]))
    thread = threading.Thread(target=vendor.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        vendor.stop()
        thread.join(20)
        house.tokens.revoke(name)
    assert not thread.is_alive()


def playing(house: Served, condition: Callable[[], bool]) -> Callable[[], bool]:
    """Runs what the vendor's reports have made due, then looks."""

    def look() -> bool:
        house.stage.turn(timedelta(seconds=3))
        return condition()

    return look


def has(house: Served, command_id: str, status: Status) -> Callable[[], bool]:
    return playing(house, lambda: house.stage.orchestrator.get(command_id).status is status)


def test_the_vendor_does_its_part_of_a_plan(house: Served, tmp_path: Path) -> None:
    command_id = house.stage.submit(Guarded(vm="vm-1"))

    with working(house, tmp_path / "clones", "--seconds", "0.1"):
        until(has(house, command_id, Status.SUCCEEDED), what="the plan ended")

    part = house.stage.orchestrator.tree(command_id)[2]
    result = house.stage.orchestrator.value(part.command_id)
    assert result["size_bytes"] == PIECES * PIECE_BYTES
    assert Path(result["file"]).stat().st_size == PIECES * PIECE_BYTES


def test_it_fails_what_it_is_told_to_fail_and_leaves_no_file(house: Served, tmp_path: Path) -> None:
    command_id = house.stage.submit(Guarded(vm="vm-2"))

    with working(house, tmp_path / "clones", "--seconds", "0.1", "--fail-on", "Guard"):
        until(has(house, command_id, Status.FAILED), what="the plan failed")

    assert "the array is full" in (house.stage.orchestrator.get(command_id).message or "")
    assert not list((tmp_path / "clones").iterdir())


def test_it_stops_when_an_operator_stops_the_plan(house: Served, tmp_path: Path) -> None:
    orchestrator = house.stage.orchestrator
    command_id = house.stage.submit(Guarded(vm="vm-3"))

    with working(house, tmp_path / "clones", "--seconds", "2"):
        at_work = playing(house, lambda: bool(orchestrator.tree(command_id)[2].progress))
        until(at_work, what="the vendor is at work")
        orchestrator.stop(command_id, "enough")
        until(has(house, command_id, Status.STOPPED), what="the plan stopped")
        # The stage's vendors obey in words at once; the program does when it has written a piece.
        until(lambda: not list((tmp_path / "clones").iterdir()), what="the file is gone")


def test_what_a_crash_left_unfinished_is_taken_up_again(house: Served, tmp_path: Path) -> None:
    command_id = house.stage.submit(Guarded(vm="vm-4"))
    part = house.stage.orchestrator.tree(command_id)[2].command_id

    with working(house, tmp_path / "clones", "--seconds", "30"):
        file = tmp_path / "clones" / f"{part}.clone"
        until(playing(house, file.exists), what="the vendor has begun")
    with working(house, tmp_path / "clones", "--seconds", "0.1"):
        until(has(house, command_id, Status.SUCCEEDED), what="the plan ended")

    assert file.stat().st_size == PIECES * PIECE_BYTES


def test_two_programs_of_a_vendor_never_do_the_same_task(
    house: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    commands = [house.stage.submit(Guarded(vm=f"vm-{number}")) for number in range(12)]
    house.stage.play()
    one, two = tmp_path / "one", tmp_path / "two"
    how = (
        "--seconds",
        "0.1",
        "--lease-s",
        "36000",
    )  # the stage's time runs faster than the programs

    with working(house, one, *how), working(house, two, *how):
        for command_id in commands:
            until(has(house, command_id, Status.SUCCEEDED), what="the plan ended")

    files = [{file.name for file in directory.iterdir()} for directory in (one, two)]
    tasks = [house.stage.orchestrator.tasks([file.removesuffix(".clone")])[-1] for file in files[0]]
    assert len(files[0]) + len(files[1]) == len(commands)
    assert {task.claims for task in tasks} <= {1}
    assert not [
        one for one in caplog.records if one.name == "vendor"
    ]  # nobody was told that he lost
