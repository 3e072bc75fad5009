"""The library of callers and vendors, against a real API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import httpx
import pytest

from orchestrator.client import (
    AsyncClient,
    BadRequestError,
    Client,
    ConflictError,
    NotAllowedError,
    NotFoundError,
    NotLoggedInError,
    StopRequested,
    Task,
    TaskFailed,
    UnavailableError,
    Vendor,
)
from orchestrator.core.access import Role
from tests.api.served import Served, served
from tests.ovirt.conftest import at_work
from tests.services import until


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("client"), patience_s=10.0) as house, at_work(house.stage):
        yield house


@pytest.fixture(scope="module")
def caller(house: Served) -> Iterator[Client]:
    with Client(house.url, house.tokens.create("alice", Role.OPERATOR)) as client:
        yield client


@pytest.fixture(scope="module")
def vendor(house: Served) -> Iterator[Vendor]:
    with Vendor(house.url, house.tokens.create("acme", Role.VENDOR)) as client:
        yield client


def test_a_command_is_submitted_once_for_a_key_and_waited_for(caller: Client) -> None:
    first = caller.submit("test.note", {"text": "x"}, idempotency_key="k")
    again = caller.submit("test.note", {"text": "x"}, idempotency_key="k")

    ended = caller.wait(first["id"], 20, every_s=0.05)

    assert again["id"] == first["id"]
    assert (ended["status"], ended["return_value"]) == ("succeeded", "x")
    assert caller.tree(first["id"])["parts_list"] == []


def test_each_problem_is_an_exception_of_its_own(house: Served, caller: Client) -> None:
    ended = caller.wait(caller.submit("test.note")["id"], 20, every_s=0.05)["id"]
    stranger, nowhere = Client(house.url, "wrong"), Client("http://127.0.0.1:9", retry_s=0)
    acts: list[tuple[type[Exception], Callable[[], object]]] = [
        (NotFoundError, lambda: caller.show("11111111-1111-1111-1111-111111111111")),
        (ConflictError, lambda: caller.restart(ended)),
        (NotLoggedInError, stranger.commands),
        (NotAllowedError, lambda: caller.submit("test.note", owner="bob")),
        (UnavailableError, nowhere.commands),
    ]

    with stranger, nowhere:
        for kind, act in acts:
            with pytest.raises(kind):
                act()
    with pytest.raises(BadRequestError) as caught:
        caller.submit("test.note", {"text": 7})
    assert caught.value.fields[0][0] == "text"


def test_a_claimed_task_without_a_lease_beats_for_its_claim(vendor: Vendor) -> None:
    vendor.task("Scrub the pool", topic="scrub", lease_s=None)

    (claimed,) = vendor.claim("scrub", lease_s=3.0, wait_s=10.0)

    with claimed:
        first = claimed.told
        until(lambda: claimed.told is not first, what="a heartbeat")


def test_a_vendors_tasks_nest_and_end_with_their_blocks(caller: Client, vendor: Vendor) -> None:
    with vendor.task("Clone it") as clone:
        with vendor.task("Copy it", parent=clone) as copy:
            copy.progress(40, "x" * 5000)
            shown = vendor.show(copy.id)
        clone.result = {"lun": 7}

    ended = caller.wait(clone.id, 20, every_s=0.05)
    assert (shown["progress"], len(shown["message"])) == (0.4, 2000)
    assert (ended["status"], ended["return_value"]) == ("succeeded", {"lun": 7})


def test_a_failure_is_told_in_its_words(caller: Client, vendor: Vendor) -> None:
    with vendor.task("Says why") as said:
        raise TaskFailed("the array is full")
    with pytest.raises(ZeroDivisionError), vendor.task("Breaks") as broke:
        broke.result = 1 / 0

    ended = [caller.wait(one.id, 20, every_s=0.05) for one in (said, broke)]
    assert [one["status"] for one in ended] == ["failed", "failed"]
    assert ended[0]["message"] == "the array is full"
    assert ended[1]["message"] == "ZeroDivisionError: division by zero"


def test_a_task_that_was_ended_over_its_head_is_heard_of_between_reports(
    caller: Client, vendor: Vendor
) -> None:
    def is_over(task: Task) -> bool:
        try:
            task.check()
        except (ConflictError, StopRequested):
            return True
        return False

    task = vendor.task("Long", lease_s=0.3)

    def work() -> None:
        with task:
            caller.stop(task.id)
            until(lambda: is_over(task), what="a heartbeat hears of it")
            task.check()

    with pytest.raises(ConflictError):
        work()

    assert caller.wait(task.id, 20, every_s=0.05)["status"] == "stopped"


def test_a_result_that_nobody_can_keep_is_cut_and_the_end_is_told(
    caller: Client, vendor: Vendor
) -> None:
    endless: list[object] = []
    for _ in range(150):
        endless = [endless]
    ids = []
    for result in (endless, "x" * 3_000_000, float("nan"), {"a": object()}, 2**80):
        with vendor.task("Odd result") as task:
            task.result = result
        ids.append(task.id)

    assert {caller.wait(one, 20, every_s=0.05)["status"] for one in ids} == {"succeeded"}


def test_a_task_that_was_left_is_taken_up(caller: Client, vendor: Vendor) -> None:
    with vendor.task("Left") as task:
        task.leave()

    with vendor.take_up(task.id) as again:
        again.progress(50)

    assert caller.wait(task.id, 20, every_s=0.05)["status"] == "succeeded"


def test_what_is_repeated_bears_one_key_and_every_call_another(house: Served) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("idempotency-key"))
        status = 503 if len(seen) % 2 else 201
        return httpx.Response(status, json={"id": "x", "detail": "busy", "items": []})

    vendor = Vendor(house.url, transport=httpx.MockTransport(answer))
    vendor.submit("test.note")
    vendor.stop("x")
    vendor.stop("x")
    vendor.claim("copy")

    assert None not in seen
    assert [seen[at] == seen[at + 1] for at in range(0, 8, 2)] == [True] * 4
    assert len(set(seen)) == 4


def test_the_same_with_an_event_loop(house: Served) -> None:
    async def play() -> str:
        token = house.tokens.create("async", Role.OPERATOR)
        async with AsyncClient(house.url, token) as client:
            command = await client.submit("test.note", {"text": "y"})
            ended = await client.wait(command["id"], 20, every_s=0.05)
            with pytest.raises(ConflictError):
                await client.restart(command["id"])
            return str(ended["status"])

    assert asyncio.run(play()) == "succeeded"
