"""Real processes: Celery worker, scheduler and broker; embedded and on servers, fused and not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from orchestrator import TaskReport, TaskStatus
from orchestrator.core.status import Status
from tests.services import free_port, until
from tests.workers.installation import Installation, installed, started
from tests.workers.mine import Note, Story

WAIT_S = 60.0


@pytest.fixture(scope="module", params=["embedded, fused", "servers, not fused"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The embedded default, and PostgreSQL with Redis."""
    import os

    folder = tmp_path_factory.mktemp("installation")
    if request.param.startswith("servers"):
        from tests import services

        server = request.getfixturevalue("postgres_server")
        broker = request.getfixturevalue("redis_server_url")
        with redis.Redis.from_url(broker) as client:
            client.flushdb()
        with (
            services.new_database(server) as database,
            installed(folder, database, broker, fusion=False) as running,
        ):
            yield running
        return
    port = free_port()
    broker = f"redis://127.0.0.1:{port}/0"
    with started(folder, dict(os.environ), ["-m", "workers.broker", "--port", str(port)]):
        until(lambda: _pongs(port), what="the broker answers")
        database = f"sqlite:///{folder / 'orchestrator.db'}"
        with installed(folder, database, broker, fusion=True) as running:
            yield running


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Where notes are taken."""
    return tmp_path / "book"


def lines(book: Path) -> list[str]:
    """Gives what was noted."""
    return book.read_text().split("\n")[:-1] if book.exists() else []


def test_a_story_is_told_to_its_end(installation: Installation, book: Path) -> None:
    handle = installation.door.submit(Story(book=str(book)), owner="alice")

    done = installation.door.wait(handle.id, WAIT_S)

    assert done.status is Status.SUCCEEDED
    assert lines(book)[:2] == ["1", "2"]
    assert sorted(lines(book)[2:6]) == ["3a", "3b", "3c", "3d"]
    assert lines(book)[6:] == ["5", "end succeeded"]
    assert installation.door.value(handle.id) == 7


def test_a_story_that_fails_is_undone(installation: Installation, book: Path) -> None:
    handle = installation.door.submit(Story(book=str(book), fails=True))

    done = installation.door.wait(handle.id, WAIT_S)

    assert done.status is Status.FAILED
    undone = [one.removeprefix("undo ") for one in lines(book) if one.startswith("undo")]
    assert sorted(undone) == ["1", "2", "3a", "3b", "3c", "3d"]
    assert undone[-2:] == ["2", "1"]
    assert lines(book)[-1] == "end failed"


def test_a_vendor_finishes_what_it_was_given(installation: Installation, book: Path) -> None:
    door = installation.door
    handle = door.submit(Story(book=str(book), waits=True))
    until(lambda: _waits(installation, handle.id), what="the vendor is asked", timeout_s=WAIT_S)
    (part,) = [one for one in door.tree(handle.id) if one.kind == "external"]
    (task,) = door.tasks([part.command_id])

    door.report(
        [
            TaskReport(
                system=task.system,
                scope=task.scope,
                task_id=task.task_id,
                status=TaskStatus.SUCCEEDED,
            )
        ]
    )

    assert door.wait(handle.id, WAIT_S).status is Status.SUCCEEDED


def test_what_is_lost_with_the_broker_is_sent_again(installation: Installation, book: Path) -> None:
    ids = [installation.door.submit(Story(book=str(book))).id for _ in range(10)]
    with redis.Redis.from_url(installation.environment["ORCHESTRATOR_BROKER_URL"]) as client:
        client.delete("orchestrator")

    ended = [installation.door.wait(one, WAIT_S).status for one in ids]

    assert ended == [Status.SUCCEEDED] * 10
    assert lines(book).count("end succeeded") == 10


def test_celery_reads_results_from_the_store(installation: Installation, book: Path) -> None:
    good = installation.door.submit(Note(book=str(book), text="kept")).id
    bad = installation.door.submit(Note(book=str(book), text="lost", fails=True)).id
    program = """
import sys
from celery.result import AsyncResult
from workers.celery import app
good, bad, unknown = (AsyncResult(one, app=app) for one in sys.argv[1:])
print(good.get(timeout=60), good.state, good.successful())
try:
    bad.get(timeout=60)
except Exception as problem:
    print(type(problem).__name__, problem)
print(unknown.state)
"""

    said = installation.run("-c", program, good, bad, "12345678-1234-4234-8234-123456789abc")

    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == [
        "kept SUCCESS True",
        "CommandFailed mine.note failed: it may not be noted",
        "PENDING",
    ]


def test_nothing_is_kept_in_the_broker(installation: Installation, book: Path) -> None:
    installation.door.wait(installation.door.submit(Story(book=str(book))).id, WAIT_S)

    with redis.Redis.from_url(installation.environment["ORCHESTRATOR_BROKER_URL"]) as client:
        kept = {one.decode() for one in client.keys("*")}

    assert not {one for one in kept if one.startswith("celery-task-meta")}


def _waits(installation: Installation, command_id: str) -> bool:
    tree = installation.door.tree(command_id)
    return any(one.kind == "external" and one.status is Status.WAITING for one in tree)


def _pongs(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False
