"""A rapid clone: steps of ours and a vendor's, through the deaths of either."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator import TaskStatus
from orchestrator.core.access import Role
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.api.served import RapidClone, Served, served

TASKS = "/api/v1/external-tasks"
MINUTE = timedelta(minutes=1)


class Program:
    """A program of the vendor. When it is killed it knows nothing any more."""

    def __init__(self, house: Served, secret: str, name: str) -> None:
        self.name = name
        self.api = house.bare(headers={"Authorization": f"Bearer {secret}"})
        self.task: dict[str, Any] | None = None

    def fetch(self, topic: str = "clone") -> dict[str, Any] | None:
        """Takes a task, if there is one."""
        asked = {"topics": [topic], "program": self.name, "lease_s": 60}
        items = self.api.post(f"{TASKS}/claim", json=asked).json()["items"]
        self.task = items[0] if items else None
        return self.task

    def report(self, **news: Any) -> httpx.Response:
        """Says something about the task that it has."""
        assert self.task is not None
        path = f"{TASKS}/{self.task['id']}"
        return self.api.patch(path, json={"claim": self.task["claim"], **news})


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as house:
        yield house


@pytest.fixture
def secret(house: Served) -> str:
    return house.tokens.create("acme-1", Role.VENDOR, vendor="acme")


def begun(stage: Stage) -> str:
    command_id = stage.submit(RapidClone(vm="web-1"))
    stage.play()
    return command_id


def test_a_vendor_that_was_killed_comes_back_and_goes_on(house: Served, secret: str) -> None:
    stage, command_id = house.stage, begun(house.stage)
    first = Program(house, secret, "array-1")
    task = first.fetch()
    assert task is not None
    assert first.report(progress=0.4, message="block 400 of 1000").status_code == 200
    sub = {"description": "Copy the map", "parent": task["id"], "topic": "map"}
    assert first.api.post(TASKS, json=sub).status_code == 201
    stage.play()

    stage.turn(2 * MINUTE)  # it was killed
    back = Program(house, secret, "array-1 again")
    taken = back.fetch()
    assert taken is not None
    mapper = Program(house, secret, "mapper")
    assert mapper.fetch("map") is not None
    assert mapper.report(status="succeeded").status_code == 200
    assert back.report(status="succeeded", result={"lun": 8}).status_code == 200
    ghost = first.report(status="failed", message="I was away")
    stage.play()

    last_known = (taken["id"], taken["progress"], taken["message"])
    assert last_known == (task["id"], 0.4, "block 400 of 1000")
    assert ghost.status_code == 409
    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert stage.orchestrator.value(task["id"]) == {"lun": 8}


def test_a_vendor_that_is_gone_for_good_is_settled_by_an_operator(
    house: Served, secret: str
) -> None:
    stage, command_id = house.stage, begun(house.stage)
    operator = house.client("alice", Role.OPERATOR)
    program = Program(house, secret, "array-1")
    task = program.fetch()
    assert task is not None

    stage.turn(6 * MINUTE)
    shown = operator.get(f"{TASKS}/{task['id']}").json()
    verdict = {"outcome": "failed", "reason": "the array was sold"}
    operator.post(f"/api/v1/commands/{task['id']}/resolve", json=verdict)
    stage.play()

    assert (shown["state"], shown["stale"]) == ("unknown", True)
    assert stage.orchestrator.get(command_id).status is Status.FAILED
    assert stage.statuses(command_id)["Carve out a LUN"] is Status.COMPENSATED
    assert program.report(status="succeeded").status_code == 409


def test_an_engine_that_was_killed_comes_back_and_takes_the_report(tmp_path: Path) -> None:
    with served(tmp_path) as before:
        command_id = begun(before.stage)
        secret = before.tokens.create("acme-1", Role.VENDOR, vendor="acme")
        program = Program(before, secret, "array-1")
        task = program.fetch()
        assert program.report(progress=0.9).status_code == 200

    with served(tmp_path) as after:
        again = Program(after, secret, "array-1")
        again.task = task
        assert again.report(status="succeeded").status_code == 200
        after.stage.play()

        assert after.stage.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_two_programs_of_one_vendor_share_the_work(house: Served, secret: str) -> None:
    commands = [begun(house.stage) for _ in range(6)]
    programs = [Program(house, secret, name) for name in ("array-1", "array-2")]
    done: dict[str, list[str]] = {one.name: [] for one in programs}

    while any([program.fetch() for program in programs]):  # noqa: C419 - each of them fetches
        for program in programs:
            if program.task is not None:
                assert program.report(status="succeeded").status_code == 200
                done[program.name].append(program.task["id"])
        house.stage.play()

    ids = [one for some in done.values() for one in some]
    assert all(done.values())
    assert len(ids) == len(set(ids)) == len(commands)
    assert {house.stage.orchestrator.get(one).status for one in commands} == {Status.SUCCEEDED}


def test_a_later_failure_has_the_vendor_undo_its_clone(house: Served, secret: str) -> None:
    stage, command_id = house.stage, begun(house.stage)
    operator = house.client("alice", Role.OPERATOR)
    program = Program(house, secret, "array-1")
    task = program.fetch()
    assert task is not None
    program.report(status="succeeded")
    operator.post(f"/api/v1/commands/{command_id}/stop", json={"reason": "wrong VM"})
    stage.play()

    undo = program.fetch("clone.undo")
    assert undo is not None
    done = program.report(status="succeeded", message="the clone is gone")
    stage.play()

    assert (undo["id"], undo["state"]) == (task["id"], "undoing")
    assert undo["attempt"] > task["attempt"]
    assert done.status_code == 200
    assert stage.orchestrator.get(command_id).status is Status.STOPPED
    assert stage.orchestrator.get(task["id"]).status is Status.COMPENSATED
    assert stage.orchestrator.tasks([task["id"]])[-1].status is TaskStatus.SUCCEEDED
