"""The one writer of a process: whose requests it puts into one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread

import pytest

from orchestrator import Command, Plan, parallel
from orchestrator.core import event as ev
from orchestrator.core.entity import CommandEntity
from orchestrator.core.status import Status
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request
from orchestrator.testing import Stage
from tests.engine.conftest import Stages

WORKER = "stage"
DEADLINE_S = 10.0


class Leaf(Command, kind="writer.leaf"):
    """One of many."""

    number: int

    def execute(self) -> None:
        pass


class Tree(Command, kind="writer.tree"):
    """Has leaves."""

    leaves: int

    def plan(self) -> Plan:
        return parallel(Leaf(number=number) for number in range(self.leaves))


def claimed_leaves(stage: Stage, tree: str) -> list[CommandEntity]:
    """Claims all leaves of a tree and gives them."""
    kinds = frozenset(stage.catalog.kinds)
    ids = [one.command_id for one in stage.orchestrator.tree(tree) if one.parent_id == tree]
    for one in ids:
        stage.writer.write(Request(one, worker_id=WORKER, kinds=kinds))
    return [stage.orchestrator.get(one) for one in ids]


def done(leaf: CommandEntity) -> Request:
    return Request(leaf.command_id, ev.Done(leaf.attempt), seen=leaf, near=(leaf.parent_id or "",))


def while_locks_are_waited_for(
    patch: pytest.MonkeyPatch, act: Callable[[], None]
) -> list[UnitOfWork]:
    """Has something happen while the first unit of work loads; gives how many units there were."""
    load, units = UnitOfWork.load, list[UnitOfWork]()

    def slow_load(self: UnitOfWork, ids: Iterable[str]) -> None:
        if self not in units:
            units.append(self)
        if len(units) == 1:
            act()
        load(self, ids)

    patch.setattr(UnitOfWork, "load", slow_load)
    return units


def write(stage: Stage, request: Request) -> None:
    with suppress(ArithmeticError):
        stage.writer.write(request)


def come_later(stage: Stage, requests: Iterable[Request]) -> list[Thread]:
    """Has others write these requests, and returns when all of them are waiting."""
    threads = [Thread(target=write, args=(stage, one), daemon=True) for one in requests]
    end = time.monotonic() + DEADLINE_S
    for count, thread in enumerate(threads, 1):
        thread.start()
        while len(stage.writer._waiting) < count and time.monotonic() < end:
            time.sleep(0.001)
    return threads


def test_who_comes_while_a_batch_waits_for_its_parent_is_let_in(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stages(Leaf, Tree)
    tree = stage.submit(Tree(leaves=3))
    first, *others = claimed_leaves(stage, tree)
    coming: list[Thread] = []

    def come() -> None:
        if not coming:
            coming.extend(come_later(stage, map(done, others)))

    units = while_locks_are_waited_for(monkeypatch, come)
    stage.writer.write(done(first))
    for thread in coming:
        thread.join()

    assert len(units) == 1
    assert stage.orchestrator.get(tree).status is Status.SUCCEEDED


def test_who_needs_another_parent_waits_for_the_next_batch(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stages(Leaf, Tree)
    trees = [stage.submit(Tree(leaves=1)) for _ in range(2)]
    ours, theirs = (claimed_leaves(stage, tree)[0] for tree in trees)
    coming: list[Thread] = []

    def come() -> None:
        if not coming:
            coming.extend(come_later(stage, [done(theirs)]))

    units = while_locks_are_waited_for(monkeypatch, come)
    stage.writer.write(done(ours))
    for thread in coming:
        thread.join()

    assert len(units) == 2
    assert {stage.orchestrator.get(tree).status for tree in trees} == {Status.SUCCEEDED}


def test_one_that_was_let_in_and_is_refused_harms_nobody(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stages(Leaf, Tree)
    tree = stage.submit(Tree(leaves=2))
    first, other = claimed_leaves(stage, tree)
    stale = done(other._replace(revision=other.revision - 1))  # not as it stands in the store
    coming: list[Thread] = []

    def come() -> None:
        if not coming:
            coming.extend(come_later(stage, [stale]))

    while_locks_are_waited_for(monkeypatch, come)
    stage.writer.write(done(first))
    for thread in coming:
        thread.join()

    assert stale.accepted
    assert stage.orchestrator.get(tree).status is Status.SUCCEEDED


def test_who_comes_while_a_broken_batch_is_written_one_by_one_is_not_forgotten(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stages(Leaf, Tree)
    tree = stage.submit(Tree(leaves=3))
    first, second, third = claimed_leaves(stage, tree)
    broken = done(second)
    broken.before = break_down
    coming: list[Thread] = []
    load, loads = UnitOfWork.load, list[UnitOfWork]()

    def slow_load(self: UnitOfWork, ids: Iterable[str]) -> None:
        if self not in loads:
            loads.append(self)
            if len(loads) == 1:  # the batch; the broken one is let into it
                coming.extend(come_later(stage, [broken]))
            elif len(loads) == 2:  # the first, written apart
                coming.extend(come_later(stage, [done(third)]))
        load(self, ids)

    monkeypatch.setattr(UnitOfWork, "load", slow_load)
    stage.writer.write(done(first))
    for thread in coming:
        thread.join(DEADLINE_S)

    assert not any(thread.is_alive() for thread in coming)
    assert isinstance(broken.error, ArithmeticError)
    ended = {one.command_id for one in stage.orchestrator.tree(tree) if one.status.is_final}
    assert ended == {first.command_id, third.command_id}


def break_down(_unit: UnitOfWork) -> None:
    raise ArithmeticError("broken")
