"""Rows to store: commands, parts, tasks, workers, with sound defaults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.core.asynctask import AsyncTask
from orchestrator.core.entity import (
    CommandEntity,
    NewCommand,
    Payload,
    TaskEntity,
    Transition,
    task_of,
)
from orchestrator.core.ids import part_id, root_id
from orchestrator.core.ports import Store, WorkerRow
from orchestrator.core.status import Mode, Phase, Status

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def root(number: int = 1, **fields: Any) -> CommandEntity:
    """Makes the entity of a root; equal numbers give equal ids."""
    one = root_id(number << 64 | number)
    given: dict[str, Any] = {
        "kind": "test.kind",
        "version": 1,
        "label": f"root {number}",
        "created_at": NOW + number * SECOND,
        "last_update_time": NOW,
        "owner_id": "alice",
    }
    return CommandEntity(command_id=one, root_id=one, parent_id=None, **given | fields)


def parts_of(parent: CommandEntity, count: int, **fields: Any) -> list[CommandEntity]:
    """Makes the entities of a sequence's parts, numbered from 1."""
    ids = [part_id(parent.root_id, one) for one in range(1, count + 1)]
    given: dict[str, Any] = {
        "kind": "test.part",
        "version": 1,
        "in_sequence": True,
        "created_at": NOW,
        "last_update_time": NOW,
    }
    return [
        CommandEntity(
            command_id=one,
            root_id=parent.root_id,
            parent_id=parent.command_id,
            order=order,
            next_id=ids[order + 1] if order + 1 < count else None,
            **given | {"label": f"part {order + 1}"} | fields,
        )
        for order, one in enumerate(ids)
    ]


def put(store: Store, *entities: CommandEntity, **parameters: Any) -> CommandEntity:
    """Stores commands and gives the first."""
    with store.begin() as tx:
        tx.insert([NewCommand(one, Payload(parameters)) for one in entities])
    return entities[0]


def put_tree(store: Store, number: int = 1, parts: int = 3, **fields: Any) -> list[CommandEntity]:
    """Stores a root with a sequence of parts and gives them all."""
    top = root(number, mode=Mode.SEQUENCE, parts=parts, **fields)
    tree = [top, *parts_of(top, parts)]
    put(store, *tree)
    return tree


def change(store: Store, command: CommandEntity, **fields: Any) -> CommandEntity:
    """Saves a command as it is now, one revision on."""
    changed = command._replace(revision=command.revision + 1, **fields)
    with store.begin() as tx:
        tx.save([changed])
    return changed


def task(command: CommandEntity, number: int = 1, **fields: Any) -> TaskEntity:
    """Makes an async task of a command."""
    from dataclasses import replace

    intended: AsyncTask[None] = AsyncTask(
        system="sys", scope="here", verb="copy", request={"disk": [1, {"two": None}]}
    )
    made = task_of(command, intended, task_id=root_id(1000 + number), now=NOW + number * SECOND)
    return replace(made, **fields)


def put_tasks(store: Store, *tasks: TaskEntity) -> None:
    """Stores tasks."""
    with store.begin() as tx:
        for one in tasks:
            tx.insert_task(one)


def news(command: CommandEntity, *path: Status, **fields: Any) -> Transition:
    """Makes a row of the event log."""
    given: dict[str, Any] = {
        "command_id": command.command_id,
        "root_id": command.root_id,
        "revision": command.revision,
        "path": path or (Status.PENDING, Status.READY),
        "phase": Phase.EXECUTE,
        "causes": ("Begin",),
        "attempt": 0,
        "worker_id": None,
        "message": None,
        "progress": None,
        "at": NOW,
    }
    return Transition(**given | fields)


def put_news(store: Store, transitions: Sequence[Transition]) -> None:
    """Appends to the event log."""
    with store.begin() as tx:
        tx.log(transitions)


def worker(name: str = "w", **fields: Any) -> WorkerRow:
    """Makes a row of the worker register."""
    given: dict[str, Any] = {
        "worker_id": name,
        "name": name,
        "role": "worker",
        "host": "here",
        "pid": 1,
        "started_at": NOW,
        "alive_until": NOW + SECOND,
        "kinds": ("a", "b"),
    }
    return WorkerRow(**given | fields)
