"""Large plans, deep plans, many stored commands, many workers: the work goes on and memory stays bounded."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator import Command
from orchestrator.core.status import Status
from orchestrator.store.tables import command_entity
from tests.chaos.commands import Many, Nap, Nested
from tests.chaos.installation import Installation, worker
from tests.chaos.undisturbed import at_work, wait

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(280)]
TWENTY_WORKERS = (worker("twenty", pool="prefork", concurrency=20),)


@pytest.mark.parametrize(
    ("command", "size"),
    [
        pytest.param(
            Many(parts=10_000, side_by_side=True), 10_001, id="ten thousand parts side by side"
        ),
        pytest.param(Many(parts=1_000, side_by_side=False), 1_001, id="a thousand steps"),
        pytest.param(Nested(depth=999), 1_000, id="a thousand deep"),
    ],
)
def test_large_plans_end_in_bounded_memory(room: Path, command: Command, size: int) -> None:
    with at_work(room) as (front, here):
        memory = {name: used(here, name) for name in (*here.crew.named("worker"), "scheduler")}
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


def test_a_hundred_thousand_stored_commands_slow_twenty_workers_down_in_nothing(room: Path) -> None:
    with at_work(room, staff=TWENTY_WORKERS, registered=20) as (front, here):
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
        ids = [front.submit(Nap()).id for _ in range(500)]
        wait(here, lambda: all(front.get(one).status.is_final for one in ids), "all end", 30)

        with here.database.admin() as admin:
            (stored,) = admin.execute("SELECT count(*) FROM command_entity").fetchone() or (0,)
        assert stored == 100_501
        assert time.monotonic() - started < 20
