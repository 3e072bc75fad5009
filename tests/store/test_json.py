"""What is JSON comes back as it was given, in every such column of every store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.core.entity import NewCommand, Payload
from orchestrator.core.ports import Store
from orchestrator.core.status import Outcome, Status, TaskState
from orchestrator.engine.storable import MOST_LEVELS
from orchestrator.store import codec
from orchestrator.store.tables import metadata
from tests.store.rows import NOW, put, put_tasks, root, task

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
COLUMNS = {
    "command_entity.locks",
    "command_entity.parameters",
    "command_entity.inputs",
    "command_entity.return_value",
    "async_task.request",
    "async_task.result",
    "async_task.detail",
    "worker.kinds",
    "webhook_endpoint.news",
    "webhook_endpoint.topics",
}


def nested(kind: type[list[Any]] | type[dict[str, Any]]) -> Any:
    """Gives what is as deep as parameters may be; the deepest lies within an object, as they do."""
    value: Any = 1.0
    for _ in range(MOST_LEVELS - 1):
        value = [value] if kind is list else {"a": value}
    return value


class Rows:
    """Fresh numbers for rows, over all examples of a test."""

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> int:
        self.last += 1
        return self.last


@pytest.fixture
def rows() -> Rows:
    return Rows()


def test_these_are_all_the_columns_that_hold_json() -> None:
    """`locks`, `worker.kinds` and those of webhooks hold only what we make: lists of texts."""
    found = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sa.JSON)
    }

    assert found == COLUMNS


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ANY_JSON)
@example(12345678901234567890)
@example(1.0)
@example(-0.0)
@example("1.0")
@example(" 12 ")
@example("null")
@example(5e-324)
@example([1.0, {"a": 2**63}])
@example(nested(list))
@example(nested(dict))
def test_json_comes_back_as_it_was_given(store: Store, rows: Rows, value: Any) -> None:
    number = rows.next()
    command = root(number, status=Status.RUNNING)
    with store.begin() as tx:
        tx.insert([NewCommand(command, Payload({"value": value}, {"verb.ask": [value]}))])
    ended = command._replace(revision=1, status=Status.SUCCEEDED, outcome=Outcome.SUCCEEDED)
    with store.begin() as tx:
        tx.finish([ended], [], values={command.command_id: value})
    made = replace(task(command, number), request={"value": value})
    put_tasks(store, made)
    with store.begin() as tx:
        tx.save_tasks([replace(made, state=TaskState.ENDED, result=value, detail={"value": value})])
    with store.begin() as tx:
        (found,) = tx.payloads([command.command_id]).values()

    (stored,) = store.tasks([command.command_id])
    seen = (
        found.parameters["value"],
        found.inputs["verb.ask"][0],
        store.value(command.command_id),
        store.values([command.command_id])[command.command_id],
        stored.request["value"],
        stored.result,
        stored.detail["value"],
    )
    assert [_exact(one) for one in seen] == [_exact(value)] * len(seen)


def _exact(value: Any) -> Any:
    """Tells 1 from 1.0 and from True, and 0.0 from -0.0, wherever they are."""
    match value:
        case dict():
            return {key: _exact(one) for key, one in value.items()}
        case list() | tuple():
            return [_exact(one) for one in value]
        case _:
            return f"{type(value).__name__} {value!r}"


def test_a_command_without_parameters_is_read_as_such(store: Store) -> None:
    command = put(store, root(1, created_at=NOW))

    payload = store.payload(command.command_id)

    assert payload is not None
    assert (dict(payload.parameters), dict(payload.inputs)) == ({}, {})


@pytest.mark.parametrize(
    "names",
    [codec.TASK_COLUMNS, codec.PLACE_COLUMNS, codec.LOG_COLUMNS, codec.TOUCH_COLUMNS],
)
def test_rows_are_written_the_quick_way(names: tuple[str, ...]) -> None:
    """A column's own name is no plain str, and orjson takes no other for a key."""
    orjson.dumps(dict.fromkeys(names, 1))
