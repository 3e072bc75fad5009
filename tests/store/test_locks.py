"""The contract of all stores: locks on entities."""

from __future__ import annotations

import pytest

from orchestrator.core.entity import CommandEntity
from orchestrator.core.locks import Blocker, Lock, LockMode, Locks, exclusive, shared
from orchestrator.core.ports import Store
from tests.store.rows import NOW, SECOND, parts_of, put, root

HELD, WAITS = True, False


class Clerk:
    """Takes and frees locks of a store, a second after the last one."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.time = NOW

    def wants(
        self, number: int, locks: Locks, above: CommandEntity | None = None
    ) -> Blocker | None:
        """A command asks for locks."""
        made = root(number, locks=locks.in_order())
        if above is not None:
            made = parts_of(above, number)[-1]._replace(locks=locks.in_order())
        put(self.store, made)
        self.time += SECOND
        with self.store.begin() as tx:
            return tx.acquire(made, self.time)

    def frees(self, *numbers: int) -> list[str]:
        """Commands end; gives the labels of those that now hold all they wanted."""
        with self.store.begin() as tx:
            granted = tx.release([root(one).command_id for one in numbers])
        return [self._label(one) for one in granted]

    def book(self) -> dict[str, dict[str, bool]]:
        """Gives for each entity who holds it and who waits for it."""
        found: dict[str, dict[str, bool]] = {}
        for row in self.store.locks():
            found.setdefault(row.lock.entity_id, {})[self._label(row.command_id)] = row.held
        return found

    def _label(self, command_id: str) -> str:
        found = self.store.get(command_id)
        assert found is not None
        return found.label


def vm(*ids: str) -> Locks:
    return exclusive("vm", *ids)


def test_a_free_lock_is_held_at_once(store: Store) -> None:
    clerk = Clerk(store)

    assert clerk.wants(1, vm("a")) is None
    assert clerk.book() == {"a": {"root 1": HELD}}


def test_one_who_waits_is_told_for_whom(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, vm("a"))

    blocker = clerk.wants(2, vm("a"))

    assert blocker == Blocker(
        lock=Lock("vm", "a", LockMode.EXCLUSIVE), command_id=root(1).command_id, kind="test.kind"
    )


def test_shared_locks_are_shared_and_exclude_the_exclusive(store: Store) -> None:
    clerk = Clerk(store)
    assert clerk.wants(1, shared("vm", "a")) is None
    assert clerk.wants(2, shared("vm", "a")) is None

    assert clerk.wants(3, vm("a")) is not None
    assert clerk.frees(1) == []
    assert clerk.frees(2) == ["root 3"]


def test_entities_of_different_types_are_different(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, vm("a"))

    assert clerk.wants(2, exclusive("disk", "a")) is None


def test_all_or_nothing(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, vm("a"))

    clerk.wants(2, vm("a", "b"))

    assert clerk.book()["b"] == {"root 2": WAITS}
    assert clerk.frees(1) == ["root 2"]
    assert clerk.book() == {"a": {"root 2": HELD}, "b": {"root 2": HELD}}


def test_first_come_first_served(store: Store) -> None:
    clerk = Clerk(store)
    for one in (1, 2, 3, 4):
        clerk.wants(one, vm("a"))

    assert clerk.frees(1) == ["root 2"]
    assert clerk.frees(2) == ["root 3"]
    assert clerk.frees(3) == ["root 4"]


def test_a_reader_does_not_overtake_a_waiting_writer(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, shared("vm", "a"))
    clerk.wants(2, vm("a"))

    assert clerk.wants(3, shared("vm", "a")) is not None
    assert clerk.frees(1) == ["root 2"]
    assert clerk.frees(2) == ["root 3"]


def test_readers_that_waited_go_in_together(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, vm("a"))
    for one in (2, 3, 4):
        clerk.wants(one, shared("vm", "a"))

    assert clerk.frees(1) == ["root 2", "root 3", "root 4"]


def test_one_who_waits_in_two_queues_keeps_its_place_in_both(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, vm("a"))
    clerk.wants(2, vm("a", "b"))

    assert clerk.wants(3, vm("b")) is not None
    assert clerk.frees(1) == ["root 2"]
    assert clerk.frees(2) == ["root 3"]


def test_one_who_gives_up_waiting_lets_others_pass(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, shared("vm", "a"))
    clerk.wants(2, vm("a"))
    clerk.wants(3, shared("vm", "a"))

    assert clerk.frees(2) == ["root 3"]


def test_a_part_inherits_what_its_parents_hold(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, vm("a"))

    assert clerk.wants(2, vm("a"), above=root(1)) is None


def test_parts_of_one_parent_exclude_each_other(store: Store) -> None:
    clerk = Clerk(store)
    put(store, root(1))
    assert clerk.wants(1, vm("a"), above=root(1)) is None

    assert clerk.wants(2, vm("a"), above=root(1)) is not None


def test_a_part_overtakes_those_who_may_wait_for_its_parent(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, vm("a"))
    clerk.wants(2, vm("a", "b"))

    assert clerk.wants(3, vm("b"), above=root(1)) is None
    assert clerk.book()["b"] == {"part 3": HELD, "root 2": WAITS}


def test_two_trees_that_wait_for_each_other_are_found(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, vm("a"))
    clerk.wants(2, vm("b"))
    first = clerk.wants(3, vm("b"), above=root(1))
    assert first is not None
    assert not first.deadlock

    second = clerk.wants(4, vm("a"), above=root(2))

    assert second is not None
    assert second.deadlock


def test_a_circle_of_three_is_found(store: Store) -> None:
    clerk = Clerk(store)
    for number, name in enumerate("abc", 1):
        clerk.wants(number, vm(name))
    clerk.wants(4, vm("b"), above=root(1))
    clerk.wants(5, vm("c"), above=root(2))

    third = clerk.wants(6, vm("a"), above=root(3))

    assert third is not None
    assert third.deadlock


def test_the_locks_of_one_tree_can_be_listed(store: Store) -> None:
    clerk = Clerk(store)
    clerk.wants(1, vm("a"))
    clerk.wants(2, vm("a"))

    found = store.locks(root(2).command_id)

    assert [(one.lock.entity_id, one.held) for one in found] == [("a", WAITS)]


def test_a_rolled_back_lock_is_free(store: Store) -> None:
    command = put(store, root(1, locks=vm("a").in_order()))
    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012 - what is undone
        tx.acquire(command, NOW)
        raise RuntimeError

    assert store.locks() == []
