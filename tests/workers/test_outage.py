"""A broker that is away, refuses, or is told to revoke: the store knows what is due, and the worker lives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from orchestrator.core.status import Status
from tests.services import free_port, redis_server, until
from tests.workers.installation import Installation, installed
from tests.workers.mine import Day, Note, Story

WAIT_S = 30.0
POOLS = ("threads", "prefork", "solo")


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Redis of this test's own, to be ill-treated."""
    monkeypatch.delenv("ORCHESTRATOR_TEST_BROKER_URL", raising=False)
    with redis_server() as url:
        yield url


@pytest.fixture(params=POOLS)
def installation(
    request: pytest.FixtureRequest, tmp_path: Path, broker: str
) -> Iterator[Installation]:
    """A worker of each kind, at that Redis; each step needs a message."""
    database = f"sqlite:///{tmp_path / 'orchestrator.db'}"
    with installed(tmp_path, database, broker, fusion=False, pool=request.param) as running:
        yield running


def test_a_worker_takes_work_from_the_store_while_the_broker_is_away(
    installation: Installation, broker: str, tmp_path: Path
) -> None:
    before = _workers(installation)
    with redis.Redis.from_url(broker) as client:
        client.shutdown(nosave=True)

    handle = installation.door.submit(Story(book=str(tmp_path / "book")))

    assert installation.door.wait(handle.id, WAIT_S).status is Status.SUCCEEDED
    assert _workers(installation) == before


def test_a_broker_that_refuses_ends_no_worker(
    installation: Installation, broker: str, tmp_path: Path
) -> None:
    before = _workers(installation)
    door = installation.door
    with redis.Redis.from_url(broker) as client:
        client.config_set("maxmemory", "1")
        client.client_kill_filter(_type="normal", skipme=True)
        full = door.submit(Note(book=str(tmp_path / "book"), text="full")).id
        client.config_set("maxmemory", "0")
        assert door.wait(full, WAIT_S).status is Status.SUCCEEDED
        client.replicaof("127.0.0.1", str(free_port()))
        read_only = door.submit(Note(book=str(tmp_path / "book"), text="read-only")).id
        assert door.wait(read_only, WAIT_S).status is Status.SUCCEEDED
        client.replicaof("NO", "ONE")
        after = door.submit(Note(book=str(tmp_path / "book"), text="after")).id

        assert door.wait(after, WAIT_S).status is Status.SUCCEEDED
    assert _workers(installation) == before


@pytest.mark.parametrize("terminate", [False, True])
def test_revoke_has_no_effect(
    installation: Installation, tmp_path: Path, *, terminate: bool
) -> None:
    before = _workers(installation)
    handle = installation.door.submit(Day(book=str(tmp_path / "book")))
    until((tmp_path / "book").exists, what="the verb runs", timeout_s=WAIT_S)
    ids = [one.command_id for one in installation.door.tree(handle.id)]
    program = f"""
import sys
from workers.celery import app
app.control.revoke(sys.argv[1:], terminate={terminate}, signal="SIGKILL")
"""

    said = installation.run("-c", program, *ids)

    assert said.returncode == 0, said.stderr
    assert installation.door.wait(handle.id, WAIT_S).status is Status.SUCCEEDED
    assert [one.attempt for one in installation.door.tree(handle.id)[1:]] == [1, 1]
    assert (tmp_path / "book").read_text().splitlines() == ["begins", "ends", "noted"]
    assert _workers(installation) == before


def _workers(installation: Installation) -> list[str]:
    workers = installation.store.workers()
    return sorted(one.worker_id for one in workers if one.role == "worker")
