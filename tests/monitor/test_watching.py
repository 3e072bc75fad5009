"""What the monitor asks of a store: the same answers from memory, SQLite and PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator import TaskStatus
from orchestrator.core.access import Role, digest_of
from orchestrator.core.entity import CommandEntity, NewCommand, Payload, TaskEntity
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.core.ids import late_part_id, part_id, root_id
from orchestrator.core.ports import Store
from orchestrator.core.progress import progress_of, roll_up
from orchestrator.core.query import CommandQuery, TaskQuery
from orchestrator.core.status import Mode, Status, TaskState
from orchestrator.store.memory import MemoryStore
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tokens import SqlTokens

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    sql = SqlStore(make_engine(request.getfixturevalue(f"{request.param}_url")))
    yield sql
    sql.close()


@pytest.fixture(params=["sqlite", "postgres"])
def tokens(request: pytest.FixtureRequest) -> Iterator[SqlTokens]:
    sql = SqlStore(make_engine(request.getfixturevalue(f"{request.param}_url")))
    yield SqlTokens(sql)
    sql.close()


def command(command_id: str, root: str, parent: str | None, **state: object) -> CommandEntity:
    fields = {"created_at": AT, "last_update_time": AT, **state}
    return CommandEntity(command_id, root, parent, "test.any", 1, "", **fields)  # type: ignore[arg-type]


def random_tree(rng: random.Random) -> list[CommandEntity]:
    """Gives a tree of some levels, each parent before its parts."""
    root = root_id(rng.getrandbits(128))
    numbers = iter(range(1, 10_000))
    tree: list[CommandEntity] = []

    def grow(command_id: str, parent: str | None, order: int, depth: int) -> None:
        parts = rng.randint(1, 4) if depth else 0
        state = {
            "status": rng.choice(list(Status)),
            # A part of a tree may be a vendor's task with sub-tasks: it has no mode.
            "mode": Mode.PARALLEL if parts and rng.random() < 0.8 else None,
            "best_effort": rng.random() < 0.3,
            "order": order,
            "parts": parts,
            "progress": rng.choice([None, rng.random()]),
            "weight": rng.randint(1, 5),
        }
        tree.append(command(command_id, root, parent, **state))
        adds = rng.random() if rng.random() < 0.3 else 0.0
        for place in range(parts):
            deeper = rng.randint(0, depth - 1)
            if rng.random() < adds:
                grow(late_part_id(root, rng.getrandbits(61)), command_id, -1, deeper)
            else:
                grow(part_id(root, next(numbers)), command_id, place, deeper)

    grow(root, None, 0, 4)
    return tree


def keep(store: Store, commands: list[CommandEntity]) -> None:
    with store.begin() as tx:
        tx.insert([NewCommand(one, Payload({})) for one in commands])


def parent_of_five(store: Store) -> str:
    """Stores a command with parts in an order that is not that of their ids, one added later."""
    root = root_id(11)
    top = command(root, root, None, parts=5, mode=Mode.SEQUENCE, status=Status.WAITING)
    orders = {1: 3, 2: 1, 3: 0, 4: -1, 5: 2}
    statuses = {1: Status.PENDING, 2: Status.SUCCEEDED, 3: Status.SUCCEEDED}
    parts = [
        command(part_id(root, n), root, root, order=order, status=statuses.get(n, Status.RUNNING))
        for n, order in orders.items()
    ]
    keep(store, [top, *parts])
    return root


def test_progress_agrees_with_the_tree(store: Store) -> None:
    rng = random.Random(5)
    trees = [random_tree(rng) for _ in range(40)]
    for tree in trees:
        keep(store, tree)
    expected = {key: value for tree in trees for key, value in roll_up(tree).items()}
    composite = [one.command_id for tree in trees for one in tree if one.parts]

    found = store.progress(composite)

    assert found == pytest.approx({one: expected[one] for one in composite})


def test_parts_come_in_the_order_of_the_plan_late_ones_last(store: Store) -> None:
    root = parent_of_five(store)

    first = store.get_parts(root, (), 3, None)
    rest = store.get_parts(root, (), 3, first.cursor)

    found = [one.command_id for one in (*first.items, *rest.items)]
    assert found == [part_id(root, n) for n in (3, 2, 5, 1, 4)]
    assert (first.total, rest.cursor) == (5, None)


def test_parts_and_commands_are_counted_by_status(store: Store) -> None:
    root = parent_of_five(store)

    assert store.count_parts(root) == {
        Status.SUCCEEDED: 2,
        Status.RUNNING: 2,
        Status.PENDING: 1,
    }
    assert store.count_commands(CommandQuery()) == {Status.WAITING: 1}
    assert store.count_commands(CommandQuery(owner="nobody")) == {}
    done = store.get_parts(root, (Status.SUCCEEDED,), 10, None)
    assert (len(done.items), done.total) == (2, 2)
    assert {one.command_id for one in store.get_all([root, part_id(root, 9)])} == {root}


def test_tasks_are_found_newest_first_by_system_scope_and_status(store: Store) -> None:
    root = parent_of_five(store)
    with store.begin() as tx:
        for n in range(1, 6):
            tx.insert_task(
                TaskEntity(
                    task_id=part_id(root, n),
                    command_id=part_id(root, n),
                    root_id=root,
                    system="vendor" if n < 5 else "vdsm",
                    scope="acme" if n < 4 else "globex",
                    verb="external",
                    request={},
                    state=TaskState.CLEARED if n == 3 else TaskState.POLLING,
                    status=TaskStatus.RUNNING,
                    created_at=AT + timedelta(seconds=n),
                    changed_at=AT,
                )
            )

    def numbers(query: TaskQuery) -> list[int]:
        return [int(one.task_id[-1]) for one in store.find_tasks(query).items]

    page = store.find_tasks(TaskQuery(system="vendor", limit=3))
    assert [int(one.task_id[-1]) for one in page.items] == [4, 3, 2]
    assert numbers(TaskQuery(system="vendor", limit=3, cursor=page.cursor)) == [1]
    assert numbers(TaskQuery(system="vendor", scope="acme")) == [3, 2, 1]
    assert numbers(TaskQuery(system="vendor", statuses=(Status.SUCCEEDED,))) == [3, 2]
    assert numbers(TaskQuery(system="vendor", statuses=(Status.PENDING,))) == [1]


def test_a_succeeded_command_is_done_whatever_its_parts_say() -> None:
    assert progress_of(command("x", "x", None, status=Status.SUCCEEDED), 0.3) == 1.0


def test_a_vendors_word_about_its_task_outweighs_the_mean_of_its_sub_tasks() -> None:
    said = command("x", "x", None, status=Status.WAITING, parts=2, progress=0.8)
    silent = command("x", "x", None, status=Status.WAITING, parts=2)

    assert progress_of(said, 0.1) == 0.8
    assert progress_of(silent, 0.1) == 0.1


def test_a_token_is_found_by_its_digest_until_it_is_revoked(tokens: SqlTokens) -> None:
    secret = tokens.create("cli", Role.OPERATOR)
    found = tokens.find(digest_of(secret))

    tokens.revoke("cli")

    assert found is not None
    assert (found.name, found.role) == ("cli", Role.OPERATOR)
    assert tokens.find(digest_of(secret)) is None
    assert len(secret) > 43  # 32 random bytes and the prefix


def test_a_name_stands_for_one_token_at_a_time(tokens: SqlTokens) -> None:
    first = tokens.create("cli", Role.VIEWER)

    with pytest.raises(ConflictError, match="is in force"):
        tokens.create("cli", Role.ADMIN)
    tokens.revoke("cli")
    second = tokens.create("cli", Role.ADMIN)

    assert first != second
    assert [(one.name, one.role) for one in tokens.list()] == [("cli", Role.ADMIN)]
    with pytest.raises(NotFoundError):
        tokens.revoke("nobody")


def test_a_role_that_there_is_not_is_refused(tokens: SqlTokens) -> None:
    with pytest.raises(BadInputError, match="there are: admin, operator, viewer, vendor"):
        tokens.create("x", "king")
