"""The contract of all stores: commands are found by all that their trees touch, and no page looks at too much."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.core.locks import Lock, LockMode
from orchestrator.core.ports import Store
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import FINAL, Mode, Status
from orchestrator.store import listing
from orchestrator.store.sql import SqlStore
from tests.store.rows import NOW, SECOND, change, parts_of, put, put_tasks, root, task


def lock(kind: str, one: str) -> Lock:
    return Lock(kind, one, LockMode.EXCLUSIVE)


def found(store: Store, **asked: Any) -> list[str]:
    return [one.label for one in store.get_commands(CommandQuery(**asked)).items]


@pytest.fixture
def fleet(store: Store) -> Store:
    """A store with trees that touch several things, at the root and below it."""
    two = (lock("host", "h1"), lock("vm", "vm-003"))
    put(store, root(1, locks=two, entity_type="host", entity_id="h1"))
    top = root(2, mode=Mode.SEQUENCE, parts=2)
    below = parts_of(top, 2, locks=(lock("vm", "vm-003"), lock("disk", "d")))
    put(store, top, *below)
    put(store, root(3, status=Status.FAILED, message="no space left on DEVICE", end_time=NOW))
    put(store, root(4, locks=(lock("vm", "d"),)))
    put_tasks(store, task(below[1], external_id="uuid-of-vdsm"))
    return store


@pytest.mark.parametrize(
    ("asked", "labels"),
    [
        ({"entity": "vm:vm-003"}, ["root 2", "root 1"]),
        ({"entity": "vm-003"}, ["root 2", "root 1"]),
        ({"entity": "host:vm-003"}, []),
        ({"entity": "d"}, ["root 4", "root 2"]),
        ({"entity": "disk:d"}, ["root 2"]),
        ({"entity": "vm-003", "text": "ROOT 2"}, ["root 2"]),
        ({"entity": "vm-003", "owner": "alice", "kind": "test.kind"}, ["root 2", "root 1"]),
        ({"external_id": "uuid-of-vdsm"}, ["root 2"]),
        ({"external_id": "uuid-of-nobody"}, []),
        ({"error": "space left on device"}, ["root 3"]),
        ({"error": "root"}, []),
        ({"id_prefix": root(3).command_id[:18]}, ["root 3"]),
        ({"id_prefix": root(3).command_id}, ["root 3"]),
    ],
)
def test_commands_are_found_by_what_their_trees_touch(
    fleet: Store, asked: dict[str, Any], labels: list[str]
) -> None:
    assert found(fleet, **asked) == labels
    assert sum(fleet.count_commands(CommandQuery(**asked), 100).values()) == len(labels)


def test_a_part_that_comes_later_brings_what_it_touches(store: Store) -> None:
    top = put(store, root(1, mode=Mode.SEQUENCE, parts=1))
    put(store, root(2))
    put(store, *parts_of(top, 1, locks=(lock("vm", "late"),), created_at=NOW + 900 * SECOND))

    assert found(store, entity="vm:late") == ["root 1"]


def test_pages_by_entity_hold_everything_once(store: Store) -> None:
    for number in range(1, 12):
        created = NOW + (number // 3) * SECOND
        put(store, root(number, created_at=created, locks=(lock("vm", "x"), lock("disk", "x"))))
    for asked in ({"entity": "x"}, {"entity": "vm:x"}, {"kind": "test.kind"}, {"owner": "alice"}):
        query, seen = CommandQuery(limit=4, **asked), []  # type: ignore[arg-type]
        while True:
            page = store.get_commands(query)
            seen += [one.label for one in page.items]
            if page.cursor is None:
                break
            query = replace(query, cursor=page.cursor)

        assert len(seen) == len(set(seen)) == 11, asked


@pytest.mark.parametrize("statuses", [(Status.RUNNING, Status.FAILED), tuple(Status)])
def test_several_statuses_come_in_one_order(store: Store, statuses: tuple[Status, ...]) -> None:
    for number, status in enumerate(list(Status) * 2, 1):
        one = put(store, root(number))
        end = NOW if status in FINAL else None
        stuck = int(status is Status.NEEDS_ATTENTION)
        change(store, one, status=status, end_time=end, stuck=stuck)
    query, seen = CommandQuery(limit=3, statuses=statuses), []
    while True:
        page = store.get_commands(query)
        seen += [one.created_at for one in page.items]
        if page.cursor is None:
            break
        query = replace(query, cursor=page.cursor)

    assert seen == sorted(set(seen), key=str, reverse=True)
    assert len(seen) == 2 * len(statuses)


def test_what_has_no_index_is_searched_a_bounded_way_at_a_time(
    sql_store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SEARCHED", 5)
    put(sql_store, root(1, label="the needle"))
    for number in range(2, 18):
        put(sql_store, root(number))

    pages, query = [], CommandQuery(text="needle")
    while True:
        page = sql_store.get_commands(query)
        pages.append([one.label for one in page.items])
        if page.cursor is None:
            break
        query = replace(query, cursor=page.cursor)

    assert pages == [[], [], [], ["the needle"]]


def test_counts_end_where_they_are_told_to(store: Store) -> None:
    for number in range(1, 8):
        put(store, root(number, status=Status.RUNNING if number < 6 else Status.PENDING))

    assert store.count_commands(CommandQuery(), 3) == {Status.RUNNING: 3, Status.PENDING: 2}
    assert store.count_commands(CommandQuery()) == {Status.RUNNING: 5, Status.PENDING: 2}
