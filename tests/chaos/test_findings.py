"""What chaos runs have found, each as a small story that can be played again in one thread."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from orchestrator import Command, Locks, Plan, exclusive, external, sequence
from orchestrator.core.entity import CommandEntity
from orchestrator.core.ports import Store, WorkerRow
from orchestrator.core.status import FINAL, Status
from orchestrator.engine.place import ProcessTable
from orchestrator.engine.writer import Request
from orchestrator.store.memory import MemoryStore
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tables import event
from orchestrator.testing import Stage, StageClock
from tests.model.commands import KINDS, command_of
from tests.model.outside import Outside
from tests.model.plans import Node
from tests.model.world import World

LEAF = Node(name="leaf", undo="succeed")
PAIR = (Node(name="first", undo="succeed"), Node(name="second", undo="succeed"))


@pytest.fixture
def stage() -> Stage:
    return Stage(KINDS.values(), (World(), Outside()))


def test_a_plan_made_at_run_time_is_gone_on_with_by_the_same_worker(stage: Stage) -> None:
    late = Node(name="late", mode="sequence", is_dynamic=True, parts=PAIR)

    ended = stage.perform(command_of(late))

    assert ended.status is Status.SUCCEEDED


@pytest.mark.parametrize("mode", ["sequence", "parallel"])
@pytest.mark.parametrize("check", ["raise", "refuse"])
def test_a_command_whose_check_fails_has_no_parts_left_over(
    stage: Stage, mode: str, check: str
) -> None:
    inner = Node(name="inner", mode=mode, is_command=False, parts=PAIR)
    checked = Node(name="tree", mode="sequence", check=check, undo="succeed", parts=(LEAF, inner))
    root = Node(name="root", mode="sequence", parts=(LEAF, checked))

    root_id = stage.submit(command_of(root))
    stage.play()
    for _ in range(10):
        stage.turn(timedelta(minutes=5))

    found = stage.orchestrator.tree(root_id)
    assert {one.label: one.status for one in found if one.status not in FINAL} == {}
    assert [one.status for one in found if one.label == "first"] == [Status.SKIPPED]


HERE = ProcessTable().here()


class Idle(Command, kind="findings.idle"):
    """Does nothing."""

    def execute(self) -> None:
        return


@pytest.fixture
def idle() -> Stage:
    return Stage((Idle,))


def register(
    stage: Stage, *, place: str, pid: int, started_at: datetime, born: int | None = None
) -> WorkerRow:
    row = WorkerRow(
        worker_id="another",
        name="another",
        role="worker",
        host="a-host",
        pid=pid,
        started_at=started_at,
        alive_until=stage.clock.now() + timedelta(hours=1),
        place=place,
        born=born,
    )
    stage.store.heartbeat(row)
    return row


def claimed_by_another(stage: Stage) -> str:
    command_id = stage.submit(Idle())
    stage.writer.write(
        Request(command_id, worker_id="another", kinds=frozenset(stage.catalog.kinds))
    )
    return command_id


def dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_a_worker_whose_clock_was_wrong_when_it_began_is_not_held_for_dead(idle: Stage) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=7)
    register(idle, place=HERE, pid=os.getpid(), started_at=long_ago)
    claimed_by_another(idle)

    assert idle.reconciler.release_the_dead() == 0


def test_a_process_id_means_nothing_in_another_place(idle: Stage) -> None:
    row = register(idle, place="elsewhere", pid=dead_pid(), started_at=datetime.now(UTC))
    claimed_by_another(idle)

    assert idle.reconciler.release_the_dead() == 0

    idle.store.heartbeat(replace(row, worker_id="a neighbour", place=HERE))
    assert idle.reconciler.release_the_dead() == 0
    assert {one.worker_id for one in idle.store.workers()} == {"another", "stage"}


def test_a_worker_that_died_here_is_not_waited_for(idle: Stage) -> None:
    register(idle, place=HERE, pid=dead_pid(), started_at=datetime.now(UTC))
    command_id = claimed_by_another(idle)

    assert idle.reconciler.release_the_dead() == 1
    assert idle.orchestrator.get(command_id).status is Status.READY


def test_a_renewed_lease_outweighs_the_process_table(idle: Stage) -> None:
    row = register(idle, place=HERE, pid=dead_pid(), started_at=datetime.now(UTC))
    claimed_by_another(idle)
    assert idle.reconciler.release_the_dead() == 1  # no more than once

    idle.store.heartbeat(replace(row, alive_until=row.alive_until + timedelta(seconds=1)))
    claimed_by_another(idle)

    assert idle.reconciler.release_the_dead() == 0
    assert "another" in {one.worker_id for one in idle.store.workers()}


def test_who_renews_its_lease_between_the_look_and_the_verdict_lives(
    idle: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = register(idle, place=HERE, pid=dead_pid(), started_at=datetime.now(UTC))
    command_id = claimed_by_another(idle)
    claimed_by = idle.store.claimed_by

    def renewed_meanwhile(ids: Collection[str]) -> list[CommandEntity]:
        idle.store.heartbeat(replace(row, alive_until=row.alive_until + timedelta(seconds=1)))
        return claimed_by(ids)

    monkeypatch.setattr(idle.store, "claimed_by", renewed_meanwhile)
    idle.reconciler.release_the_dead()

    assert idle.orchestrator.get(command_id).status is Status.RUNNING
    assert "another" in {one.worker_id for one in idle.store.workers()}


def test_another_process_with_the_id_of_a_dead_one_is_not_taken_for_it(idle: Stage) -> None:
    born = ProcessTable().born(os.getpid())
    assert born is not None
    row = register(idle, place=HERE, pid=os.getpid(), started_at=datetime.now(UTC), born=born)
    command_id = claimed_by_another(idle)
    assert idle.reconciler.release_the_dead() == 0
    assert idle.orchestrator.get(command_id).status is Status.RUNNING

    idle.store.farewell("another")
    idle.store.heartbeat(replace(row, born=born - 1))

    assert idle.reconciler.release_the_dead() == 1


def test_nobody_waits_for_ever_for_rows_that_a_frozen_process_holds(postgres_url: str) -> None:
    engine = make_engine(postgres_url)

    with engine.connect() as connection:
        waits = connection.execute(sa.text("SHOW lock_timeout")).scalar_one()
        holds = connection.execute(sa.text("SHOW idle_in_transaction_session_timeout")).scalar_one()

    engine.dispose()
    assert (waits, holds) == ("5s", "15s")


def test_the_feed_waits_for_a_writer_whose_transaction_is_younger_than_what_it_has_seen(
    postgres_url: str,
) -> None:
    store = SqlStore(make_engine(postgres_url))
    with store.engine.connect() as early, store.engine.connect() as late:
        early.execute(sa.text("SELECT pg_current_xact_id()"))
        log_something(late)
        log_something(early)
        early.commit()

        while_it_writes = [store.get_modified_commands(0, 10).items for _ in range(3)]
        late.commit()

    assert while_it_writes == [(), (), ()]
    assert [one.seq for one in store.get_modified_commands(0, 10).items] == [1, 2]
    store.close()


def test_the_feed_goes_on_at_once_over_numbers_that_were_lost(postgres_url: str) -> None:
    store = SqlStore(make_engine(postgres_url))
    with store.engine.connect() as connection:
        for keeps in (True, False, False, True, False, True):
            log_something(connection)
            connection.commit() if keeps else connection.rollback()

    assert [one.seq for one in store.get_modified_commands(0, 10).items] == [1, 4, 6]
    store.close()


def log_something(connection: sa.Connection) -> None:
    connection.execute(
        sa.insert(event).values(
            command_id=str(uuid4()),
            root_id=str(uuid4()),
            revision=1,
            path="pending ready",
            phase="execute",
            causes="Begin",
            attempt=0,
            at=datetime.now(UTC),
        )
    )


class Holder(Command, kind="findings.holder"):
    """Holds locks while it waits for its vendor."""

    names: tuple[str, ...]

    def locks(self) -> Locks:
        return exclusive("thing", *self.names)

    def plan(self) -> Plan:
        return sequence(external("acme", "work"))


def test_two_who_leave_at_once_let_in_who_waited_for_both(postgres_url: str) -> None:
    """One transaction of each is under way when the other looks who is to be let in."""
    store = SqlStore(make_engine(postgres_url))
    stage = Stage((Holder,), store=store)
    first, second, waiting = (
        stage.submit(Holder(names=names)) for names in (("a",), ("b",), ("a", "b"))
    )
    stage.play()

    barrier = threading.Barrier(2)

    def leave(command_id: str) -> list[str]:
        with store.begin() as tx:
            barrier.wait(5)
            granted = tx.release((command_id,))
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(0.5)  # the other has looked, or waits for our end
        return granted

    with ThreadPoolExecutor(2) as pool:
        granted = [one for found in pool.map(leave, (first, second)) for one in found]

    assert granted == [waiting]
    store.close()


@pytest.fixture(params=["memory", "sqlite"])
def clocked_store(request: pytest.FixtureRequest) -> Iterator[tuple[Store, StageClock]]:
    """A store whose clock the test sets."""
    clock = StageClock()
    if request.param == "memory":
        yield MemoryStore(clock.now), clock
        return
    store = SqlStore(make_engine(request.getfixturevalue("sqlite_url")))
    store.now = clock.now  # type: ignore[method-assign]
    yield store, clock
    store.close()


def test_a_lease_given_by_a_clock_that_was_set_back_is_none(
    clocked_store: tuple[Store, StageClock],
) -> None:
    store, clock = clocked_store
    assert store.lead("scheduler", "the dead one", 3)

    clock.turn(timedelta(minutes=-7))

    assert store.lead("scheduler", "the next one", 3)
    assert not store.lead("scheduler", "a third", 3)


def test_a_nudge_for_a_kind_that_some_worker_knows_is_not_waited_for_long(idle: Stage) -> None:
    known = idle.submit(Idle())
    for _ in range(12):
        idle.inbox.nudges.clear()
        idle.clock.turn(timedelta(minutes=2))
        idle.reconciler.wake()
    row = register(idle, place="", pid=1, started_at=datetime.now(UTC))
    idle.store.heartbeat(replace(row, worker_id="knowing", kinds=(Idle.declared.kind,)))
    idle.clock.turn(timedelta(minutes=2))
    idle.reconciler.wake()

    assert idle.orchestrator.get(known).wake_at == idle.clock.now() + timedelta(seconds=5)


def test_what_is_late_is_lost_when_fewer_messages_wait_than_commands(idle: Stage) -> None:
    ids = [idle.submit(Idle()) for _ in range(3)]
    idle.inbox.nudges.clear()
    idle.clock.turn(timedelta(seconds=5))

    idle.reconciler.queued = lambda: 3
    late = idle.reconciler.wake()
    idle.reconciler.queued = lambda: 2
    lost = idle.reconciler.wake()

    assert (late, lost) == (0, 3)
    assert sorted(idle.inbox.nudges) == sorted(ids)
