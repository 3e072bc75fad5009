"""Real processes are killed, frozen, flushed and restarted; the promises hold."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator import Command
from orchestrator.app import Orchestrator
from orchestrator.core.errors import UnavailableError
from orchestrator.core.status import Status
from orchestrator.engine.faults import POINTS
from orchestrator.store.tables import command_entity
from tests.chaos.__main__ import summary
from tests.chaos.commands import Assassin, Many, Nap, Nested, Sleeper, Steps
from tests.chaos.installation import Installation, front_door, installation, small_staff
from tests.chaos.recovery import measure
from tests.chaos.run import Wish, await_workers, run
from tests.chaos.web import open_web

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(280)]
SEED = 20261120
THREADS = 16  # of both workers


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder that PostgreSQL's own user may enter."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return tmp_path


@contextmanager
def at_work(
    room: Path, store: str = "postgres", **settings: str
) -> Iterator[tuple[Orchestrator, Installation]]:
    """Gives the front door of an installation that runs undisturbed, until the test disturbs it."""
    named = {f"ORCHESTRATOR_{name.upper()}": value for name, value in settings.items()}
    with (
        installation(room, store, random.Random(SEED), settings=named) as here,
        front_door() as front,
    ):
        small_staff(here)
        await_workers(front, here, 2)
        yield front, here


def wait(
    here: Installation, condition: Callable[[], object], what: str, timeout_s: float = 60
) -> None:
    """Waits for something while the supervisor does its work; a database that is away is not it."""
    deadline = time.monotonic() + timeout_s
    while not holds(condition):
        here.crew.tend()
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain: {what}"
        time.sleep(0.02)


def holds(condition: Callable[[], object]) -> bool:
    """Tells whether the condition holds; not while the database is away."""
    try:
        return bool(condition())
    except UnavailableError:
        return False


@pytest.mark.parametrize("store", ["postgres", "sqlite"])
def test_everything_ends_while_everything_breaks(store: str) -> None:
    result = run(Wish(seconds=20, seed=SEED, store=store, pace=2, trees=40))

    print(summary(result))
    assert result.verdict.findings() == []
    assert result.trees > 10
    assert result.kills > 5


def test_a_process_may_die_at_each_named_point() -> None:
    result = run(Wish(seconds=120, seed=SEED, pace=0, trees=30, until_every_point=True))

    print(summary(result))
    killed = {one.partition(":")[0] for one in result.faults if one.endswith(":kill")}
    assert killed == set(POINTS)
    assert result.verdict.findings() == []


def test_all_ends_soon_after_all_workers_were_killed(room: Path) -> None:
    with at_work(room) as (front, here):
        found = measure(front, here)

    print(found)
    assert found.lost == 0
    assert found.in_flight > 150
    assert found.calls - found.steps <= max(found.running, THREADS)
    assert found.beyond_s < 5  # 2 s on a machine of one's own; this one may have to be shared


def test_a_verb_that_always_kills_its_worker_is_given_up(room: Path) -> None:
    with at_work(room, max_deaths="3") as (front, here):
        poison = front.submit(Assassin()).id
        others = [front.submit(Nap(seconds=0.1)).id for _ in range(20)]

        wait(here, lambda: front.get(poison).status.is_final, "the poison is given up", 90)
        wait(here, lambda: all(front.get(one).status.is_final for one in others), "the others end")

        given_up = front.get(poison)
        assert given_up.status is Status.FAILED
        assert given_up.deaths == 3
        assert given_up.message is not None
        assert "3 workers died" in given_up.message
        assert {front.get(one).status for one in others} == {Status.SUCCEEDED}


def test_what_a_verb_says_after_its_timeout_is_ignored(room: Path) -> None:
    with at_work(room) as (front, here):
        late = front.submit(Sleeper()).id

        wait(here, lambda: front.get(late).status.is_final, "it is fenced off")
        fenced_at = front.get(late).revision
        started = time.monotonic()
        wait(here, lambda: time.monotonic() > started + 5, "it has come back")

        found = front.get(late)
        assert (found.status, found.revision) == (Status.FAILED, fenced_at)
        assert "timeout" in (found.message or "")
        assert front.value(late) is None


def test_a_database_that_refuses_to_write_is_waited_for(room: Path) -> None:
    with at_work(room) as (front, here):
        web = open_web(here, front)
        wait(here, lambda: web.health("/readyz") == 200, "the API is ready")
        before = front.submit(Steps(number=60, seconds=0.1)).id

        here.database.read_only(on=True)
        with pytest.raises(UnavailableError, match="database"):
            web.submit(Nap(), "while it is read-only")
        with pytest.raises(UnavailableError, match="database"):
            front.submit(Nap())
        wait(here, lambda: not front.get(before).status.is_final, "reading goes on")
        here.database.read_only(on=False)

        wait(here, lambda: front.get(before).status.is_final, "it goes on by itself")
        assert front.get(before).status is Status.SUCCEEDED
        after, _ = web.submit(Nap(), "afterwards")
        wait(here, lambda: front.get(after).status.is_final, "all is as before")


def test_commands_wait_for_a_broker_that_is_away(room: Path) -> None:
    with at_work(room) as (front, here):
        here.broker.kill()
        waiting = [front.submit(Nap()).id for _ in range(5)]
        started = time.monotonic()
        wait(here, lambda: time.monotonic() > started + 10, "a while passes")
        assert not any(front.get(one).status.is_final for one in waiting)

        here.broker.start()
        wait(here, lambda: all(front.get(one).status.is_final for one in waiting), "they go on")

        assert here.crew.deaths == 0  # nobody had to be started again for it


@pytest.mark.parametrize(
    ("command", "size"),
    [
        pytest.param(Many(parts=2_000, side_by_side=True), 2_001, id="many parts side by side"),
        pytest.param(Many(parts=1_000, side_by_side=False), 1_001, id="a thousand steps"),
        pytest.param(Nested(depth=200), 201, id="two hundred deep"),
    ],
)
def test_large_plans_end_in_bounded_memory(room: Path, command: Command, size: int) -> None:
    with at_work(room) as (front, here):
        memory = {name: used(here, name) for name in here.crew.named("worker")}
        large = front.submit(command).id

        wait(here, lambda: front.get(large).status.is_final, "it ends", 150)

        assert front.get(large).status is Status.SUCCEEDED
        assert len(front.tree(large)) == size
        for name, before in memory.items():
            assert used(here, name) - before < 150, f"{name} grew by more than 150 MB"


def used(here: Installation, name: str) -> float:
    """Gives the memory of a member and its children, in MB."""
    family = here.crew.family(here.crew.members[name])
    return sum(one.memory_info().rss for one in family) / 1e6


def test_a_hundred_thousand_stored_commands_slow_nobody_down(room: Path) -> None:
    with at_work(room) as (front, here):
        ended = front.submit(Nap()).id
        wait(here, lambda: front.get(ended).status.is_final, "there is one to copy")
        rest = [one.name for one in command_entity.c if one.name not in ("command_id", "root_id")]
        names = ", ".join(rest)
        with here.database.admin() as admin:
            admin.execute(
                f"INSERT INTO command_entity (command_id, root_id, {names})"
                f" SELECT id, id, {names} FROM command_entity, LATERAL"
                " (SELECT gen_random_uuid() AS id, number FROM generate_series(1, 100000) number) n"
                " WHERE command_entity.command_id::text = %s",
                (ended,),
            )

        started = time.monotonic()
        ids = [front.submit(Nap()).id for _ in range(100)]
        wait(here, lambda: all(front.get(one).status.is_final for one in ids), "all end", 30)

        assert front.commands().total == 100_101
        assert time.monotonic() - started < 20
