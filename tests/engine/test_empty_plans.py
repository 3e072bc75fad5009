"""Plans that find nothing to do, and those who ask for all results there are, be it none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from orchestrator import (
    Command,
    Locks,
    Outcome,
    Plan,
    Run,
    best_effort,
    exclusive,
    parallel,
    sequence,
)
from orchestrator.core.errors import BadInputError
from orchestrator.core.status import Status
from tests.engine.acts import FAILS, Diary, Step
from tests.engine.conftest import Stages
from tests.model.checker import check


class Number(Command, kind="empty.number"):
    """Returns its number."""

    value: int

    def execute(self) -> int:
        return self.value


class Sum(Command, kind="empty.sum", label="sum"):
    """Notes all numbers there are."""

    def execute(self, numbers: list[int], diary: Diary) -> None:
        diary.write(f"sum {numbers}")


class Fails(Command, kind="empty.fails"):
    def execute(self) -> None:
        raise FAILS


SHAPES: dict[str, Callable[[], Plan]] = {
    "sequence": sequence,
    "parallel": parallel,
    "best effort": lambda: best_effort(sequence()),
    "nested": lambda: sequence(parallel(sequence(), parallel()), best_effort(parallel())),
    "around": lambda: sequence(parallel(), Step(name="a"), sequence(), Step(name="b"), parallel()),
    "beside": lambda: parallel(sequence(), Step(name="a"), parallel(), Step(name="b")),
    "asked at the start": lambda: sequence(Sum()),
    "flat": lambda: sequence(
        Number(value=1), Number(value=2), Step(name="a"), Number(value=3), Sum()
    ),
    "groups": lambda: sequence(parallel(map(_number, (1, 2))), parallel(map(_number, (3,))), Sum()),
    "from around": lambda: sequence(Number(value=1), Number(value=2), parallel(Sum(), Sum())),
    "nearest": lambda: sequence(Number(value=1), sequence(Number(value=2), Number(value=3), Sum())),
}


def _number(value: int) -> Number:
    return Number(value=value)


class Shaped(Command, kind="empty.shaped", label="shaped"):
    """Has the shape with this name."""

    shape: str
    things: tuple[str, ...] = ()

    def locks(self) -> Locks:
        return exclusive("thing", *self.things)

    def plan(self) -> Plan:
        return SHAPES[self.shape]()


class Ended(Shaped, kind="empty.ended", label="shaped"):
    def end(self, outcome: Outcome, numbers: list[int], diary: Diary) -> None:
        diary.write(f"end {outcome} {numbers}")


class Validated(Shaped, kind="empty.validated", label="shaped"):
    def validate(self, diary: Diary) -> None:
        diary.write("validate")


class Late(Ended, kind="empty.late", label="shaped"):
    def plan(self, run: Run) -> Plan:  # type: ignore[override]
        return SHAPES[self.shape]()


class Undone(Command, kind="empty.undone", label="undone"):
    shape: str

    def plan(self) -> Plan:
        return sequence(Shaped(shape=self.shape), Late(shape=self.shape), Fails())


ALL = (Number, Sum, Fails, Shaped, Ended, Validated, Late, Undone)
EMPTY = ("sequence", "parallel", "best effort", "nested")


@pytest.mark.parametrize("shape", [*EMPTY, "around", "beside"])
@pytest.mark.parametrize("kind", [Shaped, Ended, Validated, Late])
@pytest.mark.parametrize("things", [(), ("x",)])
def test_a_part_of_nothing_has_succeeded_at_once(
    stages: Stages, kind: type[Shaped], shape: str, things: tuple[str, ...]
) -> None:
    stage = stages(*ALL)

    ended = stage.perform(kind(shape=shape, things=things))

    assert ended.status is Status.SUCCEEDED
    assert ended.start_time is not None
    assert check(stage.store, roots=[ended.command_id]) == []
    for part in stage.orchestrator.tree(ended.command_id):
        assert stage.store.history(part.command_id)[-1].path[-1] is Status.SUCCEEDED


@pytest.mark.parametrize("shape", EMPTY)
def test_what_did_nothing_is_undone_by_nothing(stages: Stages, shape: str) -> None:
    stage = stages(*ALL)

    ended = stage.perform(Undone(shape=shape))

    assert ended.status is Status.FAILED
    assert check(stage.store, roots=[ended.command_id]) == []


@pytest.mark.parametrize("kind", [Ended, Late])
def test_an_end_that_asks_for_all_gets_none_of_nothing(
    stages: Stages, diary: Diary, kind: type[Ended]
) -> None:
    stages(*ALL).perform(kind(shape="nested"))

    assert diary.notes == ["end succeeded []"]


@pytest.mark.parametrize(
    ("shape", "notes"),
    [
        ("asked at the start", ["sum []"]),
        ("flat", ["do a", "sum [1, 2, 3]"]),
        ("groups", ["sum [1, 2, 3]"]),
        ("from around", ["sum [1, 2]"] * 2),
        ("nearest", ["sum [2, 3]"]),
    ],
)
@pytest.mark.parametrize("kind", [Shaped, Late])
def test_a_list_is_all_that_the_nearest_sequence_gave(
    stages: Stages, diary: Diary, kind: type[Shaped], shape: str, notes: list[str]
) -> None:
    ended = stages(*ALL).perform(kind(shape=shape))

    assert ended.status is Status.SUCCEEDED
    assert [one for one in diary.notes if not one.startswith("end")] == notes


class Slips(Command, kind="empty.slips"):
    """Gives, or raises, what the test says."""

    verb: str

    def describe(self) -> str:
        return str(self._slip("label", "a label")) if SLIP != [7] else 7  # type: ignore[return-value]

    def locks(self) -> Locks:
        return self._slip("locks", Locks())  # type: ignore[no-any-return]

    def plan(self) -> Plan:
        return self._slip("plan", sequence())  # type: ignore[no-any-return]

    def _slip(self, verb: str, right: Any) -> Any:
        if verb != self.verb:
            return right
        if isinstance(SLIP[0], BaseException):
            raise SLIP[0]
        return SLIP[0]


class Unfilled(Command, kind="empty.unfilled", label="about {nothing}"):
    def execute(self) -> None: ...


SLIP: list[Any] = [None]


@pytest.mark.parametrize(
    ("verb", "slip", "says"),
    [
        ("label", KeyError("vm"), "raised KeyError: 'vm'"),
        ("label", SystemExit(3), "raised SystemExit: 3"),
        ("label", 7, "gave 7, not a text"),
        ("label", "a\x00", "cannot be stored: a text has the character NUL"),
        ("locks", None, "gave None; return exclusive"),
        ("locks", (), "gave (); return exclusive"),
        ("locks", Locks, "gave the class Locks, not a value of it"),
        ("locks", Locks(("x",)), "gave 'x', which is no lock"),  # type: ignore[arg-type]
        ("locks", RuntimeError("no"), "raised RuntimeError: no"),
        ("locks", exclusive("vm", "a\x00"), "cannot be stored: a text has the character NUL"),
        ("locks", exclusive("vm", "\ud800"), "cannot be stored"),
        ("locks", exclusive("vm", "x" * 501), "a name is a text of 1 to 500 characters"),
        ("locks", exclusive("", "x"), "names ''; a name is a text of 1 to 500"),
        ("plan", RuntimeError("no"), "raised RuntimeError: no"),
        ("plan", GeneratorExit(), "raised GeneratorExit"),
        ("plan", None, "is None; return sequence"),
        ("plan", Number, "is the class Number, not a value of it; return"),
        ("plan", sequence(Number), "has the class Number, not a value of it among its parts"),  # type: ignore[arg-type]
        ("plan", parallel([None]), "has None among its parts"),  # type: ignore[list-item]
        ("plan", sequence(Number(value=1), None, Sum()), "has None among its parts"),  # type: ignore[arg-type]
        ("plan", sequence("ab"), "has 'ab' among its parts"),  # type: ignore[arg-type]
        ("plan", best_effort(3), "has 3 among its parts"),  # type: ignore[arg-type]
    ],
)
@pytest.mark.parametrize("as_part", [False, True])
def test_a_slip_of_a_class_is_named_and_nothing_is_stored(
    stages: Stages, verb: str, slip: Any, says: str, as_part: bool
) -> None:
    stage = stages(Slips, Shaped, *(Number, Sum))
    SLIP[0] = slip
    SHAPES["slips"] = lambda: sequence(Slips(verb=verb))
    command = Shaped(shape="slips") if as_part else Slips(verb=verb)

    with pytest.raises(BadInputError) as problem:
        stage.submit(command)

    assert "empty.slips" in str(problem.value)
    assert f"{verb} {says}" in str(problem.value) or says in str(problem.value)
    assert stage.orchestrator.commands().total == 0


def test_a_label_with_a_field_that_is_not_there_is_a_slip(stages: Stages) -> None:
    with pytest.raises(
        BadInputError, match=r"empty\.unfilled cannot be submitted: its label raised"
    ):
        stages(Unfilled).submit(Unfilled())


def test_a_long_label_is_cut(stages: Stages) -> None:
    stage = stages(Number, Slips)
    SLIP[0] = "x" * 900_000

    label = stage.perform(Slips(verb="label")).label

    assert label == "x" * 199 + "…"
    stage.turn(timedelta(seconds=1))
