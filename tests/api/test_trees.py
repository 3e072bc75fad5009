"""A whole tree of external tasks in one registration."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from orchestrator.core.access import Role
from orchestrator.testing import Stage
from tests.api.served import Served

TASKS = "/api/v1/external-tasks"
CLONE: dict[str, Any] = {
    "description": "Clone the disk",
    "tasks": [
        {"description": "Snapshot", "topic": "snap", "lease_s": 60, "data": {"lun": 7}},
        {
            "description": "Copy",
            "mode": "parallel",
            "tasks": [{"description": "Even", "weight": 3}, {"description": "Odd"}],
        },
        {"description": "Check", "best_effort": True},
    ],
}


def stored(client: httpx.Client, stage: Stage, **more: Any) -> dict[str, Any]:
    answer = client.post(TASKS, json={**CLONE, **more})
    assert answer.status_code == 201, answer.text
    stage.play()
    found: dict[str, Any] = answer.json()
    return found


def end(client: httpx.Client, stage: Stage, task: dict[str, Any], status: str) -> None:
    answer = client.patch(f"{TASKS}/{task['id']}", json={"status": status})
    assert answer.status_code == 200, answer.text
    stage.play()


def state(client: httpx.Client, task: dict[str, Any]) -> str:
    said: str = client.get(f"{TASKS}/{task['id']}").json()["state"]
    return said


def test_a_tree_is_stored_at_once_and_runs_in_its_order(vendor: httpx.Client, stage: Stage) -> None:
    tree = stored(vendor, stage)
    snapshot, copy, check = tree["tasks"]
    even, odd = copy["tasks"]

    first = vendor.get(f"{TASKS}/{snapshot['id']}").json()
    assert (first["topic"], first["lease_s"], first["data"]) == ("snap", 60, {"lun": 7})
    assert (first["vendor"], first["parent_id"]) == ("acme", tree["id"])
    assert (state(vendor, tree), state(vendor, copy)) == ("started", "waiting")
    assert vendor.patch(f"{TASKS}/{odd['id']}", json={"progress": 0.5}).status_code == 409

    end(vendor, stage, snapshot, "succeeded")
    assert state(vendor, copy) == "started"
    for task, status in ((odd, "succeeded"), (even, "succeeded"), (check, "failed")):
        end(vendor, stage, task, status)
    assert [state(vendor, one) for one in (tree, copy, check)] == [
        "completed",
        "completed",
        "failed",
    ]


def test_the_same_tree_under_the_same_key_has_the_same_ids(
    vendor: httpx.Client, stage: Stage
) -> None:
    key = {"Idempotency-Key": "tree-1"}
    first = vendor.post(TASKS, json=CLONE, headers=key)
    again = vendor.post(TASKS, json=CLONE, headers=key)
    other = vendor.post(TASKS, json={**CLONE, "tasks": CLONE["tasks"][:2]}, headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert first.json()["tasks"] == again.json()["tasks"]


def test_nobody_reports_on_a_task_that_ends_as_its_sub_tasks_do(
    vendor: httpx.Client, stage: Stage
) -> None:
    tree = stored(vendor, stage)

    answer = vendor.patch(f"{TASKS}/{tree['id']}", json={"status": "succeeded"})

    assert answer.status_code == 409
    assert "report on those" in answer.json()["detail"]


def nested(levels: int) -> list[dict[str, Any]]:
    task: dict[str, Any] = {"description": "leaf"}
    for _ in range(levels - 1):
        task = {"description": "level", "tasks": [task]}
    return [task]


@pytest.mark.parametrize(
    ("tasks", "word"),
    [
        (nested(10), "nested deeper than 10"),
        (nested(90), "nested deeper than 10"),
        ([{"description": "one"}] * 1001, "more than 1000"),
        ([{"description": "  "}], "tasks.0.description"),
        ([{"description": "x", "parent": "y"}], "tasks.0.parent"),
        ([{"description": "x", "mode": "parallel"}], "mode"),
        ([{"description": "x", "lease_s": 5, "tasks": nested(1)}], "lease_s"),
        ([7], "tasks.0"),
        ("x", "tasks"),
    ],
)
def test_a_tree_that_is_too_large_or_says_nonsense_is_refused(
    vendor: httpx.Client, tasks: Any, word: str
) -> None:
    answer = vendor.post(TASKS, json={"description": "x", "tasks": tasks})

    assert answer.status_code == 422
    assert word in answer.json()["detail"]


def test_the_largest_trees_are_taken(vendor: httpx.Client) -> None:
    for tasks in (nested(9), [{"description": "one"}] * 1000):
        answer = vendor.post(TASKS, json={"description": "x", "tasks": tasks})
        assert answer.status_code == 201, answer.text


def test_a_tree_may_be_added_where_one_task_may_and_nowhere_else(
    vendor: httpx.Client, house: Served, stage: Stage
) -> None:
    rival = house.client("globex", Role.VENDOR)
    mine = stored(vendor, stage, open_to=["globex"])
    closed = mine["tasks"][0]

    assert stored(rival, stage, parent=mine["id"])["vendor"] == "globex"
    refused = rival.post(TASKS, json={**CLONE, "parent": closed["id"]})
    assert refused.status_code in (403, 404)
    assert rival.post(TASKS, json={**CLONE, "vendor": "acme"}).status_code == 403


def test_where_a_bar_may_fall_the_view_says_so_in_words(
    vendor: httpx.Client, viewer: httpx.Client, stage: Stage
) -> None:
    task = vendor.post(TASKS, json={"description": "silent"}).json()["id"]
    stage.play()

    def seen() -> list[tuple[float | None, str | None]]:
        shown = viewer.get(f"/api/v1/commands/{task}").json()
        listed = viewer.get("/api/v1/commands", params={"limit": 500}).json()["items"]
        tree = viewer.get(f"/api/v1/commands/{task}/tree").json()
        return [
            (one["progress"], one["progress_note"])
            for one in (shown, tree, *listed)
            if one["id"] == task
        ]

    alone = seen()
    first = vendor.post(TASKS, json={"description": "a", "parent": task}).json()["id"]
    stage.play()
    vendor.patch(f"{TASKS}/{first}", json={"progress": 0.8})
    one = seen()
    vendor.post(TASKS, json={"description": "b", "parent": task})
    stage.play()
    two = seen()
    vendor.patch(f"{TASKS}/{task}", json={"progress": 0.7})
    told = seen()
    vendor.post(TASKS, json={"description": "c", "parent": task})
    stage.play()

    words = "mean of its {} sub-tasks so far; falls when one is added"
    assert alone == [(None, None)] * 3
    assert one == [(0.8, words.format(1))] * 3
    assert two == [(0.4, words.format(2))] * 3
    assert told == seen() == [(0.7, None)] * 3
