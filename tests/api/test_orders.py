"""What may be ordered, by whom, what it would do; and orders to many at once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from orchestrator import TaskStatus
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import ConflictError
from orchestrator.core.status import Status
from orchestrator.engine import control
from orchestrator.engine.work import UnitOfWork
from orchestrator.testing import Stage
from tests.api.served import Broken, Guarded, Note

COMMANDS = "/api/v1/commands"


def guarded(stage: Stage, vm: str) -> tuple[str, str]:
    """Has a command wait for its vendor; gives its id and that of the vendor's part."""
    command = stage.submit(Guarded(vm=vm))
    stage.play()
    tree = stage.orchestrator.tree(command)
    return command, next(one.command_id for one in tree if one.label == "Guard it")


def test_a_viewer_is_told_why_it_may_not(
    viewer: httpx.Client, operator: httpx.Client, vendor: httpx.Client, stage: Stage
) -> None:
    command, part = guarded(stage, "vm-viewed")

    seen = viewer.get(f"{COMMANDS}/{command}").json()
    listed = viewer.get(COMMANDS, params={"entity": "vm-viewed"}).json()["items"][0]
    may = operator.get(f"{COMMANDS}/{command}").json()
    reports = vendor.get(f"{COMMANDS}/{part}").json()

    why = "'victor' has the role viewer; to operate takes the role admin or operator"
    assert seen["actions"] == listed["actions"] == []
    assert seen["refused"] == listed["refused"]
    assert seen["refused"]["stop"] == why
    assert seen["refused"]["resolve"] == may["refused"]["resolve"]  # nobody may, just now
    assert may["actions"] == ["stop"]
    assert may["refused"]["resolve"].startswith("only what needs attention")
    assert reports["actions"] == []
    assert "did not submit this tree" in reports["refused"]["stop"]


def test_a_preview_says_what_a_stop_does(operator: httpx.Client, stage: Stage) -> None:
    command, _ = guarded(stage, "vm-previewed")

    shown = operator.get(f"{COMMANDS}/{command}/preview", params={"verb": "stop"}).json()

    assert shown["allowed"] is True
    assert (shown["stops"], shown["frees"]) == (2, ["vm:vm-previewed"])
    assert shown["asks"] == [{"system": "vendor", "scope": "acme", "tasks": 1}]
    assert shown["sentence"] == "stops 2 parts, frees 1 lock, asks acme to stop"
    again = operator.get(f"{COMMANDS}/{command}/preview", params={"verb": "restart"}).json()
    assert (again["allowed"], again["stops"]) == (False, 0)
    assert operator.get(f"{COMMANDS}/{command}/preview?verb=explode").status_code == 422


def test_a_preview_of_a_restart_counts_what_is_done_again(
    operator: httpx.Client, stage: Stage
) -> None:
    command = stage.submit(Broken())
    stage.play()

    shown = operator.get(f"{COMMANDS}/{command}/preview", params={"verb": "restart"}).json()

    assert (shown["allowed"], shown["redoes"]) == (True, 2)
    assert shown["sentence"] == "does again 2 parts"


def test_many_are_stopped_by_a_query_after_a_trial(operator: httpx.Client, stage: Stage) -> None:
    ids = {guarded(stage, f"vm-many-{number}")[0] for number in range(3)}
    other, _ = guarded(stage, "vm-other")
    order = {"verb": "stop", "query": {"q": "guard vm-many"}, "reason": "wrong host"}

    trial = operator.post(f"{COMMANDS}/bulk", json={**order, "dry_run": True}).json()
    before = {stage.orchestrator.get(one).status for one in ids}
    done = operator.post(f"{COMMANDS}/bulk", json=order).json()
    stage.play()
    again = operator.post(f"{COMMANDS}/bulk", json=order).json()

    assert {one["id"] for one in trial["items"]} == ids
    assert (trial["done"], before) == (3, {Status.WAITING})
    assert (done["done"], done["refused"], done["more"]) == (3, 0, False)
    assert all(stage.orchestrator.get(one).stopping for one in ids)
    assert stage.orchestrator.get(other).stopping is None
    assert again["refused"] in (0, 3)
    deeds = operator.get("/api/v1/audit", params={"verb": "stop", "limit": 3}).json()["items"]
    assert {(one["actor"], one["reason"]) for one in deeds} == {("alice", "wrong host")}


