"""Many at once: threads on PostgreSQL, processes on SQLite. Nothing is lost, doubled or overtaken."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ContendedError
from orchestrator.core.locks import Blocker, exclusive
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tables import async_task
from tests.services import empty_tables, until
from tests.store.rows import NOW, SECOND, news, parts_of, put, put_news, put_tasks, root, task

THREADS = 8
ROUNDS = 15
PROCESSES = 3
T = TypeVar("T")
ROOT = Path(__file__).parents[2]


def at_once(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """Does the work in so many threads, which begin together; gives what each returned."""
    start = threading.Barrier(threads)

    def run(number: int) -> T:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return [one.result(60) for one in [pool.submit(run, n) for n in range(threads)]]


def count_up(store: SqlStore, command_id: str, rounds: int) -> None:
    """Raises a command's attempt, one by one, each time on what was read under the lock."""
    done = 0
    while done < rounds:
        try:
            with store.begin() as tx:
                (one,) = tx.lock([command_id])
                tx.save([one._replace(revision=one.revision + 1, attempt=one.attempt + 1)])
                tx.log([news(one)])
        except ContendedError:
            continue
        done += 1


def test_no_change_is_lost_among_many_writers(sql_store: SqlStore) -> None:
    command = put(sql_store, root())

    at_once(lambda _: count_up(sql_store, command.command_id, ROUNDS))

    found = sql_store.get(command.command_id)
    assert found is not None
    assert found.attempt == found.revision == THREADS * ROUNDS
    assert len(sql_store.history(command.command_id)) == THREADS * ROUNDS


def test_of_many_who_save_the_same_revision_one_succeeds(sql_store: SqlStore) -> None:
    command = put(sql_store, root())
    won: list[int] = []

    def save(number: int) -> None:
        try:
            with sql_store.begin() as tx:
                tx.finish([command._replace(revision=1, attempt=number)], [news(command)])
            won.append(number)
        except ContendedError:
            pass

    at_once(save)

    found = sql_store.get(command.command_id)
    assert found is not None
    assert [found.attempt] == won
    assert sql_store.last_event() == 1 or len(sql_store.history(command.command_id)) == 1


def test_of_many_with_one_idempotency_key_one_is_first(sql_store: SqlStore) -> None:
    known: list[str] = []

    def ask(number: int) -> None:
        for _ in range(20):
            try:
                with sql_store.begin() as tx:
                    mine = root(number + 1).command_id
                    earlier = tx.remember_request("key", "digest", mine)
                known.append(mine if earlier is None else earlier[1])
            except ContendedError:
                continue
            return

    at_once(ask)

    assert len(known) == THREADS
    assert len(set(known)) == 1


def test_a_task_whose_writer_commits_late_is_told_nevertheless(postgres_store: SqlStore) -> None:
    store = postgres_store
    empty_tables(store.engine)
    command = put(store, root())
    slow, quick = task(command, 1), task(command, 2)
    _, mark = store.changed_tasks(None)

    with store.begin() as tx:
        tx.insert_task(slow)
        put_tasks(store, quick)
        seen, mark = store.changed_tasks(mark)
    late, mark = store.changed_tasks(mark)

    assert seen == [quick]
    assert slow in late


def test_tasks_of_another_server_are_told_only_when_they_change(postgres_store: SqlStore) -> None:
    """After a restore their stamps may lie far ahead of this server's."""
    store = postgres_store
    empty_tables(store.engine)
    command = put(store, root())
    put_tasks(store, task(command))
    with store.writing() as connection:
        connection.execute(sa.update(async_task).values(stamp=1 << 60))
    _, mark = store.changed_tasks(None)

    before, mark = store.changed_tasks(mark)
    with store.begin() as tx:
        tx.save_tasks([task(command, progress=0.5)])
    after, _ = store.changed_tasks(mark)

    assert before == []
    assert after == [task(command, progress=0.5)]


def test_a_lock_is_never_held_by_two(sql_store: SqlStore) -> None:
    things = ("a", "b", "c")
    at_work: dict[str, set[int]] = {one: set() for one in things}
    clashes: list[str] = []

    def work(number: int) -> None:
        rng = random.Random(number)
        for turn in range(6):
            wanted = rng.sample(things, 2)
            command = root(number * 100 + turn + 1, locks=exclusive("vm", *wanted).in_order())
            put(sql_store, command)
            _retry(partial(_acquire, sql_store, command))
            _wait_until_held(sql_store, command.command_id)
            for one in wanted:
                at_work[one].add(number)
                clashes.extend(one for _ in at_work[one] - {number})
            for one in wanted:
                at_work[one].discard(number)
            _retry(partial(_release, sql_store, command.command_id))

    at_once(work, 4)

    assert clashes == []
    assert sql_store.locks() == []


