"""Faults are planted, one after the other: the doctor names each, with the command that mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import sqlalchemy as sa

from orchestrator import TaskStatus
from orchestrator.core.errors import UnavailableError
from orchestrator.core.ports import WorkerRow
from orchestrator.store.tables import command_entity, webhook_delivery
from tests.api.served import Guarded, Note, Served
from tests.cli.conftest import Typing, json_of

FOREVER = datetime(2100, 1, 1, tzinfo=UTC)
Plant: TypeAlias = Callable[["Garden"], AbstractContextManager[None]]


class Garden:
    """A healthy house, and what is at hand to break it."""

    def __init__(self, house: Served, env: pytest.MonkeyPatch, directory: Path) -> None:
        self.house, self.env, self.directory = house, env, directory
        self.store: Any = house.stage.store
        self.kinds = house.stage.catalog.kinds

    def beat(
        self, name: str, role: str, kinds: tuple[str, ...] = (), until: datetime = FOREVER
    ) -> None:
        row = WorkerRow(
            worker_id=name, name=name, role=role, host="h", pid=1, place="elsewhere",
            started_at=datetime.now(UTC), alive_until=until, kinds=kinds,
        )  # fmt: skip
        self.store.heartbeat(row)

    def heal(self) -> None:
        """Has a worker that knows all, and a scheduler."""
        for name in ("stage", "w"):
            self.store.farewell(name)
        self.beat("w", "worker", self.kinds)
        self.beat("s", "scheduler")


@contextmanager
def no_token(garden: Garden) -> Iterator[None]:
    garden.env.delenv("ORCHESTRATOR_TOKEN")
    yield


@contextmanager
def revoked_token(garden: Garden) -> Iterator[None]:
    garden.env.setenv("ORCHESTRATOR_TOKEN", "orc_of_yesterday")
    yield


@contextmanager
def torn_config(garden: Garden) -> Iterator[None]:
    file = garden.directory / "torn.toml"
    file.write_text("api_url = ")
    garden.env.setenv("ORCHESTRATOR_CONFIG", str(file))
    yield
    garden.env.delenv("ORCHESTRATOR_CONFIG")


@contextmanager
def no_server(garden: Garden) -> Iterator[None]:
    garden.env.setenv("ORCHESTRATOR_API_URL", "http://127.0.0.1:1")
    yield
    garden.env.setenv("ORCHESTRATOR_API_URL", garden.house.url)


@contextmanager
def no_broker(garden: Garden) -> Iterator[None]:
    def away() -> dict[str, int]:
        raise UnavailableError("the broker does not answer: connection refused")

    desk = garden.house.app.state.desk
    garden.house.app.state.desk = replace(desk, queues=away)
    yield
    garden.house.app.state.desk = desk


@contextmanager
def no_worker(garden: Garden) -> Iterator[None]:
    garden.store.farewell("w")
    yield


@contextmanager
def ignorant_worker(garden: Garden) -> Iterator[None]:
    garden.store.farewell("w")
    garden.beat("w", "worker", tuple(one for one in garden.kinds if one != "test.note"))
    yield


@contextmanager
def no_scheduler(garden: Garden) -> Iterator[None]:
    garden.store.farewell("s")
    yield


@contextmanager
def stuck_part(garden: Garden) -> Iterator[None]:
    stage = garden.house.stage
    command = stage.submit(Guarded(vm="vm-doctor"))
    stage.play()
    part = next(one for one in stage.orchestrator.tree(command) if one.label == "Guard it")
    stage.report(part.command_id, TaskStatus.LOST, message="it is gone")
    yield
    stage.orchestrator.stop(part.command_id, "seen")
    stage.play()


@contextmanager
def unknown_kind(garden: Garden) -> Iterator[None]:
    command = garden.house.stage.submit(Note())
    kind = sa.update(command_entity).where(command_entity.c.command_id == command)
    with garden.store.writing() as connection:
        connection.execute(kind.values(action_type="old.kind"))
    yield
    with garden.store.writing() as connection:
        connection.execute(kind.values(action_type="test.note"))
    garden.house.stage.orchestrator.skip(command, "seen")


@contextmanager
def dead_letter(garden: Garden) -> Iterator[None]:
    row = {
        "delivery_id": "msg_dead", "endpoint_id": "00000000-0000-4000-8000-000000000001", "vendor": "acme",
        "task_id": "00000000-0000-4000-8000-000000000002", "attempt": 1, "news": "task.offered", "body": "{}",
        "status": "dead", "tries": 8, "problem": "answered 500",
        "wake_at": datetime.now(UTC), "changed_at": datetime.now(UTC),
    }  # fmt: skip
    with garden.store.writing() as connection:
        connection.execute(sa.insert(webhook_delivery).values(**row))
    yield
    with garden.store.writing() as connection:
        connection.execute(sa.delete(webhook_delivery))


@contextmanager
def forgotten_pause(garden: Garden) -> Iterator[None]:
    garden.house.stage.orchestrator.pause("kind:test.refuse", "for the night", actor="alice")
    yield
    garden.house.stage.orchestrator.resume("kind:test.refuse")


FAULTS: list[tuple[Plant, str, str, str]] = [
    (no_token, "Config", "no token", "orchestrator login"),
    (revoked_token, "", "unknown or was revoked", "orchestrator login"),
    (torn_config, "", "torn.toml cannot be read", "mend ORCHESTRATOR_CONFIG"),
    (no_server, "Web page", "does not answer", "orchestrator up"),
    (no_broker, "Broker", "broker does not answer", "ORCHESTRATOR_BROKER_URL"),
    (no_worker, "Workers", "none is alive", "orchestrator up worker"),
    (ignorant_worker, "Workers", "none knows test.note", "ORCHESTRATOR_MODULES"),
    (no_scheduler, "Scheduler", "none is alive", "orchestrator up scheduler"),
    (stuck_part, "Attention", "Guard it: it is gone", "orchestrator list -s needs_attention"),
    (unknown_kind, "Workers", "1 of old.kind", "orchestrator up worker"),
    (dead_letter, "Webhooks", "to acme: answered 500", "orchestrator webhook dead"),
    (forgotten_pause, "Paused", "kind:test.refuse by alice", "resume kind:test.refuse"),
]


@pytest.fixture
def garden(
    house: Served, cli: Typing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Garden]:
    garden = Garden(house, monkeypatch, tmp_path)
    garden.heal()
    yield garden
    garden.heal()


@pytest.mark.parametrize(
    ("plant", "part", "said", "mend"), FAULTS, ids=lambda one: getattr(one, "__name__", "")
)
def test_the_doctor_names_the_fault_and_what_mends_it(
    garden: Garden, cli: Typing, plant: Plant, part: str, said: str, mend: str
) -> None:
    with plant(garden):
        result = cli("doctor")

    told = result.stdout + result.stderr
    line = next((one for one in told.splitlines() if said in one), None)
    assert line is not None, told
    assert mend in line
    assert part in line
    assert result.exit_code == (0 if plant is forgotten_pause else 1)


def test_a_healthy_house_is_told_so(garden: Garden, cli: Typing) -> None:
    items = json_of(cli("doctor", "-o", "json"))["items"]

    assert [one["part"] for one in items if not one["is_well"] and one["part"] != "Adapters"] == []