def test_each_of_many_has_its_own_result(operator: httpx.Client, stage: Stage) -> None:
    live, _ = guarded(stage, "vm-live")
    ended = stage.submit(Note())
    stage.play()

    answer = operator.post(
        f"{COMMANDS}/bulk", json={"verb": "stop", "ids": [live, ended, "ffffffff", live]}
    ).json()

    results = {one["id"]: (one["done"], one["refused"]) for one in answer["items"]}
    assert len(answer["items"]) == 3
    assert results[live] == (True, None)
    assert results[ended][0] is False
    assert "nothing to stop" in results[ended][1]
    assert "there is no command" in results["ffffffff"][1]
    assert (answer["done"], answer["refused"]) == (1, 2)


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "each of many"}], ids=["", "keyed"])
def test_one_that_is_refused_at_the_last_moment_takes_no_other_back(
    operator: httpx.Client,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
) -> None:
    first, second, third = (stage.submit(Note()) for _ in range(3))

    def refuse(unit: UnitOfWork, seen: CommandEntity) -> None:
        if seen.command_id == second:
            raise ConflictError("its parts have just begun")

    monkeypatch.setattr(control, "_check_no_part_runs", refuse)
    order = {"verb": "skip", "ids": [first, second, third], "reason": "not needed"}
    answer = operator.post(f"{COMMANDS}/bulk", json=order, headers=headers).json()

    assert [one["done"] for one in answer["items"]] == [True, False, True]
    ends = [stage.orchestrator.get(one).status for one in (first, second, third)]
    assert ends == [Status.SKIPPED, Status.READY, Status.SKIPPED]


def test_all_that_is_stuck_is_resolved_by_one_order(operator: httpx.Client, stage: Stage) -> None:
    found = [guarded(stage, f"vm-stuck-{number}") for number in range(2)]
    for _, part in found:
        stage.report(part, TaskStatus.LOST, message="gone")
    order: dict[str, Any] = {
        "verb": "resolve",
        "outcome": "succeeded",
        "query": {"status": "needs_attention"},
        "reason": "looked, and they are there",
    }

    answer = operator.post(f"{COMMANDS}/bulk", json=order).json()
    stage.play()

    assert {one["id"] for one in answer["items"]} == {part for _, part in found}
    assert {stage.orchestrator.get(one).status for one, _ in found} == {Status.SUCCEEDED}


def test_no_more_are_taken_than_may_be(operator: httpx.Client, stage: Stage) -> None:
    for number in range(4):
        guarded(stage, f"vm-capped-{number}")
    order = {"verb": "stop", "query": {"q": "vm-capped"}, "limit": 3}

    answer = operator.post(f"{COMMANDS}/bulk", json=order).json()

    assert (len(answer["items"]), answer["more"]) == (3, True)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"verb": "stop"}, "name the commands"),
        ({"verb": "stop", "ids": ["a"], "query": {"kind": "x"}}, "name the commands"),
        ({"verb": "stop", "query": {}}, "set a filter"),
        ({"verb": "resolve", "ids": ["a"]}, "outcome"),
        ({"verb": "stop", "ids": ["a"], "outcome": "failed"}, "outcome"),
        ({"verb": "stop", "query": {"who": "x"}}, "who"),
        ({"verb": "stop", "query": {"status": "running,jumping"}}, "there is no status"),
        ({"verb": "stop", "ids": []}, "ids"),
        ({"verb": "explode", "ids": ["a"]}, "verb"),
    ],
)
def test_a_bad_order_to_many_is_refused(
    operator: httpx.Client, order: dict[str, Any], said: str
) -> None:
    answer = operator.post(f"{COMMANDS}/bulk", json=order)

    assert answer.status_code == 422
    assert said in answer.text


def test_a_viewer_orders_nothing_of_many(viewer: httpx.Client, stage: Stage) -> None:
    command, _ = guarded(stage, "vm-safe")

    answer = viewer.post(f"{COMMANDS}/bulk", json={"verb": "stop", "ids": [command]})

    assert answer.status_code == 403
    assert stage.orchestrator.get(command).stopping is None


def test_a_preview_of_a_large_tree_counts_leaves(operator: httpx.Client, stage: Stage) -> None:
    command = operator.post(
        COMMANDS, json={"kind": "test.wide", "parameters": {"width": 40}}
    ).json()["id"]

    shown = operator.get(f"{COMMANDS}/{command}/preview", params={"verb": "stop"}).json()

    assert shown["stops"] == 42
    stage.play()
