"""A lock that nobody alive owns is freed, no other; a restart goes on from the part that it is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator import Command, Locks, Plan, Refused, exclusive, sequence
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.core.locks import Lock, LockMode
from orchestrator.core.status import Status
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.testing import Stage
from tests.engine.acts import Diary


class Guard(Command, kind="unlock.guard"):
    """Holds a lock while it does nothing."""

    def locks(self) -> Locks:
        return exclusive("vm", "vm-1")

    def execute(self, diary: Diary) -> None:
        diary.write("guard")


class Step(Command, kind="unlock.step", label="{name}"):
    """Is noted, and fails when told to."""

    name: str

    def execute(self, diary: Diary) -> None:
        diary.write(self.name)


class Line(Command, kind="unlock.line"):
    """Three steps."""

    def plan(self) -> Plan:
        return sequence(Step(name="one"), Step(name="two"), Step(name="three"))


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def stage(request: pytest.FixtureRequest, diary: Diary) -> Iterator[Stage]:
    if request.param == "memory":
        yield Stage((Guard, Step, Line), (diary,))
        return
    store = SqlStore(make_engine(request.getfixturevalue(f"{request.param}_url")))
    yield Stage((Guard, Step, Line), (diary,), store=store)
    store.close()


def leave_a_lock(stage: Stage) -> str:
    """Has an ended command hold the lock, as no program of ours does."""
    ended = stage.perform(Step(name="dead"))
    with stage.store.begin() as tx:
        lock = Lock("vm", "vm-1", LockMode.EXCLUSIVE)
        assert tx.acquire(ended._replace(locks=(lock,)), stage.clock.now()) is None
    return ended.command_id


def test_a_lock_that_nobody_alive_owns_is_freed_and_who_waits_goes_on(stage: Stage) -> None:
    leave_a_lock(stage)
    waiting = stage.perform(Guard())
    assert waiting.status is Status.BLOCKED

    stage.orchestrator.unlock("vm:vm-1", "its command has ended", actor="alice")
    stage.play()

    assert stage.orchestrator.get(waiting.command_id).status is Status.SUCCEEDED
    assert stage.store.locks() == []


def test_a_lock_that_somebody_alive_owns_is_not(stage: Stage, diary: Diary) -> None:
    command = stage.submit(Guard())  # holds it, and is ready

    with pytest.raises(ConflictError, match=f"held by command {command}"):
        stage.orchestrator.unlock("vm:vm-1", "in my way", actor="alice")

    assert [one.command_id for one in stage.store.locks()] == [command]


def test_a_lock_that_is_not_there_cannot_be_freed(stage: Stage) -> None:
    with pytest.raises(NotFoundError):
        stage.orchestrator.unlock("vm:vm-9", "why not")
    with pytest.raises(BadInputError, match="reason"):
        stage.orchestrator.unlock("vm:vm-1", " ")


def failed_line(stage: Stage, diary: Diary, at: str) -> tuple[str, list[str]]:
    diary.trouble(at, Refused("no"))
    command = stage.perform(Line())
    assert command.status is Status.FAILED
    parts = [one.command_id for one in stage.orchestrator.tree(command.command_id)[1:]]
    diary.notes.clear()
    return command.command_id, parts


def test_a_restart_goes_on_from_an_earlier_part(stage: Stage, diary: Diary) -> None:
    command, parts = failed_line(stage, diary, "three")

    stage.orchestrator.restart(command, "two was wrong", from_part=parts[1])
    stage.play()

    assert diary.notes == ["two", "three"]
    assert stage.orchestrator.get(command).status is Status.SUCCEEDED


def test_without_a_part_it_goes_on_where_it_failed(stage: Stage, diary: Diary) -> None:
    command, _ = failed_line(stage, diary, "three")

    stage.orchestrator.restart(command, "again")
    stage.play()

    assert diary.notes == ["three"]


def test_no_part_that_failed_is_passed_over(stage: Stage, diary: Diary) -> None:
    command, parts = failed_line(stage, diary, "two")

    with pytest.raises(ConflictError, match="two comes before it and is failed"):
        stage.orchestrator.restart(command, "skip it", from_part=parts[2])
    with pytest.raises(BadInputError, match="no part of the sequence"):
        stage.orchestrator.restart(command, "what", from_part=command)

    assert stage.orchestrator.get(command).status is Status.FAILED
