"""A part that needs attention is found at its root: in lists, counts, and what a row says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator import Command, Outcome, Plan, TaskStatus, external, parallel, sequence
from orchestrator.core.ports import Store
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status
from orchestrator.monitor.monitor import Monitor
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.testing import Stage

STUCK = CommandQuery(statuses=(Status.NEEDS_ATTENTION,))


class Job(Command, kind="stuck.job", label="Job"):
    """Has two vendors' parts, one below another command."""

    def plan(self) -> Plan:
        return parallel(
            sequence(external("acme", "Clone the disk")), external("globex", "Tell the owner")
        )


class Calm(Command, kind="stuck.calm", label="Calm"):
    """Waits for a vendor who answers."""

    def plan(self) -> Plan:
        return sequence(external("acme", "Do it"))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "memory":
        yield Stage((Job, Calm))
        return
    store = SqlStore(make_engine(request.getfixturevalue(f"{request.param}_url")))
    yield Stage((Job, Calm), store=store)
    store.close()


def lose(stage: Stage, command_id: str, label: str) -> str:
    """Has the task of one part be lost outside; gives the part's id."""
    part = next(one for one in stage.orchestrator.tree(command_id) if one.label == label)
    stage.report(part.command_id, TaskStatus.LOST, message="nobody knows it there")
    return part.command_id


def listed(stage: Stage) -> list[str]:
    return [one.command_id for one in stage.store.get_commands(STUCK).items]


def test_a_stuck_part_brings_its_root_into_the_list(stage: Stage) -> None:
    job, _calm = stage.perform(Job()), stage.perform(Calm())
    part = lose(stage, job.command_id, "Clone the disk")

    monitor = Monitor(stage.store, stage.catalog)
    answer = monitor.commands(STUCK)

    (row,) = answer["items"]
    assert (row["id"], row["status"], row["stuck"]) == (job.command_id, "waiting", 1)
    found = row["stuck_part"]
    assert found is not None
    assert (found["id"], found["label"]) == (part, "Clone the disk")
    assert "nobody knows it there" in (found["message"] or "")
    assert answer["counts"] == {"waiting": 2, "needs_attention": 1}
    assert (answer["total"], stage.store.count_stuck()) == (1, 1)


def test_every_stuck_part_counts_until_it_is_settled(stage: Stage) -> None:
    job = stage.perform(Job())
    first = lose(stage, job.command_id, "Clone the disk")
    second = lose(stage, job.command_id, "Tell the owner")
    assert stage.orchestrator.get(job.command_id).stuck == 2

    stage.orchestrator.resolve(first, Outcome.SUCCEEDED, "it is there")
    stage.play()
    assert (stage.orchestrator.get(job.command_id).stuck, listed(stage)) == (1, [job.command_id])

    stage.orchestrator.resolve(second, Outcome.SUCCEEDED, "told")
    stage.play()
    over = stage.orchestrator.get(job.command_id)
    assert (over.status, over.stuck, listed(stage)) == (Status.SUCCEEDED, 0, [])


def test_news_of_the_root_says_that_a_part_is_stuck(stage: Stage) -> None:
    job = stage.perform(Job())
    part = lose(stage, job.command_id, "Clone the disk")
    stage.orchestrator.resolve(part, Outcome.SUCCEEDED, "it is there")

    news = [one for one in stage.store.history(job.command_id) if len(one.path) == 1]

    assert [one.causes[-1] for one in news] == ["Stuck", "Freed"]


def test_a_stuck_part_is_found_among_parts_and_beside_other_statuses(stage: Stage) -> None:
    job, calm = stage.perform(Job()), stage.perform(Calm())
    part = lose(stage, job.command_id, "Clone the disk")

    among_parts = CommandQuery(statuses=(Status.NEEDS_ATTENTION,), parts=True)
    beside = CommandQuery(statuses=(Status.NEEDS_ATTENTION, Status.FAILED))

    assert [one.command_id for one in stage.store.get_commands(among_parts).items] == [part]
    assert [one.command_id for one in stage.store.get_commands(beside).items] == [job.command_id]
    assert stage.orchestrator.get(calm.command_id).stuck == 0
    assert _store_says(stage.store, job.command_id) == [part]


def _store_says(store: Store, root_id: str) -> list[str]:
    return [one.command_id for one in store.stuck([root_id])]
