"""A vendor's program with an event loop: what `Vendor` does with threads, awaited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest

from orchestrator.client import (
    AsyncVendor,
    AwaitedTask,
    Client,
    ConflictError,
    TaskFailed,
)
from orchestrator.core.access import Role
from tests.api.served import Served, served
from tests.ovirt.conftest import at_work


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("loop"), patience_s=10.0) as house, at_work(house.stage):
        yield house


@pytest.fixture(scope="module")
def caller(house: Served) -> Iterator[Client]:
    with Client(house.url, house.tokens.create("alice", Role.OPERATOR)) as client:
        yield client


@pytest.fixture(scope="module")
def token(house: Served) -> str:
    return house.tokens.create("acme", Role.VENDOR)


Play = Callable[[AsyncVendor, AwaitedTask], Awaitable[None]]


def played(house: Served, token: str, play: Play, lease_s: float = 60.0) -> str:
    """Has one task done as told, and gives its id."""

    async def run() -> str:
        async with AsyncVendor(house.url, token) as vendor:
            task = await vendor.task("Clone", lease_s=lease_s)
            async with task:
                await play(vendor, task)
            return task.id

    return asyncio.run(run())


def test_tasks_nest_and_end_with_their_blocks(house: Served, token: str, caller: Client) -> None:
    async def play(vendor: AsyncVendor, task: AwaitedTask) -> None:
        async with await vendor.task("Copy", parent=task) as copy:
            await copy.progress(40, "still copying")
        task.result = {"lun": 7}

    ended = caller.wait(played(house, token, play), 20, every_s=0.05)

    assert (ended["status"], ended["return_value"]) == ("succeeded", {"lun": 7})
    (copy,) = caller.tree(ended["id"])["parts_list"]
    assert (copy["status"], copy["label"]) == ("succeeded", "Copy")


def test_it_beats_beside_the_block(house: Served, token: str) -> None:
    beats: list[str] = []

    async def note(request: httpx.Request) -> None:
        beats.append(request.url.path.rpartition("/")[2])

    async def play(vendor: AsyncVendor, task: AwaitedTask) -> None:
        vendor.http.event_hooks["request"].append(note)
        while beats.count("heartbeat") < 3:
            await asyncio.sleep(0.01)

    played(house, token, play, lease_s=1.0)

    assert beats.count("heartbeat") >= 3


def test_a_stop_is_an_exception_and_ends_as_aborted() -> None:
    told: list[dict[str, str]] = []
    task = {"id": "t", "lease_s": None, "attempt": 0, "claim": None, "stop_requested": False}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            told.append(json.loads(request.content))
        return httpx.Response(200, json={**task, "stop_requested": bool(told)})

    async def run() -> None:
        async with (
            AsyncVendor("http://x", transport=httpx.MockTransport(answer)) as vendor,
            await vendor.task("Clone") as one,
        ):
            await one.progress(50)

    asyncio.run(run())

    assert told == [{"progress": 0.5}, {"status": "aborted", "message": "stopped"}]


def test_a_failure_is_told_in_its_words_and_others_go_on(
    house: Served, token: str, caller: Client
) -> None:
    async def fails(_: AsyncVendor, task: AwaitedTask) -> None:
        raise TaskFailed("no room")

    async def breaks(_: AsyncVendor, task: AwaitedTask) -> None:
        raise ZeroDivisionError(task.id)

    failed = caller.wait(played(house, token, fails), 20, every_s=0.05)
    with pytest.raises(ZeroDivisionError) as broken:
        played(house, token, breaks)
    told = caller.wait(str(broken.value), 20, every_s=0.05)

    assert (failed["status"], failed["message"]) == ("failed", "no room")
    assert (told["status"], told["message"]) == ("failed", f"ZeroDivisionError: {told['id']}")


def test_of_many_that_claim_at_once_each_task_is_one_programs(house: Served, token: str) -> None:
    async def run() -> list[str]:
        async with AsyncVendor(house.url, token) as vendor:
            for _ in range(5):
                await vendor.task("Offered", topic="many", lease_s=None)
            taken = await asyncio.gather(
                *(vendor.claim("many", wait_s=5, program=str(one)) for one in range(5))
            )
            return [task.id for tasks in taken for task in tasks]

    ids = asyncio.run(run())

    assert len(ids) == len(set(ids)) == 5


def test_a_task_that_was_ended_over_its_head_is_left_alone(
    house: Served, token: str, caller: Client
) -> None:
    async def play(vendor: AsyncVendor, task: AwaitedTask) -> None:
        async with await vendor.take_up(task.id) as same:
            same.result = 1
        with pytest.raises(ConflictError):
            await task.progress(10)
        task.leave()

    ended = caller.wait(played(house, token, play), 20, every_s=0.05)

    assert (ended["status"], ended["return_value"]) == ("succeeded", 1)
