"""What a worker reads is what was submitted; what would come back changed is refused with its field."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PrivateAttr,
    SecretBytes,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
)

from orchestrator import Command
from orchestrator.core.errors import BadInputError
from orchestrator.core.status import Status
from tests.engine.acts import Diary
from tests.engine.conftest import Stages


class Colour(Enum):
    RED = "red"


class Inner(BaseModel):
    """A model in a field."""

    size: int = Field(1, alias="from")


class Special(Inner):
    """One with more to it."""

    extra: str = "x"


class Odd:
    """A value of no type that pydantic knows."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Plain:
    """A dataclass in a field."""

    names: tuple[str, ...] = ()
    when: date = date(2020, 2, 29)
    by_number: dict[int, str] = field(default_factory=dict)


class Kept(Command, kind="kept.one"):
    """Has many fields that come back."""

    aliased: int = Field(alias="from")
    inner: Inner = Inner()
    plain: Plain = Plain()
    colours: frozenset[Colour] = frozenset()
    amount: Decimal = Decimal("1.10")
    at: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    span: timedelta = timedelta(microseconds=1)
    id: UUID = UUID(int=1)
    path: Path = Path("/a")
    text: bytes = "ü".encode()
    packed: Base64Bytes = b"/w=="
    written: Json[list[int]] = Field(default_factory=lambda: [1])
    queue: deque[int] = Field(default_factory=deque)
    secret: SecretStr | None = None
    left_out: int = Field(default=0, exclude=True)
    _drawn: object = PrivateAttr(default_factory=object)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return self.aliased * 2

    @cached_property
    def thrice(self) -> int:
        return self.aliased * 3

    def execute(self, diary: Diary) -> None:
        diary.write(f"{self.aliased} {self.inner.size} {self.twice} {self.packed!r}")


class Tolerant(Command, kind="kept.tolerant"):
    """Has whatever it is given."""

    model_config = ConfigDict(extra="allow")

    def execute(self) -> None: ...


class Holder(Command, kind="lost.holder"):
    """Has fields that do not come back, if they are set."""

    inner: Inner | None = None
    anything: Any = None
    number: float = 0.0
    data: bytes = b""
    packed: dict[str, list[bytes]] = Field(default_factory=dict)
    secret: SecretStr = SecretStr("")
    secret_bytes: SecretBytes = SecretBytes(b"")
    secrets: tuple[SecretStr, ...] = ()
    hidden: int = Field(default=0, exclude=True)
    either: UUID | str = ""
    grows: str = ""
    written: int = 0
    raises: int = 0

    @field_validator("grows")
    @classmethod
    def longer(cls, text: str) -> str:
        return text and f"{text}!"

    @field_serializer("written")
    def never(self, number: int) -> int:
        return min(number, 7)

    @field_serializer("raises")
    def broken(self, number: int) -> int:
        return number // (1 - number)

    def execute(self) -> None: ...


class Strict(Command, kind="lost.strict"):
    """Takes no list for a tuple, not even from a store."""

    model_config = ConfigDict(strict=True)

    names: tuple[str, ...] = ()

    def execute(self) -> None: ...


class Needs(Command, kind="lost.needs"):
    """Needs what is not written."""

    hidden: int = Field(exclude=True)

    def execute(self) -> None: ...


def test_what_comes_back_is_what_was_submitted(stages: Stages, diary: Diary) -> None:
    command = Kept.model_validate(
        {
            "from": 7,
            "inner": {"from": 5},
            "plain": Plain(("a", "b"), date(2021, 1, 1), {1: "one"}),
            "colours": frozenset(Colour),
            "packed": b"/w==",
            "queue": [1, 2],
        }
    )
    assert command.thrice == 21

    ended = stages(Kept).perform(command)

    assert (ended.status, ended.message) == (Status.SUCCEEDED, None)
    assert diary.notes == [r"7 5 14 b'\xff'"]


def test_fields_that_were_not_declared_come_back(stages: Stages) -> None:
    stage = stages(Tolerant)

    assert stage.perform(Tolerant.model_validate({"x": [1, None]})).status is Status.SUCCEEDED
    with pytest.raises(BadInputError, match=r"x: a worker would read \[1\], not \(1,\)"):
        stage.submit(Tolerant.model_validate({"x": (1,)}))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"inner": Special()}, r"inner: a worker would read Inner\(size=1\), not Special"),
        ({"anything": (1,)}, r"anything: a worker would read \[1\], not \(1,\)"),
        ({"anything": {1: 2}}, r"anything: a worker would read \{'1': 2\}, not \{1: 2\}"),
        ({"anything": date(2020, 1, 1)}, "anything: a worker would read '2020-01-01'"),
        ({"anything": Inner()}, "anything: a worker would read "),
        ({"anything": float("nan")}, "anything: .*NaN and Infinity are no JSON numbers"),
        ({"anything": Odd()}, "anything: "),
        ({"anything": 2**64}, "anything: Integer exceeds 64-bit range"),
        ({"anything": ["a\x00"]}, "anything: a text has the character NUL"),
        ({"number": float("inf")}, "number: NaN and Infinity are no JSON numbers"),
        ({"number": float("nan")}, "number: NaN and Infinity are no JSON numbers"),
        ({"data": b"\xff"}, r"data: it is no UTF-8; .*Base64Bytes"),
        ({"packed": {"a": [b"\xff"]}}, r"packed: it is no UTF-8; .*Base64Bytes"),
        ({"secret": SecretStr("s3cret")}, "secret: .*a secret is written masked"),
        ({"secret_bytes": SecretBytes(b"s3cret")}, "secret_bytes: .*a secret is written masked"),
        ({"secrets": (SecretStr("s3cret"),)}, "secrets: .*a secret is written masked"),
        ({"hidden": 3}, "hidden: a worker would read 0, not 3"),
        ({"either": "0" * 32}, None),
        ({"either": UUID(int=0)}, "either: a worker would read '0"),
        ({"grows": "a"}, "grows: a worker would read 'a!!', not 'a!'"),
        ({"written": 7}, None),
        ({"written": 8}, "written: a worker would read 7, not 8"),
        ({"raises": 1}, "raises: "),
    ],
)
def test_a_field_that_would_come_back_changed_is_named(
    stages: Stages, fields: dict[str, Any], says: str | None
) -> None:
    stage = stages(Holder)
    if says is None:
        assert stage.perform(Holder(**fields)).status is Status.SUCCEEDED
        return

    with pytest.raises(BadInputError, match=f"the parameters of lost.holder cannot .*: {says}") as (
        found
    ):
        stage.submit(Holder(**fields))

    assert "s3cret" not in str(found.value)
    assert "\n" not in str(found.value)
    assert not stage.orchestrator.commands().items


@pytest.mark.parametrize(
    ("command", "field_name"), [(Strict(names=("a",)), "names"), (Needs(hidden=1), "hidden")]
)
def test_what_could_not_be_read_back_is_refused(
    stages: Stages, command: Command, field_name: str
) -> None:
    with pytest.raises(BadInputError, match=f"a worker could not read them back: {field_name}: "):
        stages(Strict, Needs).submit(command)
