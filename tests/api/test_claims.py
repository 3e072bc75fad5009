"""Work comes to the vendor: tasks are taken by one program each, and many are reported on at once."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import httpx
import pytest

from orchestrator.core.access import Role
from orchestrator.testing import Stage
from tests.api.served import Served
from tests.api.test_external import TASKS, registered

PROGRAMS = 8


@pytest.fixture
def fetcher(house: Served) -> httpx.Client:
    """A vendor of its own for each test, so that no task of another is in its way."""
    return house.client(f"fetcher-{time.monotonic_ns()}", Role.VENDOR)


def claimed(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    answer = client.post(f"{TASKS}/claim", json=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_of_programs_that_ask_at_once_no_two_are_given_the_same(
    fetcher: httpx.Client, stage: Stage
) -> None:
    ids = {registered(fetcher, stage)["id"] for _ in range(20)}
    ready = Barrier(PROGRAMS)

    def work(number: int) -> list[str]:
        ready.wait()
        done: list[str] = []
        while found := claimed(fetcher, limit=2, program=f"p{number}"):
            done += [one["id"] for one in found]
        return done

    with ThreadPoolExecutor(PROGRAMS) as programs:
        taken = [one for done in programs.map(work, range(PROGRAMS)) for one in done]

    assert Counter(taken) == Counter(ids)


def test_a_program_asks_for_its_topics(fetcher: httpx.Client, stage: Stage) -> None:
    clone = registered(fetcher, stage, topic="clone")
    registered(fetcher, stage, topic="resize")

    found = claimed(fetcher, topics=["clone", "copy"], limit=5)

    assert [(one["id"], one["topic"], one["state"]) for one in found] == [
        (clone["id"], "clone", "started")
    ]


def test_who_falls_silent_loses_the_task_and_is_told_so(
    fetcher: httpx.Client, stage: Stage
) -> None:
    task = registered(fetcher, stage)
    (first,) = claimed(fetcher, program="one", lease_s=60)
    path = f"{TASKS}/{task['id']}"
    stage.turn(timedelta(seconds=40))
    kept = fetcher.patch(path, json={"progress": 0.5, "claim": first["claim"]})
    stage.turn(timedelta(seconds=40))
    too_early = claimed(fetcher, program="two")
    stage.turn(timedelta(seconds=21))

    (second,) = claimed(fetcher, program="two")
    late = fetcher.patch(path, json={"status": "failed", "claim": first["claim"]})
    by_tag = fetcher.post(f"{path}/heartbeat", headers={"If-Match": kept.headers["ETag"]})
    done = fetcher.patch(path, json={"status": "succeeded", "claim": second["claim"]})

    assert (kept.status_code, too_early) == (200, [])
    assert (second["claim"], second["claimed_by"]) == (2, "two")
    assert (late.status_code, by_tag.status_code, done.status_code) == (409, 409, 200)
    assert "is not yours any more" in late.json()["detail"]


def test_who_works_without_a_claim_is_left_alone(fetcher: httpx.Client, stage: Stage) -> None:
    task = registered(fetcher, stage)
    fetcher.patch(f"{TASKS}/{task['id']}", json={"progress": 0.1})

    assert claimed(fetcher) == []


def test_a_program_waits_for_work(fetcher: httpx.Client, stage: Stage) -> None:
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(claimed, fetcher, wait_s=15)
        task = registered(fetcher, stage)
        found = waiting.result()

    assert [one["id"] for one in found] == [task["id"]]


def test_a_vendor_claims_its_own_alone(fetcher: httpx.Client, house: Served, stage: Stage) -> None:
    registered(fetcher, stage)
    rival = house.client(f"rival-{time.monotonic_ns()}", Role.VENDOR)
    vendor = fetcher.get("/api/v1/whoami").json()["vendor"]

    assert claimed(rival) == []
    assert rival.post(f"{TASKS}/claim", json={"vendor": vendor}).status_code == 403


def test_many_are_reported_on_at_once_and_each_is_answered(
    fetcher: httpx.Client, vendor: httpx.Client, stage: Stage
) -> None:
    ours = [registered(fetcher, stage)["id"] for _ in range(3)]
    others = registered(vendor, stage)["id"]
    news = [
        {"id": ours[0], "progress": 0.5},
        {"id": ours[1], "status": "succeeded"},
        {"id": ours[1], "status": "failed"},
        {"id": others, "status": "failed"},
        {"id": str(UUID(int=0)), "status": "failed"},
        {"id": ours[2], "status": "failed", "message": "full", "attempt": 99},
    ]

    answers = fetcher.post(f"{TASKS}/bulk", json={"reports": news}).json()["items"]

    assert [one["status"] for one in answers] == [200, 200, 409, 404, 404, 409]
    assert answers[0]["task"]["stop_requested"] is False
    assert stage.orchestrator.get(others).status == "waiting"
