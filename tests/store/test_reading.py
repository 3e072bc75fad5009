"""The contract of all stores: lists, cursors, prefixes, the log, and who reads what."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Store
from orchestrator.core.query import CommandQuery, TaskQuery
from orchestrator.core.status import Mode, Status
from tests.store.rows import (
    NOW,
    SECOND,
    change,
    news,
    put,
    put_news,
    put_tasks,
    put_tree,
    root,
    task,
)


def labels(store: Store, **asked: object) -> list[str]:
    """Gives the labels of a list of commands."""
    return [one.label for one in store.get_commands(CommandQuery(**asked)).items]  # type: ignore[arg-type]


@pytest.fixture
def fleet(store: Store) -> Store:
    """A store with six roots of different kinds."""
    put(store, root(1, kind="vm.remove", label="Remove VM 7", entity_type="vm", entity_id="vm-7"))
    put(store, root(2, kind="vm.remove", owner_id="bob", correlation_id="c-1"))
    put(store, root(3, kind="disk.copy", status=Status.FAILED, entity_type="disk", entity_id="d"))
    put(store, root(4, kind="disk.copy", status=Status.RUNNING, label="100% _done_"))
    put_tree(store, 5, parts=2)
    put(store, root(6, kind="disk.copy", entity_type="vm", entity_id="d"))
    return store


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"statuses": (Status.FAILED, Status.RUNNING)}, [4, 3]),
        ({"kind": "vm.remove"}, [2, 1]),
        ({"owner": "bob"}, [2]),
        ({"correlation_id": "c-1"}, [2]),
        ({"entity": "vm:vm-7"}, [1]),
        ({"entity": "d"}, [6, 3]),
        ({"entity": "disk:d"}, [3]),
        ({"text": "remove vm"}, [1]),
        ({"text": "DISK."}, [6, 4, 3]),
        ({"text": "0% _"}, [4]),
        ({"text": "%"}, [4]),
        ({"text": "vm-7"}, [1]),
        ({"kind": "disk.copy", "statuses": (Status.PENDING,)}, [6]),
        ({"kind": "nothing"}, []),
    ],
)
def test_a_list_holds_what_was_asked_for(
    fleet: Store, asked: dict[str, object], found: list[int]
) -> None:
    page = fleet.get_commands(CommandQuery(**asked))  # type: ignore[arg-type]

    assert [one.command_id for one in page.items] == [root(one).command_id for one in found]
    assert page.total == len(found)
    assert page.cursor is None
    counts = fleet.count_commands(CommandQuery(**asked))  # type: ignore[arg-type]
    assert sum(counts.values()) == len(found)


def test_parts_are_listed_when_asked_for(fleet: Store) -> None:
    assert sorted(labels(fleet, parts=True, kind="test.part")) == ["part 1", "part 2"]


def test_pages_hold_everything_once(store: Store) -> None:
    for number in range(1, 12):
        put(store, root(number, created_at=NOW + (number // 3) * SECOND))
    found, cursor = [], None
    for _ in range(10):
        page = store.get_commands(CommandQuery(limit=4, cursor=cursor))
        found += [one.command_id for one in page.items]
        cursor = page.cursor
        if cursor is None:
            break

    assert len(found) == len(set(found)) == 11
    assert [store.get(one) for one in found] == sorted(
        filter(None, map(store.get, found)),
        key=lambda one: (one.created_at, one.command_id),
        reverse=True,
    )


def test_ids_are_found_by_their_beginning(store: Store) -> None:
    top, first, *_ = put_tree(store, 1)
    put(store, root(2))

    assert store.find_ids(top.command_id, 5) == [top.command_id]
    assert store.find_ids(top.command_id[:8], 5)[:2] == [top.command_id, root(2).command_id]
    assert store.find_ids("ffff", 5) == []
    assert first.command_id not in store.find_ids(top.command_id[:4], 2)


def test_subtrees_are_given_by_status(store: Store) -> None:
    top, first, second, _ = put_tree(store)
    change(store, first, status=Status.FAILED)

    assert store.subtree_ids(top.command_id, (Status.FAILED,)) == [first.command_id]
    assert store.subtree_ids(second.command_id, (Status.FAILED,)) == []
    assert len(store.subtree_ids(top.command_id, (Status.PENDING,))) == 3


def test_parts_come_by_the_page(store: Store) -> None:
    top, *parts = put_tree(store, parts=5)

    first = store.get_parts(top.command_id, (), 3, None)
    rest = store.get_parts(top.command_id, (), 3, first.cursor)

    assert [*first.items, *rest.items] == parts
    assert (first.total, rest.cursor) == (5, None)


def test_progress_is_the_weighted_mean_over_leaves(store: Store) -> None:
    top, first, second, third = put_tree(store, parts=3)
    change(store, first, status=Status.SUCCEEDED, progress=1.0)
    change(store, second, status=Status.WAITING, progress=0.5)

    found = store.progress([top.command_id])

    assert found == {top.command_id: pytest.approx(0.5)}
    assert third.weight == 1


def test_the_log_gives_each_change_once_and_in_order(store: Store) -> None:
    one, other = put(store, root(1)), put(store, root(2))
    put_news(store, [news(one), news(other, Status.PENDING, Status.READY, Status.RUNNING)])
    put_news(store, [news(one, Status.READY, Status.FAILED, message="ä", progress=0.5)])

    page = store.get_modified_commands(0, 2)
    rest = store.get_modified_commands(int(page.cursor or 0), 10)

    assert [found.seq for found in (*page.items, *rest.items)] == [1, 2, 3]
    assert page.items[1].path == (Status.PENDING, Status.READY, Status.RUNNING)
    assert (rest.items[0].message, rest.items[0].progress) == ("ä", 0.5)
    assert store.get_modified_commands(3, 10).items == ()
    assert store.get_modified_commands(3, 10).cursor == "3"
    assert store.last_event() == 3
    assert [found.seq for found in store.history(one.command_id)] == [1, 3]


def test_tasks_are_listed_by_system_scope_and_status(store: Store) -> None:
    command = put(store, root(1, mode=Mode.SEQUENCE, status=Status.WAITING))
    put_tasks(store, task(command, 1), task(command, 2, scope="there"), task(command, 3))

    everything = store.find_tasks(TaskQuery(system="sys"))
    here = store.find_tasks(TaskQuery(system="sys", scope="here", limit=1))
    rest = store.find_tasks(TaskQuery(system="sys", scope="here", limit=1, cursor=here.cursor))

    assert len(everything.items) == 3
    assert [one.created_at for one in (*here.items, *rest.items)] == [
        NOW + 3 * SECOND, NOW + SECOND,
    ]  # fmt: skip
    assert rest.cursor is None
    assert store.find_tasks(TaskQuery(system="sys", statuses=(Status.FAILED,))).items == ()
    assert len(store.find_tasks(TaskQuery(system="sys", statuses=(Status.WAITING,))).items) == 3
