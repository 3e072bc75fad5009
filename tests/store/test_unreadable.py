"""One row that cannot be read, changed by hand as it were: it is shown for what it is, and in nobody's way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from orchestrator import TaskStatus
from orchestrator.core.errors import ConflictError, UnreadableError
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Outcome, Status
from orchestrator.engine.writer import Request
from orchestrator.monitor.monitor import Monitor
from orchestrator.store.sql import SqlStore
from orchestrator.testing import Stage
from tests.engine.acts import COMMANDS, POLL, Diary, Group, Outside, Step, Work

ANYWHERE: tuple[tuple[str, Any], ...] = (
    ("action_state", "exploded"),
    ("action_state", ""),
    ("phase", "limbo"),
    ("mode", "zigzag"),
    ("outcome", "maybe"),
    ("stopping", "never"),
    ("verbs", -1),
    ("verbs", 70_000),
    ("pending", -3),
    ("parts", -1),
    ("attempt", -1),
    ("tries", -7),
    ("weight", -5),
    ("version", -1),
    ("locks", '"a text"'),
    ("locks", "[[1]]"),
    ("parameters", '"a text"'),
    ("parameters", "[1]"),
    ("inputs", "[1]"),
    ("progress", "NaN"),
)
ON_SQLITE: tuple[tuple[str, Any], ...] = (
    ("parameters", "{broken"),
    ("inputs", "{broken"),
    ("locks", "{broken"),
    ("pending", "many"),
    ("weight", "heavy"),
    ("progress", "half"),
    ("wake_at", "0000"),
    ("wake_at", ""),
    ("created_at", "yesterday"),
    ("end_time", "later"),
)


class Clocked(SqlStore):
    """A store whose time is the stage's."""

    stage: Stage

    def now(self) -> Any:
        return self.stage.clock.now()


@pytest.fixture
def outside() -> Outside:
    """The outside system."""
    return Outside()


@pytest.fixture
def stage(sql_store: SqlStore, outside: Outside) -> Stage:
    """A stage on a real database."""
    store = Clocked(sql_store.engine)
    stage = Stage(COMMANDS, (Diary(), outside), store=store)
    store.stage = stage
    return stage


def garble(stage: Stage, command_id: str, column: str, value: Any) -> None:
    """Changes a row by hand."""
    store = stage.store
    assert isinstance(store, SqlStore)
    is_postgres = store.engine.dialect.name == "postgresql"
    if is_postgres and (column, value) in ON_SQLITE:
        pytest.skip("PostgreSQL does not take that")
    is_json = is_postgres and column in ("locks", "parameters", "inputs")
    with store.writing() as connection:
        connection.execute(
            sa.text(
                f"UPDATE command_entity SET {column} = {'cast(:v AS json)' if is_json else ':v'}"
                " WHERE command_id = :id"
            ),
            {"v": float(value) if is_postgres and value == "NaN" else value, "id": command_id},
        )


@pytest.mark.parametrize(("column", "value"), ANYWHERE + ON_SQLITE)
def test_a_row_that_cannot_be_read_is_in_nobodys_way(
    stage: Stage, outside: Outside, column: str, value: Any
) -> None:
    bad = stage.submit(Group(name="bad", shape=["par", "a", ["work", "b"]]))
    part = next(one for one in stage.orchestrator.tree(bad) if one.label == "a").command_id
    garble(stage, part, column, value)
    others = [stage.submit(Step(name=f"other {number}")) for number in range(3)]
    waits = stage.submit(Work(name="waits"))
    late = stage.submit(Work(name="late"), deadline=timedelta(minutes=1))

    with structlog.testing.capture_logs() as logged:
        stage.play()
        outside.says("waits", TaskStatus.SUCCEEDED)
        outside.says("b", TaskStatus.SUCCEEDED)
        for _ in range(40):
            stage.turn(10 * POLL)

    ends = [stage.orchestrator.get(one).status for one in (*others, waits)]
    assert ends == [Status.SUCCEEDED] * 4
    assert stage.orchestrator.get(late).status is Status.FAILED
    assert not [one for one in logged if one["event"] in ("command_in_the_way", "poll_broke")]
    told = [one for one in logged if one["event"] == "command_unreadable"]
    assert len(told) <= 1

    monitor = Monitor(stage.store, stage.catalog)
    listed = monitor.commands(CommandQuery(parts=True, limit=100))
    assert {bad, part} <= {one["id"] for one in listed["items"]}
    assert part in {one["id"] for one in monitor.tree(stage.orchestrator.tree(bad))}
    assert monitor.modified_since("0", 1000)["items"]
    detail = monitor.detail(stage.orchestrator.get(part))
    assert detail["id"] == part
    assert "cannot be read" in (detail["message"] or "")
    assert column in (detail["message"] or "")
    found = [(one["id"], column in one["reason"]) for one in monitor.check()["unreadable"]]
    assert found == [(part, True)] or value == "[[1]]"  # the one shape that no database tells


