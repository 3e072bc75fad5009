"""Reports that meet: two ends at once, a late word of an earlier life, a truth after we gave up."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest

from orchestrator import TaskStatus
from orchestrator.core.asynctask import TaskReport
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.api.test_external import TASKS, patched, registered

DUELLISTS = 50


def test_of_fifty_different_ends_at_once_one_is_taken(vendor: httpx.Client, stage: Stage) -> None:
    for _ in range(3):
        task = registered(vendor, stage)
        ready = Barrier(DUELLISTS)

        def tell(
            number: int, task: dict[str, Any] = task, ready: Barrier = ready
        ) -> httpx.Response:
            ready.wait()
            status = ("succeeded", "failed", "aborted")[number % 3]
            return patched(vendor, task, status=status, message=f"word {number}")

        with ThreadPoolExecutor(DUELLISTS) as duellists:
            answers = list(duellists.map(tell, range(DUELLISTS)))
        stage.play()

        taken = [one.json() for one in answers if one.status_code == 200]
        refused = {one.json()["detail"] for one in answers if one.status_code == 409}
        stands = vendor.get(f"{TASKS}/{task['id']}").json()
        assert Counter(one.status_code for one in answers) == {200: 1, 409: DUELLISTS - 1}
        assert taken[0]["message"] == stands["message"] or stands["status"] == "succeeded"
        assert all(f"has ended ({stands['task_status']})" in one for one in refused)


def test_a_late_report_of_an_earlier_life_is_refused(
    vendor: httpx.Client, operator: httpx.Client, stage: Stage
) -> None:
    first = registered(vendor, stage)
    patched(vendor, first, status="failed")
    stage.play()
    operator.post(f"/api/v1/commands/{first['id']}/restart")
    stage.play()

    late = patched(vendor, first, status="succeeded", attempt=first["attempt"])
    tag = {"If-Match": f'"{first["attempt"]}"'}
    beat = vendor.post(f"{TASKS}/{first['id']}/heartbeat", headers=tag)
    shown = vendor.get(f"{TASKS}/{first['id']}")
    now = patched(vendor, first, status="succeeded", attempt=shown.json()["attempt"])

    assert (late.status_code, beat.status_code, now.status_code) == (409, 409, 200)
    assert "was begun anew" in late.json()["detail"]
    assert shown.headers["ETag"] == f'"{shown.json()["attempt"]}"'
    assert shown.json()["attempt"] > first["attempt"]


@pytest.mark.parametrize("tag", ["x", '"', "-1", "9" * 30])
def test_an_etag_that_is_none_is_refused(vendor: httpx.Client, stage: Stage, tag: str) -> None:
    task = registered(vendor, stage)

    answer = vendor.post(f"{TASKS}/{task['id']}/heartbeat", headers={"If-Match": tag})

    assert answer.status_code == 422


def test_a_truth_that_comes_after_we_gave_up_leads_out(vendor: httpx.Client, stage: Stage) -> None:
    task = registered(vendor, stage, lease_s=60)
    patched(vendor, task, progress=0.2)
    lost = stage.orchestrator.tasks([task["id"]])[-1]
    report = TaskReport(
        system="vendor", scope="acme", task_id=lost.task_id, status=TaskStatus.LOST, message="gone"
    )
    stage.orchestrator.report([report])
    given_up = vendor.get(f"{TASKS}/{task['id']}").json()

    alive = patched(vendor, task, progress=0.3).json()
    told = patched(vendor, task, status="succeeded", result={"lun": 7}).json()
    stage.play()

    assert (given_up["status"], given_up["state"]) == ("needs_attention", "unknown")
    assert (alive["status"], alive["task_status"]) == ("waiting", "running")
    assert told["state"] == "completed"
    assert stage.orchestrator.value(task["id"]) == {"lun": 7}


def test_the_end_of_a_stale_task_is_taken_at_once(vendor: httpx.Client, stage: Stage) -> None:
    task = registered(vendor, stage, lease_s=60)
    patched(vendor, task, progress=0.2)
    stage.turn(timedelta(seconds=61))
    assert stage.orchestrator.get(task["id"]).status is Status.NEEDS_ATTENTION

    patched(vendor, task, status="failed", message="the array is full")
    stage.play()

    assert stage.orchestrator.get(task["id"]).status is Status.FAILED


def test_a_told_parent_takes_no_sub_task(vendor: httpx.Client, stage: Stage) -> None:
    top = registered(vendor, stage)
    sub = registered(vendor, stage, parent=top["id"])
    patched(vendor, top, status="succeeded")

    late = vendor.post(TASKS, json={"description": "late", "parent": top["id"]})
    patched(vendor, sub, status="succeeded")
    stage.play()

    assert late.status_code == 409
    assert "was reported to have succeeded" in late.json()["detail"]
    assert stage.orchestrator.get(top["id"]).status is Status.SUCCEEDED


def test_waiting_and_working_are_told_apart(vendor: httpx.Client, stage: Stage) -> None:
    top = registered(vendor, stage)
    sub = registered(vendor, stage, parent=top["id"])

    states = [top["state"], sub["state"]]
    states += [patched(vendor, one, progress=0.0).json()["state"] for one in (top, sub)]
    states += [patched(vendor, one, status="failed").json()["state"] for one in (sub, top)]

    assert states == ["waiting", "waiting", "started", "running", "failed", "failed"]
