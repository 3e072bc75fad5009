"""Old rows meet new code, workers that know less stand beside those that know more, the schema grows meanwhile."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command as alembic

from orchestrator.core.asynctask import TaskStatus
from orchestrator.core.status import Status
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.testing import Stage
from tests.chaos.commands import Nap, Steps
from tests.chaos.crew import Member
from tests.chaos.installation import (
    SCHEDULER,
    Installation,
    front_door,
    installation,
    worker,
)
from tests.chaos.old_rows import FOLDER, Copy, Move, Prepare, load
from tests.chaos.run import await_workers
from tests.services import migrations, until

SEED = 20261120


NEEDED = "0019"  # the newest revision that this code cannot do without
SCHEMA = {"0.1": "0001"}  # the revision that the rows of a version were written under


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_rows_of_every_earlier_version_still_end(
    file: Path, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if kind == "postgres":
        url = request.getfixturevalue("empty_postgres_url")
    store = SqlStore(make_engine(url))
    alembic.upgrade(migrations(store.engine), SCHEMA[file.stem])
    roots = load(file, store)
    alembic.upgrade(migrations(store.engine), "head")
    stage = Stage((Prepare, Copy, Move), store=store)
    stage.clock.turn(timedelta(hours=1))
    stage.play()
    for task in store.tasks([one.command_id for root in roots for one in store.tree(root)]):
        stage.report(task.command_id, TaskStatus.SUCCEEDED)

    found = [one for root in roots for one in store.tree(root)]
    assert {one.status for one in found} == {Status.SUCCEEDED}
    copies = [one for one in found if one.kind == "rows.copy"]
    assert sorted(store.value(one.command_id) for one in copies) == ["d1", "d2", "d3"]
    store.close()


def hire(here: Installation, name: str, **extra: str) -> None:
    here.crew.hire(Member(name, worker(name), lambda _: extra))


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_a_worker_that_lacks_a_kind_leaves_it_to_those_that_have_it(room: Path) -> None:
    with installation(room, "postgres", random.Random(SEED)) as here, front_door() as front:
        hire(here, "worker-old", ORCHESTRATOR_MODULES="")
        here.crew.hire(Member("scheduler", SCHEDULER))
        await_workers(front, here)
        ids = [front.submit(Nap()).id for _ in range(10)]
        until(lambda: here.broker.client.llen("orchestrator") == 0, what="the old one has looked")
        assert not any(front.get(one).status.is_final for one in ids)

        hire(here, "worker-new")

        until(lambda: all(front.get(one).status.is_final for one in ids), what="end", timeout_s=90)
        assert {front.get(one).status for one in ids} == {Status.SUCCEEDED}
        assert {front.get(one).tries for one in ids} == {0}
        assert here.crew.deaths == 0


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_the_schema_grows_while_commands_run(room: Path) -> None:
    with installation(room, "postgres", random.Random(SEED)) as here, front_door() as front:
        hire(here, "worker-0")
        here.crew.hire(Member("scheduler", SCHEDULER))
        await_workers(front, here)
        ids = [front.submit(Steps(number=100, seconds=0.02)).id for _ in range(10)]
        until(lambda: len(here.world.ledger()) > 20, what="some steps are done")

        engine = make_engine(here.database.url)
        alembic.stamp(migrations(engine), "head")
        alembic.downgrade(migrations(engine), NEEDED)
        assert not all(front.get(one).status.is_final for one in ids)
        alembic.upgrade(migrations(engine), "head")
        with here.database.admin() as admin:  # what a later version may add
            admin.execute("ALTER TABLE command_entity ADD COLUMN note TEXT NOT NULL DEFAULT ''")
            admin.execute("CREATE INDEX CONCURRENTLY ix_note ON command_entity (note)")
        assert not all(front.get(one).status.is_final for one in ids)
        engine.dispose()

        until(lambda: all(front.get(one).status.is_final for one in ids), what="end", timeout_s=60)
        assert {front.get(one).status for one in ids} == {Status.SUCCEEDED}
        assert here.crew.deaths == 0
