"""Small values: retries, ids, locks, plans, labels, roles."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import (
    Command,
    Retry,
    TryAgain,
    best_effort,
    exclusive,
    external,
    parallel,
    sequence,
    shared,
)
from orchestrator.core.access import Caller, Permission, Role, digest_of
from orchestrator.core.errors import NotAllowedError
from orchestrator.core.ids import is_root, late_part_id, part_id, range_of_parts, root_id, short
from orchestrator.core.locks import LockMode
from orchestrator.core.plan import BestEffort, Group
from orchestrator.core.status import Mode

BITS = st.integers(0, 2**128 - 1)
HALF = 0.5


class Copy(Command, kind="copy", label="Copy {source} to {target}"):
    source: str
    target: str = "here"

    def execute(self) -> None: ...


class Quiet(Command, kind="quiet"):
    """Say nothing.

    And a second line.
    """

    def execute(self) -> None: ...


class Bare(Command, kind="bare"):
    def execute(self) -> None: ...


def test_waits_grow_up_to_the_most() -> None:
    retry = Retry(first=timedelta(seconds=1), factor=2, most=timedelta(seconds=5))

    waits = [retry.delay(one, HALF).total_seconds() for one in (1, 2, 3, 4, 5000)]

    assert waits == [1, 2, 4, 5, 5]


@given(failures=st.integers(1, 10_000), random=st.floats(0, 1))
def test_jitter_stays_in_its_bounds(failures: int, random: float) -> None:
    retry = Retry(jitter=0.2)

    wait, middle = retry.delay(failures, random), retry.delay(failures, HALF)

    assert middle * 0.799 <= wait <= middle * 1.201


@given(BITS, st.integers(1, 100_000))
def test_an_id_is_a_uuid_that_tells_its_tree(bits: int, number: int) -> None:
    root = root_id(bits)
    part, late = part_id(root, number), late_part_id(root, bits)

    assert all(str(UUID(one)) == one for one in (root, part, late))
    assert is_root(root)
    assert not is_root(part)
    assert not is_root(late)
    assert part[:13] == late[:13] == root[:13]
    assert short(part) == f"{root[:8]}.{number}"
    assert short(root) == root[:8]
    low, high = range_of_parts(root)
    assert low < part < late <= high


@given(BITS, st.sets(st.integers(1, 10_000), min_size=2))
def test_parts_are_sorted_as_they_are_numbered(bits: int, numbers: set[int]) -> None:
    ids = [part_id(root_id(bits), one) for one in sorted(numbers)]

    assert ids == sorted(ids)


def test_locks_come_in_one_order_and_the_strongest_wins() -> None:
    locks = shared("vm", 2, 1) + exclusive("disk", "d") + exclusive("vm", 2)

    ordered = locks.in_order()

    assert [(str(one), one.mode) for one in ordered] == [
        ("disk:d", LockMode.EXCLUSIVE),
        ("vm:1", LockMode.SHARED),
        ("vm:2", LockMode.EXCLUSIVE),
    ]


def test_groups_take_parts_and_lists_of_parts() -> None:
    one, two = Copy(source="1"), Copy(source="2")

    assert sequence(one, [two]) == Group(Mode.SEQUENCE, (one, two))
    assert parallel(part for part in (one, two)) == Group(Mode.PARALLEL, (one, two))
    assert sequence(parallel(one), best_effort(two)).parts[1] == BestEffort(two)


def test_best_effort_twice_is_best_effort() -> None:
    assert best_effort(best_effort(Bare())) == BestEffort(Bare())


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (Copy(source="a"), "Copy a to here"),
        (Quiet(), "Say nothing"),
        (Bare(), "bare"),
        (external("acme", "Clone it"), "Clone it"),
    ],
)
def test_a_command_describes_itself_to_operators(command: Command, says: str) -> None:
    assert command.describe() == says


def test_a_command_is_a_value() -> None:
    assert Copy(source="a") == Copy(source="a")
    with pytest.raises(ValueError, match="frozen"):
        Copy(source="a").source = "b"  # type: ignore[misc]


def test_an_external_task_keeps_its_times_in_seconds() -> None:
    made = external("acme", "x", lease=timedelta(minutes=1), timeout=timedelta(hours=1))

    assert (made.lease_s, made.timeout_s) == (60, 3600)
    assert made.execute().timeout == timedelta(hours=1)


def test_a_passing_condition_says_when_to_ask_again() -> None:
    assert TryAgain("busy").after == timedelta(seconds=5)


def test_a_caller_without_the_permission_is_told_who_has_it() -> None:
    with pytest.raises(
        NotAllowedError,
        match="'eve' has the role viewer; to operate takes the role admin or operator",
    ):
        Caller("eve", Role.VIEWER).need(Permission.OPERATE)
    Caller("adam", Role.ADMIN).need(Permission.OPERATE)


def test_a_secret_cannot_be_read_off_its_digest() -> None:
    assert len(digest_of("secret")) == 64
    assert "secret" not in digest_of("secret")
