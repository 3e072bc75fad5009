"""How far commands are: the same from the tree, from SQL and from memory."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from orchestrator.core.entity import CommandEntity, NewCommand, Payload
from orchestrator.core.ids import part_id, root_id
from orchestrator.core.ports import Store
from orchestrator.core.progress import progress_of, roll_up
from orchestrator.core.status import Mode, Status
from orchestrator.store.memory import MemoryStore
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tables import metadata


def random_tree(rng: random.Random) -> list[CommandEntity]:
    """Gives a tree of some levels, each parent before its parts."""
    root = root_id(rng.getrandbits(128))
    numbers = iter(range(1, 10_000))
    tree: list[CommandEntity] = []

    def grow(command_id: str, parent: str | None, order: int, depth: int) -> None:
        parts = rng.randint(1, 4) if depth else 0
        tree.append(
            CommandEntity(
                command_id,
                root,
                parent,
                "test.any",
                1,
                "",
                status=rng.choice(list(Status)),
                mode=Mode.PARALLEL if parts else None,
                best_effort=rng.random() < 0.3,
                order=order,
                parts=parts,
                progress=rng.choice([None, rng.random()]),
                weight=rng.randint(1, 5),
            )
        )
        for place in range(parts):
            grow(part_id(root, next(numbers)), command_id, place, rng.randint(0, depth - 1))

    grow(root, None, 0, 4)
    return tree


def stores(directory: Path) -> list[Store]:
    sql = SqlStore(make_engine(f"sqlite:///{directory}/progress.db"))
    metadata.create_all(sql.engine)
    return [sql, MemoryStore()]


def test_sql_and_memory_agree_with_the_tree(tmp_path: Path) -> None:
    rng = random.Random(5)
    trees = [random_tree(rng) for _ in range(10)]

    for store in stores(tmp_path):
        now = store.now()
        for tree in trees:
            with store.begin() as tx:
                tx.insert([NewCommand(_at(one, now), Payload({})) for one in tree])
        expected = {key: value for tree in trees for key, value in roll_up(tree).items()}
        composite = [one.command_id for tree in trees for one in tree if one.parts]

        found = store.progress(composite)

        assert found == pytest.approx({one: expected[one] for one in composite})
        if isinstance(store, SqlStore):
            store.close()


def _at(command: CommandEntity, now: datetime) -> CommandEntity:
    return command._replace(created_at=now, last_update_time=now)


def leaf(status: Status, progress: float | None = None) -> CommandEntity:
    return CommandEntity("x", "x", None, "k", 1, "", status=status, progress=progress)


def test_a_succeeded_command_is_done_whatever_its_parts_say() -> None:
    assert progress_of(leaf(Status.SUCCEEDED), 0.3) == 1.0


def test_a_vendors_word_about_its_task_outweighs_the_mean_of_its_sub_tasks() -> None:
    task = leaf(Status.WAITING, 0.8)._replace(parts=2)

    assert progress_of(task, 0.1) == 0.8
    assert progress_of(task._replace(progress=None), 0.1) == 0.1
