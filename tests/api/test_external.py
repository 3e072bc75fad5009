"""External tasks: a vendor's day at the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from orchestrator.core.access import Role
from orchestrator.testing import Stage
from tests.api.served import Guarded, Note, Served

TASKS = "/api/v1/external-tasks"


def registered(client: httpx.Client, stage: Stage, **body: Any) -> dict[str, Any]:
    """Registers a task whose turn has come."""
    answer = client.post(TASKS, json={"description": "Clone it", **body})
    assert answer.status_code == 201, answer.text
    stage.play()
    found: dict[str, Any] = client.get(f"{TASKS}/{answer.json()['id']}").json()
    return found


def patched(client: httpx.Client, task: dict[str, Any], **news: Any) -> httpx.Response:
    return client.patch(f"{TASKS}/{task['id']}", json=news)


def test_a_vendor_finds_the_task_that_a_plan_has_for_it(vendor: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="vm-find"))
    stage.play()

    found = vendor.get(TASKS, params={"status": "waiting"}).json()["items"]

    task = next(one for one in found if one["root_id"] == command_id)
    assert (task["vendor"], task["description"], task["task_status"]) == (
        "acme",
        "Guard it",
        "running",
    )
    assert (task["status"], task["stale"], task["stop_requested"]) == ("waiting", False, False)


def test_reports_move_the_task_and_its_end_lets_the_plan_go_on(
    vendor: httpx.Client, stage: Stage
) -> None:
    command_id = stage.submit(Guarded(vm="vm-go"))
    stage.play()
    task = vendor.get(f"{TASKS}/{command_id[:8]}.2").json()

    moving = patched(vendor, task, progress=0.4, message="copying").json()
    done = patched(vendor, task, status="succeeded", result={"lun": 7}).json()
    stage.play()

    assert (moving["progress"], moving["message"]) == (0.4, "copying")
    assert (done["status"], done["task_status"]) == ("succeeded", "succeeded")
    assert stage.orchestrator.get(command_id).status == "succeeded"
    assert stage.orchestrator.value(task["id"]) == {"lun": 7}


def test_a_task_may_be_a_job_of_its_own(vendor: httpx.Client, stage: Stage) -> None:
    task = registered(vendor, stage, data={"size": 3}, lease_s=60, timeout_s=600)

    assert task["parent_id"] is None
    assert (task["vendor"], task["data"], task["lease_s"]) == ("acme", {"size": 3}, 60)
    assert task["deadline"] is not None


def test_a_failed_task_fails_its_job_with_the_vendors_words(
    vendor: httpx.Client, stage: Stage
) -> None:
    task = registered(vendor, stage)

    patched(vendor, task, status="failed", message="the array is full")
    stage.play()

    command = stage.orchestrator.get(task["id"])
    assert (command.status, command.message) == ("failed", "the array is full")


def test_tasks_are_nested_under_commands_and_tasks(vendor: httpx.Client, stage: Stage) -> None:
    top = registered(vendor, stage)
    middle = registered(vendor, stage, parent=top["id"])
    leaf = registered(vendor, stage, parent=middle["id"])

    for task in (leaf, middle, top):
        assert patched(vendor, task, status="succeeded").status_code == 200
        stage.play()

    assert (leaf["root_id"], leaf["parent_id"]) == (top["id"], middle["id"])
    assert stage.orchestrator.get(top["id"]).status == "succeeded"


def test_the_vendors_word_for_its_progress_stays_when_sub_tasks_are_added(
    vendor: httpx.Client, stage: Stage
) -> None:
    top = registered(vendor, stage, weight=3)
    patched(vendor, top, progress=0.6)

    registered(vendor, stage, parent=top["id"])
    shown = vendor.get(f"{TASKS}/{top['id']}").json()
    command = vendor.get(f"/api/v1/commands/{top['id']}").json()

    assert (shown["progress"], shown["sub_tasks"], shown["weight"]) == (0.6, 1, 3)
    assert (command["progress"], command["weight"]) == (0.6, 3)


def test_a_task_ends_only_after_its_sub_tasks(vendor: httpx.Client, stage: Stage) -> None:
    top = registered(vendor, stage)
    sub = registered(vendor, stage, parent=top["id"])

    early = patched(vendor, top, status="succeeded").json()
    patched(vendor, sub, status="succeeded")
    stage.play()

    assert (early["status"], early["task_status"]) == ("waiting", "succeeded")
    assert stage.orchestrator.get(top["id"]).status == "succeeded"


def test_nothing_is_nested_under_what_has_ended(vendor: httpx.Client, stage: Stage) -> None:
    ended = registered(vendor, stage)
    patched(vendor, ended, status="succeeded")
    stage.play()

    answer = vendor.post(TASKS, json={"description": "late", "parent": ended["id"]})

    assert answer.status_code == 409
    assert "is succeeded; parts can be added only while" in answer.json()["detail"]


@pytest.mark.parametrize("nested", [False, True])
def test_the_same_key_registers_once(vendor: httpx.Client, stage: Stage, nested: bool) -> None:
    parent = {"parent": registered(vendor, stage)["id"]} if nested else {}
    key = {"Idempotency-Key": f"register-{nested}"}
    body = {"description": "once", **parent}

    first = vendor.post(TASKS, json=body, headers=key)
    second = vendor.post(TASKS, json=body, headers=key)
    other = vendor.post(TASKS, json={**body, "description": "two"}, headers=key)

    assert (first.status_code, second.status_code, other.status_code) == (201, 201, 409)
    assert first.json()["id"] == second.json()["id"]


def test_the_same_end_may_be_told_twice_but_no_other(vendor: httpx.Client, stage: Stage) -> None:
    task = registered(vendor, stage)
    news = {"status": "succeeded", "result": {"n": 1}}

    first = patched(vendor, task, **news)
    again = patched(vendor, task, **news)
    other = patched(vendor, task, status="failed")
    progress = patched(vendor, task, progress=0.5)
    beat = vendor.post(f"{TASKS}/{task['id']}/heartbeat")

    assert [one.status_code for one in (first, again, other, progress, beat)] == [
        200,
        200,
        409,
        409,
        409,
    ]
    assert "has ended (succeeded)" in other.json()["detail"]


def test_a_task_whose_turn_has_not_come_takes_no_reports(
    vendor: httpx.Client, stage: Stage
) -> None:
    command_id = stage.submit(Guarded(vm="vm-early"))
    early = {"id": f"{command_id[:8]}.2"}

    answer = patched(vendor, early, progress=0.1)

    assert answer.status_code == 409
    assert "has not begun" in answer.json()["detail"]
    shown = vendor.get(f"{TASKS}/{early['id']}").json()
    assert (shown["vendor"], shown["status"], shown["task_status"]) == ("acme", "pending", None)


def test_silence_past_the_lease_is_shown_and_a_beat_ends_it(
    vendor: httpx.Client, stage: Stage
) -> None:
    task = registered(vendor, stage, lease_s=60)
    vendor.post(f"{TASKS}/{task['id']}/heartbeat")

    stage.turn(timedelta(seconds=61))
    silent = vendor.get(f"{TASKS}/{task['id']}").json()
    spoken = vendor.post(f"{TASKS}/{task['id']}/heartbeat").json()

    assert (silent["status"], silent["stale"]) == ("needs_attention", True)
    assert "stale" in silent["message"]
    assert (spoken["status"], spoken["stale"]) == ("waiting", False)


def test_a_heartbeat_keeps_the_lease_and_what_was_said(vendor: httpx.Client, stage: Stage) -> None:
    task = registered(vendor, stage, lease_s=60)
    patched(vendor, task, progress=0.5, message="half")

    for _ in range(3):
        stage.turn(timedelta(seconds=40))
        assert vendor.post(f"{TASKS}/{task['id']}/heartbeat").status_code == 200
    shown = vendor.get(f"{TASKS}/{task['id']}").json()

    assert (shown["status"], shown["progress"], shown["message"]) == ("waiting", 0.5, "half")


def test_a_stop_is_seen_by_the_vendor_and_ended_by_its_word(
    operator: httpx.Client, vendor: httpx.Client, stage: Stage
) -> None:
    task = registered(vendor, stage)

    operator.post(f"/api/v1/commands/{task['id']}/stop", json={"reason": "enough"})
    seen = patched(vendor, task, progress=0.9).json()
    patched(vendor, task, status="aborted")
    stage.play()

    assert seen["stop_requested"] is True
    assert stage.orchestrator.get(task["id"]).status == "stopped"


def test_a_vendor_speaks_for_itself_only(
    vendor: httpx.Client, admin: httpx.Client, house: Served, stage: Stage
) -> None:
    other = house.client("globex", Role.VENDOR)
    task = registered(vendor, stage)

    refused = patched(other, task, status="succeeded")
    pretended = other.post(TASKS, json={"description": "x", "vendor": "acme"})
    seen = other.get(TASKS).json()["items"]
    for_all = patched(admin, task, status="succeeded")

    assert (refused.status_code, pretended.status_code) == (404, 403)
    assert "not for 'acme'" in pretended.json()["detail"]
    assert seen == []
    assert for_all.status_code == 200


@pytest.mark.parametrize(
    "news",
    [{"progress": 1.5}, {"progress": -0.1}, {"status": "lost"}, {"state": "x"}, {"progress": "x"}],
)
def test_news_that_mean_nothing_are_refused(
    vendor: httpx.Client, stage: Stage, news: dict[str, Any]
) -> None:
    task = registered(vendor, stage)

    assert patched(vendor, task, **news).status_code == 422


@pytest.mark.parametrize("body", [{}, {"description": ""}, {"description": "x", "lease_s": 0}])
def test_a_task_that_means_nothing_is_refused(vendor: httpx.Client, body: dict[str, Any]) -> None:
    assert vendor.post(TASKS, json=body).status_code == 422


def test_an_admin_must_say_which_vendor(admin: httpx.Client) -> None:
    assert admin.post(TASKS, json={"description": "x"}).status_code == 422


def test_a_command_that_is_no_external_task_is_not_found(admin: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Note())

    answer = admin.get(f"{TASKS}/{command_id}")

    assert answer.status_code == 404
    assert "is not an external task" in answer.json()["detail"]


def test_tasks_come_by_the_page(house: Served, stage: Stage) -> None:
    paged = house.client("paged", Role.VENDOR)
    ids = {registered(paged, stage)["id"] for _ in range(5)}
    seen: list[str] = []
    cursor: dict[str, str] = {}

    while True:
        page = paged.get(TASKS, params={"limit": 2, **cursor}).json()
        seen.extend(one["id"] for one in page["items"])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert len(seen) == 5
    assert set(seen) == ids