@pytest.mark.parametrize("order", ["stop", "restart", "skip", "resolve"])
def test_nothing_can_be_ordered_of_what_cannot_be_read_until_it_is_mended(
    stage: Stage, order: str
) -> None:
    root = stage.submit(Work(name="a"))
    stage.play()
    garble(stage, root, "action_state", "exploded")
    door = stage.orchestrator
    orders = {
        "stop": lambda: door.stop(root, "x"),
        "restart": lambda: door.restart(root, "x"),
        "skip": lambda: door.skip(root, "x"),
        "resolve": lambda: door.resolve(root, Outcome.FAILED, "x"),
    }

    with pytest.raises(ConflictError, match="left alone: its row cannot be read: action_state"):
        orders[order]()

    shown = Monitor(stage.store, stage.catalog).show(door.get(root))
    assert (shown["status"], shown["actions"]) == ("needs_attention", [])
    garble(stage, root, "action_state", "waiting")
    door.stop(root, "x")
    stage.turn(POLL)
    stage.turn(POLL)
    assert door.get(root).status is Status.STOPPED


def test_a_part_waits_for_the_row_of_its_parent_and_then_goes_on(stage: Stage) -> None:
    root = stage.submit(Group(name="top", shape=["seq", "a", "b"]))
    garble(stage, root, "pending", -1)

    stage.play()
    for _ in range(5):
        stage.turn(timedelta(minutes=1))
    last = next(one for one in stage.orchestrator.tree(root) if one.label == "b")
    assert last.status is Status.DELAYED
    assert f"command {root} is left alone" in (last.message or "")

    garble(stage, root, "pending", 1)
    for _ in range(3):
        stage.turn(timedelta(minutes=1))
    assert stage.orchestrator.get(root).status is Status.SUCCEEDED


def test_a_tree_with_a_row_that_cannot_be_read_is_stopped_around_it(stage: Stage) -> None:
    root = stage.submit(Group(name="top", shape=["par", ["work", "a"], ["work", "b"]]))
    stage.play()
    first = next(one for one in stage.orchestrator.tree(root) if one.label == "a").command_id
    garble(stage, first, "phase", "limbo")

    stage.orchestrator.stop(root, "enough")
    for _ in range(5):
        stage.turn(10 * POLL)
    labels = {one.label: one.status for one in stage.orchestrator.tree(root)}
    assert (labels["b"], labels["top"]) == (Status.STOPPED, Status.WAITING)

    garble(stage, first, "phase", "execute")
    for _ in range(5):
        stage.turn(10 * POLL)
    assert stage.orchestrator.get(root).status is Status.STOPPED


def test_many_that_cannot_be_read_do_not_keep_others_from_their_turn(stage: Stage) -> None:
    bad = [stage.submit(Step(name=f"bad {number}")) for number in range(20)]
    for one in bad:
        garble(stage, one, "weight", -1)
    good = stage.submit(Step(name="good"))
    store = stage.store

    with store.begin() as tx:
        found = [one.entity.command_id for one in tx.ready({"step"}, 1, 0)]
    due = store.due(stage.clock.now() + timedelta(hours=1), 1)

    assert good in found
    assert good in {one.command_id for one in due}
    kinds = frozenset(stage.catalog.kinds)
    claim = stage.writer.write(
        Request(bad[0], worker_id="stage", kinds=kinds, takes_any=True)
    ).claimed
    assert claim is not None
    assert claim.command.command_id == good  # a nudge for one of them finds what can be done


def test_a_return_value_that_is_no_json_is_no_value(stage: Stage) -> None:
    root = stage.submit(Step(name="a"))
    stage.play()
    store = stage.store
    assert isinstance(store, SqlStore)
    if store.engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL does not take that")
    garble(stage, root, "return_value", "{broken")

    with pytest.raises(UnreadableError, match=r"return_value holds '{broken'"):
        store.value(root)
    detail = Monitor(store, stage.catalog).detail(stage.orchestrator.get(root))
    assert (detail["return_value"], "return_value" in (detail["message"] or "")) == (None, True)


def test_an_event_that_cannot_be_read_stops_no_feed(stage: Stage) -> None:
    root = stage.submit(Step(name="a"))
    stage.play()
    store = stage.store
    assert isinstance(store, SqlStore)
    whole = store.get_modified_commands(0, 100).items
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE event SET path = 'exploded', phase = 'limbo'"))

    found = store.get_modified_commands(0, 100).items

    assert [one.seq for one in found] == [one.seq for one in whole]
    assert all("cannot be read" in (one.message or "") for one in found)
    assert len(store.history(root)) == len(whole)


def test_an_overdue_task_of_what_cannot_be_read_stops_no_tick(stage: Stage) -> None:
    bad = stage.submit(Work(name="bad"))
    stage.play()
    garble(stage, bad, "weight", "heavy" if is_sqlite(stage) else -1)

    stage.turn(timedelta(days=2))  # past the time that its task had
    stage.reconciler.tick()

    assert stage.orchestrator.get(bad).unreadable is not None


def test_what_was_stuck_before_it_was_counted_takes_nothing_from_the_count(stage: Stage) -> None:
    root = stage.submit(Group(name="top", shape=["par", ["work", "a"], "b"]))
    stage.play()
    part = next(one for one in stage.orchestrator.tree(root) if one.label == "a").command_id
    garble(stage, part, "action_state", "needs_attention")  # as a worker of an earlier release does

    stage.orchestrator.resolve(part, Outcome.SUCCEEDED, "it is done")
    stage.play()

    assert stage.orchestrator.get(root).stuck == 0
    assert stage.orchestrator.get(root).status is Status.SUCCEEDED


def is_sqlite(stage: Stage) -> bool:
    """Tells whether a column takes whatever it is given."""
    assert isinstance(stage.store, SqlStore)
    return stage.store.engine.dialect.name == "sqlite"