def test_two_trees_that_lock_crosswise_do_not_both_wait(sql_store: SqlStore) -> None:
    for turn in range(8):
        tops = [
            root(10 * turn + one + 1, locks=exclusive("vm", f"{turn} {one}").in_order())
            for one in (0, 1)
        ]
        inner = [
            parts_of(top, 1)[0]._replace(locks=exclusive("vm", f"{turn} {1 - one}").in_order())
            for one, top in enumerate(tops)
        ]
        put(sql_store, *tops, *inner)
        for top in tops:
            _acquire(sql_store, top)

        def cross(number: int, parts: list[CommandEntity] = inner) -> bool:
            blocker = _retry(partial(_acquire, sql_store, parts[number]))
            return blocker is not None and blocker.deadlock

        assert sorted(at_once(cross, 2)) == [False, True]


READERS = 4


@pytest.mark.parametrize("seed", range(3))
def test_no_reader_of_the_feed_misses_anything(sql_store: SqlStore, seed: int) -> None:
    commands = [put(sql_store, root(one + 1)) for one in range(THREADS)]
    done = threading.Event()
    seen: list[list[int]] = [[] for _ in range(READERS)]

    def read(number: int) -> None:
        cursor, limit = 0, 10 * number + 10
        while True:
            over = done.is_set()
            page = sql_store.get_modified_commands(cursor, limit)
            seen[number].extend(one.seq for one in page.items)
            cursor = int(page.cursor or 0)
            if over and not page.items:
                return

    def write(number: int) -> None:
        rng = random.Random(1000 * seed + number)
        for _ in range(ROUNDS):
            try:
                with sql_store.begin() as tx:
                    tx.log([news(commands[number])] * rng.randint(1, 3))
                    if rng.random() < 0.3:
                        raise ZeroDivisionError  # noqa: TRY301 - a writer that is undone
            except (ZeroDivisionError, ContendedError):
                continue

    readers = [threading.Thread(target=read, args=(one,)) for one in range(READERS)]
    for reader in readers:
        reader.start()
    at_once(write)
    done.set()
    for reader in readers:
        reader.join(60)

    stored = [one.seq for one in SqlStore(sql_store.engine).get_modified_commands(0, 9999).items]
    histories = sorted(
        one.seq for command in commands for one in sql_store.history(command.command_id)
    )
    assert seen == [histories] * READERS
    assert stored == histories


def test_the_feed_stops_before_a_number_that_may_still_come(postgres_store: SqlStore) -> None:
    empty_tables(postgres_store.engine)
    store = SqlStore(postgres_store.engine)
    command = put(store, root())
    slow = store.begin()
    with slow as tx:
        tx.log([news(command)])
        put_news(store, [news(command)])

        assert store.get_modified_commands(0, 10).items == ()
        assert store.get_modified_commands(0, 10).cursor == "0"

    assert [one.seq for one in store.get_modified_commands(0, 10).items] == [1, 2]


def test_the_feed_goes_on_past_a_number_that_was_lost(postgres_store: SqlStore) -> None:
    empty_tables(postgres_store.engine)
    store = SqlStore(postgres_store.engine)
    command = put(store, root())
    with pytest.raises(ZeroDivisionError), store.begin() as tx:  # noqa: PT012 - what is undone
        tx.log([news(command)])
        raise ZeroDivisionError
    put_news(store, [news(command)])

    found = [store.get_modified_commands(0, 10) for _ in range(2)]

    assert [one.seq for one in found[-1].items] == [2]


def test_processes_share_one_sqlite_file(sqlite_url: str) -> None:
    store = SqlStore(make_engine(sqlite_url))
    command = put(store, root())
    program = (
        "import sys; from tests.store.test_concurrency import *;"
        "count_up(SqlStore(make_engine(sys.argv[1])), sys.argv[2], int(sys.argv[3]))"
    )

    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, sqlite_url, command.command_id, str(ROUNDS)], cwd=ROOT
        )
        for _ in range(PROCESSES)
    ]

    assert [one.wait(60) for one in running] == [0] * PROCESSES
    found = store.get(command.command_id)
    assert found is not None
    assert found.attempt == PROCESSES * ROUNDS
    assert [one.seq for one in store.get_modified_commands(0, 999).items] == [
        *range(1, PROCESSES * ROUNDS + 1)
    ]
    store.close()


def _retry(work: Callable[[], T]) -> T:
    while True:
        try:
            return work()
        except ContendedError:
            continue


def _acquire(store: SqlStore, command: CommandEntity) -> Blocker | None:
    with store.begin() as tx:
        return tx.acquire(command, NOW + SECOND)


def _release(store: SqlStore, command_id: str) -> list[str]:
    with store.begin() as tx:
        return tx.release([command_id])


def _wait_until_held(store: SqlStore, command_id: str) -> None:
    until(
        lambda: all(one.held for one in store.locks(command_id)),
        what="the locks are held",
        every_s=0.002,
    )
