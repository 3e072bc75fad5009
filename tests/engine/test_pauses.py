"""What is paused is not begun: what runs goes on, a stop gets through, and a resume wakes it at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from orchestrator import AsyncTask, Command, Plan, TaskStatus, sequence
from orchestrator.core.audit import AuditQuery
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.core.status import Status
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.testing import Stage
from tests.engine.acts import Outside

MINUTE = timedelta(minutes=1)


class Note(Command, kind="pause.note", label="{name}"):
    """Is noted."""

    name: str

    def execute(self) -> str:
        return self.name


class Copy(Command, kind="pause.copy", label="copy {name}", timeout=30 * MINUTE):
    """Runs outside."""

    name: str

    def execute(self, outside: Outside) -> AsyncTask[None]:
        return AsyncTask(system="outside", scope="here", verb="work", request={"name": self.name})


class Job(Command, kind="pause.job"):
    """Runs outside, then notes it."""

    name: str = "a"

    def plan(self) -> Plan:
        return sequence(Copy(name=self.name), Note(name=f"after {self.name}"))


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def stage(request: pytest.FixtureRequest, outside: Outside) -> Iterator[Stage]:
    if request.param == "memory":
        yield Stage((Note, Copy, Job), (outside,))
        return
    store = SqlStore(make_engine(request.getfixturevalue(f"{request.param}_url")))
    yield Stage((Note, Copy, Job), (outside,), store=store)
    store.close()


def messages(stage: Stage, command: str) -> dict[str, str | None]:
    return {one.label: one.message for one in stage.orchestrator.tree(command)}


def end_outside(stage: Stage, command: str) -> None:
    part = stage.orchestrator.tree(command)[1]
    stage.report(part.command_id, TaskStatus.SUCCEEDED)


def test_a_pause_takes_no_time_from_a_task(stage: Stage) -> None:
    stage.orchestrator.pause("scope:outside/here", "a disk is changed", actor="alice")
    command = stage.perform(Job()).command_id

    for _ in range(40):  # more than what such a task has
        stage.turn(MINUTE)
    before = stage.statuses(command)["copy a"]
    stage.orchestrator.resume("scope:outside/here", "it is in", actor="alice")
    stage.play()
    end_outside(stage, command)
    stage.play()

    assert before is Status.DELAYED
    assert stage.statuses(command)["after a"] is Status.SUCCEEDED


def test_who_is_woken_by_a_resume_does_not_go_by_what_was_read_before(stage: Stage) -> None:
    stage.runner.caller.pauses.fresh_s = 3600.0
    stage.orchestrator.pause("kind:pause.note", "a look first", actor="alice")
    command = stage.perform(Note(name="n")).command_id
    before = stage.orchestrator.get(command).status

    stage.orchestrator.resume("kind:pause.note", "seen", actor="alice")
    stage.play()

    assert before is Status.DELAYED
    assert stage.orchestrator.get(command).status is Status.SUCCEEDED


def test_a_paused_command_goes_no_further_until_it_is_resumed(stage: Stage) -> None:
    command = stage.perform(Job()).command_id
    stage.orchestrator.pause(command, "a look first", actor="alice")

    end_outside(stage, command)
    stage.turn(5 * MINUTE)

    assert stage.statuses(command)["after a"] is Status.DELAYED
    told = f"paused by alice: a look first (command:{command})"
    assert messages(stage, command)["after a"] == told
    assert stage.statuses(command)["copy a"] is Status.SUCCEEDED  # what ran went on

    stage.orchestrator.resume(command, actor="alice")
    stage.play()

    assert stage.orchestrator.get(command).status is Status.SUCCEEDED
    assert stage.store.pauses() == []


def test_a_paused_kind_is_begun_nowhere(stage: Stage) -> None:
    stage.orchestrator.pause("kind:pause.note", actor="alice")
    held, free = stage.perform(Note(name="held")), stage.perform(Job(name="b"))

    assert held.status is Status.DELAYED
    assert stage.statuses(free.command_id)["copy b"] is Status.WAITING

    stage.orchestrator.resume("kind:pause.note")
    stage.play()
    assert stage.orchestrator.get(held.command_id).status is Status.SUCCEEDED


def test_in_a_paused_scope_nothing_is_started(stage: Stage, outside: Outside) -> None:
    stage.orchestrator.pause("scope:outside/here", "the cluster is rebuilt", actor="alice")
    command = stage.perform(Job(name="c")).command_id

    assert outside.starts == []
    assert stage.statuses(command)["copy c"] is Status.DELAYED
    assert "the cluster is rebuilt" in (messages(stage, command)["copy c"] or "")

    stage.orchestrator.resume("scope:outside/here")
    stage.play()
    assert outside.starts == ["c"]


def test_what_is_paused_can_be_stopped(stage: Stage, outside: Outside) -> None:
    stage.orchestrator.pause("scope:outside/here", actor="alice")
    command = stage.perform(Job(name="d")).command_id

    stage.orchestrator.stop(command, "not needed")
    stage.turn(MINUTE)

    assert stage.orchestrator.get(command).status is Status.STOPPED
    assert outside.starts == []


def test_pauses_bear_names_and_are_in_the_audit(stage: Stage) -> None:
    stage.orchestrator.pause("kind:pause.note", "first", actor="alice")
    stage.orchestrator.pause("kind:pause.note", "second", actor="bob")
    (pause,) = stage.store.pauses()
    stage.orchestrator.resume("kind:pause.note", "done", actor="carol")
    deeds = stage.store.deeds(AuditQuery()).items

    assert (pause.by, pause.reason) == ("bob", "second")
    assert [(one.actor, one.verb, one.subject) for one in deeds] == [
        ("carol", "resume", "kind:pause.note"),
        ("bob", "pause", "kind:pause.note"),
        ("alice", "pause", "kind:pause.note"),
    ]


def test_what_cannot_be_paused_is_said(stage: Stage) -> None:
    ended = stage.perform(Note(name="over"))
    job = stage.perform(Job(name="e"))
    part = stage.orchestrator.tree(job.command_id)[1]

    for subject, error in (
        ("kind:", BadInputError),
        ("vm:vm-1", BadInputError),
        ("scope:vdsm", BadInputError),
        (ended.command_id, ConflictError),
        (part.command_id, ConflictError),
        ("ffffffff", NotFoundError),
    ):
        with pytest.raises(error):
            stage.orchestrator.pause(subject)
    with pytest.raises(NotFoundError):
        stage.orchestrator.resume("kind:nothing")
