"""What no database takes: refused where it is somebody's choice, made harmless where it is only told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestrator import Command
from orchestrator.core.errors import BadInputError
from orchestrator.core.status import Status
from orchestrator.engine.storable import stored_size
from tests.engine.conftest import Stages


class Returns(Command, kind="storable.returns"):
    """Returns a text of the characters with these numbers."""

    characters: tuple[int, ...]

    def execute(self) -> str:
        return "".join(map(chr, self.characters))


class Grows(Command, kind="storable.grows"):
    """Returns a great number."""

    bits: int

    def execute(self) -> int:
        return 1 << self.bits


class Raises(Command, kind="storable.raises"):
    """Says something odd when it fails."""

    characters: tuple[int, ...]

    def execute(self) -> None:
        raise RuntimeError("odd: " + "".join(map(chr, self.characters)))


class Says(Command, kind="storable.says", label="says {text}"):
    """Has a text."""

    text: str

    def execute(self) -> str:
        return self.text


class Holds(Command, kind="storable.holds"):
    """Has anything."""

    value: Any

    def execute(self) -> Any:
        return self.value


class Numbers(Command, kind="storable.numbers"):
    """Returns a number that was written as text."""

    text: str

    def execute(self) -> Any:
        return [float(self.text)]


@dataclass
class Measured:
    """What was measured."""

    metres: float


class TypedNumbers(Command, kind="storable.typed"):
    """Returns it as what it says that it returns."""

    text: str

    def execute(self) -> Measured:
        return Measured(float(self.text))


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


NUL, HALF = 0x0, 0xD800


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (Returns(characters=(NUL,)), "a text has the character NUL"),
        (Returns(characters=(HALF,)), "str is not valid UTF-8"),
        (Grows(bits=64), "Integer exceeds 64-bit range"),
        (Numbers(text="nan"), "NaN and Infinity are no JSON numbers"),
        (Numbers(text="-inf"), "NaN and Infinity are no JSON numbers"),
        (TypedNumbers(text="nan"), "NaN and Infinity are no JSON numbers"),
    ],
)
def test_a_verb_that_returns_what_cannot_be_stored_has_failed(
    stages: Stages, command: Command, says: str
) -> None:
    ended = stages(Returns, Grows, Numbers, TypedNumbers).perform(command)

    assert ended.status is Status.FAILED
    assert says in (ended.message or "")


@pytest.mark.parametrize("character", [NUL, HALF])
def test_what_an_error_says_is_never_in_the_way(stages: Stages, character: int) -> None:
    with capture_logs():
        ended = stages(Raises).perform(Raises(characters=(character,)))

    assert ended.status is Status.FAILED
    assert (ended.message or "").startswith("RuntimeError: odd: ")


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_parameters_that_cannot_be_stored_are_refused(stages: Stages, text: str) -> None:
    with pytest.raises(BadInputError, match=r"the parameters of storable\.says cannot be stored"):
        stages(Says).submit(Says(text=text))


@pytest.mark.parametrize("name", ["owner", "correlation_id", "idempotency_key"])
def test_circumstances_that_cannot_be_stored_are_refused(stages: Stages, name: str) -> None:
    with pytest.raises(BadInputError, match=f"the {name} cannot be stored: a text has"):
        stages(Says).submit(Says(text="x"), **{name: "a\x00b"})


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "ü✓𝄞", "\x01\x1f\x7f"])
def test_what_only_looks_odd_is_stored_as_it_is(stages: Stages, text: str) -> None:
    stage = stages(Says)

    ended = stage.perform(Says(text=text))
    payload = stage.store.payload(ended.command_id)

    assert ended.status is Status.SUCCEEDED
    assert payload is not None
    assert payload.parameters == {"text": text}


@pytest.mark.parametrize(("value", "size"), [(None, 4), ("ü", 4), ({"a": [1, 2.5]}, 13)])
def test_the_size_is_that_of_the_json(value: object, size: int) -> None:
    assert stored_size(value) == size


@pytest.mark.parametrize(
    "bad", [float("nan"), float("inf"), [1.0, float("-inf")], {"a": None, "b": float("nan")}]
)
def test_a_number_that_is_none_is_no_value(bad: object) -> None:
    with pytest.raises(ValueError, match="NaN and Infinity"):
        stored_size(bad)


@pytest.mark.parametrize("levels", [201, 253, 255, 260, 300, 2_000])
def test_what_is_nested_too_deep_is_refused_before_any_database_sees_it(
    stages: Stages, levels: int
) -> None:
    with pytest.raises(BadInputError, match=r"storable\.holds cannot be stored"):
        stages(Holds).submit(Holds(value=nested(levels)))


def test_what_is_nested_two_hundred_deep_comes_back(stages: Stages) -> None:
    stage = stages(Holds)

    ended = stage.perform(Holds(value=nested(199)))

    assert ended.status is Status.SUCCEEDED
