"""Submitting: idempotency keys, what is bad input, and rows that this code cannot read."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel, Field

from orchestrator import Command, Old, Plan, sequence
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.engine.acts import Diary, Group, Step
from tests.engine.conftest import Stages

WHILE = timedelta(seconds=11)


def test_the_same_key_gives_the_same_command(stage: Stage, diary: Diary) -> None:
    first = stage.orchestrator.submit(Step(name="a"), idempotency_key="k")
    stage.play()
    second = stage.orchestrator.submit(Step(name="a"), idempotency_key="k")
    stage.play()

    assert (second.id, first.repeated, second.repeated) == (first.id, False, True)
    assert diary.notes == ["do a"]


def test_a_key_used_for_another_request_is_refused(stage: Stage) -> None:
    first = stage.orchestrator.submit(Step(name="a"), idempotency_key="k")

    with pytest.raises(
        ConflictError, match=f"'k' was used for another request .command {first.id}"
    ):
        stage.orchestrator.submit(Step(name="b"), idempotency_key="k")

    assert len(stage.orchestrator.commands().items) == 1


class Detail(BaseModel):
    """A model in a field, with a default of its own that is drawn."""

    marks: frozenset[int]
    drawn: float = Field(default_factory=random.random)


class Drawn(Command, kind="drawn", label="drawn"):
    """Has defaults that are drawn afresh, and sets."""

    marks: frozenset[int] = frozenset()
    nested: tuple[dict[str, frozenset[frozenset[str]]], ...] = ()
    detail: Detail | None = None
    drawn: float = Field(default_factory=random.random)

    def execute(self) -> None: ...


@pytest.mark.parametrize("marks", [(0, 8), (8, 0)])  # one set in two orders
def test_a_request_is_the_same_by_what_its_caller_sent(
    stages: Stages, marks: tuple[int, ...]
) -> None:
    orchestrator = stages(Drawn).orchestrator
    first = Drawn(marks=frozenset((0, 8)), detail=Detail(marks=frozenset((8, 0))))
    again = Drawn(marks=frozenset(marks), detail=Detail(marks=frozenset(marks)))

    submitted = orchestrator.submit(first, idempotency_key="k")

    assert first.drawn != again.drawn
    assert orchestrator.submit(again, idempotency_key="k").id == submitted.id
    with pytest.raises(ConflictError):
        orchestrator.submit(Drawn(marks=frozenset((0, 8)), drawn=0.5), idempotency_key="k")


@pytest.mark.parametrize(
    "other", [{"correlation_id": "c2"}, {"correlation_id": None}, {"owner": "bob"}]
)
def test_another_circumstance_is_another_request(stage: Stage, other: dict[str, Any]) -> None:
    sent: dict[str, Any] = {"idempotency_key": "k", "correlation_id": "c1"}
    first = stage.orchestrator.submit(Step(name="a"), **sent)

    assert stage.orchestrator.submit(Step(name="a"), **sent).id == first.id
    with pytest.raises(ConflictError, match="'k' was used for another request"):
        stage.orchestrator.submit(Step(name="a"), **{**sent, **other})


DIGEST = """
from tests.engine.test_submitting import Detail, Drawn
from orchestrator.engine.sent import digest_of_sent
inner = frozenset({frozenset({"x", "y", "z"}), frozenset({"u", "v"})})
detail = Detail(marks=frozenset({1, 2}))
print(digest_of_sent("drawn", Drawn(nested=({"b": inner, "a": inner},), detail=detail), "alice"))
"""


def test_a_request_is_the_same_in_every_process() -> None:
    found = {
        subprocess.run(
            (sys.executable, "-c", DIGEST),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(found) == 1


@pytest.mark.parametrize(
    ("deadline", "says"),
    [
        (datetime(2030, 1, 1), "has no zone"),  # noqa: DTZ001 - that is the point
        (timedelta.max, "lies beyond the calendar"),
        (timedelta.min, "lies beyond the calendar"),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))), "lies beyond the calendar"),
        (3600, "is of type int; give a datetime"),
        ("2030-01-01T00:00:00Z", "is of type str; give a datetime"),
    ],
)
def test_a_deadline_that_is_no_time_is_refused(stage: Stage, deadline: Any, says: str) -> None:
    with pytest.raises(BadInputError, match=f"the deadline .*{says}"):
        stage.submit(Step(name="a"), deadline=deadline)
    with pytest.raises(BadInputError, match=f"the deadline .*{says}"):
        stage.orchestrator.submit_many([Step(name="a")], deadline=deadline)

    assert not stage.orchestrator.commands().items


def test_a_deadline_of_any_zone_is_the_same_time(stage: Stage) -> None:
    at = datetime(2090, 1, 1, tzinfo=timezone(timedelta(hours=5)))

    assert stage.orchestrator.get(stage.submit(Step(name="a"), deadline=at)).deadline == at


def test_a_refused_submission_does_not_use_up_its_key(stages: Stages) -> None:
    stage = stages(limits=None)
    with pytest.raises(BadInputError):
        stage.orchestrator.submit(Step(name="x" * 2**21), idempotency_key="k")

    assert not stage.orchestrator.submit(Step(name="a"), idempotency_key="k").repeated


@pytest.mark.parametrize(
    ("kind", "parameters", "says"),
    [
        ("stp", {}, "no command of kind 'stp' is known here; did you mean 'step'?"),
        ("zzz", {}, "no command of kind 'zzz' is known here; known are: .*step"),
        ("step", {}, "step: name: field required"),
        ("step", {"name": 1}, "step: name: input should be a valid string"),
        ("step", {"name": "a", "x": 1}, "step: x: extra inputs are not permitted"),
        ("step", {"name": None, "y": 2}, "step: name: .*; y: "),
    ],
)
def test_bad_parameters_are_named_in_one_sentence(
    stage: Stage, kind: str, parameters: dict[str, object], says: str
) -> None:
    with pytest.raises(BadInputError, match=says) as problem:
        stage.orchestrator.make(kind, parameters)

    assert "\n" not in str(problem.value)


def test_a_command_that_is_not_in_the_catalog_is_refused(stage: Stage) -> None:
    class Stranger(Command, kind="stranger"):
        def execute(self) -> None: ...

    with pytest.raises(BadInputError, match="no command of kind 'stranger'"):
        stage.submit(Stranger())


def test_an_id_may_be_shortened_while_it_is_unique(stage: Stage) -> None:
    command_id = stage.submit(Group(name="g", shape=["seq", "a", "b"]))

    assert stage.orchestrator.get(command_id[:8]).label == "g"
    assert stage.orchestrator.get(f"{command_id[:8]}.2").label == "b"
    with pytest.raises(NotFoundError):
        stage.orchestrator.get(f"{command_id[:8]}.9")
    with pytest.raises(BadInputError, match="too short"):
        stage.orchestrator.get(command_id[:3])


class Renamed(Command, kind="renamed", version=3, label="{title}"):
    """Had a name, then names, now a title."""

    title: str

    def execute(self, diary: Diary) -> None:
        diary.write(self.title)


class RenamedLong(Command, kind="renamed", label="{name}"):
    """As it was in version 1."""

    name: str

    def execute(self) -> None: ...


class RenamedAhead(Command, kind="renamed", version=4, label="{title}"):
    """As a later release has it."""

    title: str
    colour: str = "red"

    def execute(self) -> None: ...


@Renamed.upgrade(since=1)
def a_name_became_names(old: Old) -> Old:
    return {"names": [old["name"]]}


@Renamed.upgrade(since=2)
def names_became_a_title(old: Old) -> Old:
    return {"title": " ".join(old["names"])}


def test_rows_of_an_old_version_still_run(stages: Stages, diary: Diary) -> None:
    command_id = stages(RenamedLong).submit(RenamedLong(name="old"))

    new = stages(Renamed)
    new.turn(WHILE)

    assert new.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert diary.notes == ["old"]


@pytest.mark.parametrize(
    ("written_by", "command", "says"),
    [
        (RenamedAhead, RenamedAhead(title="t"), "knows renamed version 4; this one knows 3"),
        (None, None, "waits for a worker that knows the kind 'gone'"),
    ],
)
def test_a_row_that_this_code_cannot_read_waits_and_harms_nobody(
    stages: Stages,
    diary: Diary,
    written_by: type[Command] | None,
    command: Command | None,
    says: str,
) -> None:
    class Gone(Command, kind="gone"):
        def execute(self) -> None: ...

    writer = stages(written_by or Gone)
    command_id = writer.submit(command or Gone())
    reader = stages(Renamed)

    other = reader.submit(Step(name="a"))
    reader.turn(WHILE)
    waiting = reader.orchestrator.get(command_id)

    assert waiting.status in (Status.READY, Status.DELAYED)
    assert reader.orchestrator.get(other).status is Status.SUCCEEDED
    if waiting.message is not None:
        assert says in waiting.message
    late = stages(written_by or Gone)
    for _ in range(8):
        late.turn(timedelta(seconds=70))
    assert late.orchestrator.get(command_id).status is Status.SUCCEEDED


class Narrow(Command, kind="narrow"):
    """Accepts less than what was stored."""

    size: int

    def execute(self) -> None: ...


class Wide(Command, kind="narrow"):
    size: str

    def execute(self) -> None: ...


class Around(Command, kind="around_narrow"):
    def plan(self) -> Plan:
        return sequence(Step(name="a"), Wide(size="large"), Step(name="b"))


def test_unreadable_parameters_wait_visibly(stages: Stages, diary: Diary) -> None:
    command_id = stages(Wide, Around).submit(Around())
    reader = stages(Narrow, Around)

    reader.turn(WHILE)

    waiting = reader.orchestrator.tree(command_id)[2]
    assert waiting.status is Status.DELAYED
    assert waiting.message is not None
    assert waiting.message.startswith("the stored parameters of narrow cannot be read: size:")
    assert diary.notes == ["do a"]
    assert reader.orchestrator.commands(CommandQuery(kind="around_narrow")).total == 1
