"""Commands over HTTP: submit, look at, order about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest

from orchestrator import TaskStatus
from orchestrator.api.commands import nested
from orchestrator.core.ids import short
from orchestrator.engine.storable import MOST_LEVELS
from orchestrator.monitor.shapes import CommandView
from orchestrator.testing import Stage
from tests.api.served import Broken, Deep, Guarded, Note, Wide

COMMANDS = "/api/v1/commands"


def submitted(client: httpx.Client, kind: str, **parameters: Any) -> dict[str, Any]:
    answer = client.post(COMMANDS, json={"kind": kind, "parameters": parameters})
    assert answer.status_code == 201, answer.text
    command: dict[str, Any] = answer.json()
    return command


def test_a_submitted_command_is_answered_and_runs(operator: httpx.Client, stage: Stage) -> None:
    answer = operator.post(COMMANDS, json={"kind": "test.note", "parameters": {"text": "hello"}})
    stage.play()

    assert answer.status_code == 201
    command = answer.json()
    assert answer.headers["Location"] == f"{COMMANDS}/{command['id']}"
    assert (command["kind"], command["status"], command["owner"]) == ("test.note", "ready", "alice")
    after = operator.get(f"{COMMANDS}/{command['id']}").json()
    assert (after["status"], after["progress"], after["return_value"]) == ("succeeded", 1, "hello")
    assert after["parameters"] == {"text": "hello"}


def test_what_is_as_deep_as_can_be_stored_is_shown(operator: httpx.Client, stage: Stage) -> None:
    value: Any = 1
    for _ in range(MOST_LEVELS - 1):
        value = [value]
    command_id = stage.submit(Deep(value=value))
    stage.play()

    shown = operator.get(f"{COMMANDS}/{command_id}").json()

    assert (shown["status"], shown["parameters"]) == ("succeeded", {"value": value})
    assert shown["return_value"] == value


def test_owner_correlation_and_deadline_are_kept(operator: httpx.Client) -> None:
    deadline = datetime.now(UTC) + timedelta(hours=1)
    body = {"kind": "test.note", "correlation_id": "c-1"}

    at = operator.post(COMMANDS, json={**body, "deadline": deadline.isoformat()}).json()
    after = operator.post(COMMANDS, json={**body, "deadline": "PT2H"}).json()

    assert (at["owner"], at["correlation_id"]) == ("alice", "c-1")
    assert datetime.fromisoformat(at["deadline"]) == deadline
    left = datetime.fromisoformat(after["deadline"]) - datetime.now(UTC)
    assert timedelta(minutes=110) < left < timedelta(minutes=121)


@pytest.mark.parametrize("seconds", [3600, 3600.5, 86_400 * 365, "PT1H"])
def test_a_number_as_deadline_is_seconds_from_now(
    operator: httpx.Client, stage: Stage, seconds: float | str
) -> None:
    answer = operator.post(
        COMMANDS, json={"kind": "test.note", "parameters": {"text": "x"}, "deadline": seconds}
    )

    assert answer.status_code == 201
    left = datetime.fromisoformat(answer.json()["deadline"]) - datetime.now(UTC)
    wanted = timedelta(seconds=3600 if isinstance(seconds, str) else seconds)
    assert wanted - timedelta(minutes=1) < left <= wanted


@pytest.mark.parametrize(
    "deadline",
    [
        *("2020-01-01T00:00:00Z", -5, 0, "2020-01-01T00:00:00", "soon", "1e300"),
        *(True, False, "3600", "2000000000", 1e300, 10**400, 10**18, [], {}),
        *("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "P9999999999D"),
    ],
)
def test_a_deadline_that_passed_or_means_nothing_is_refused(
    operator: httpx.Client, deadline: object
) -> None:
    answer = operator.post(COMMANDS, json={"kind": "test.note", "deadline": deadline})

    assert answer.status_code == 422, answer.text


def test_the_same_idempotency_key_gives_the_same_command(
    operator: httpx.Client, stage: Stage
) -> None:
    key = {"Idempotency-Key": "once"}
    body = {"kind": "test.note", "parameters": {"text": "once"}}

    first = operator.post(COMMANDS, json=body, headers=key)
    stage.play()
    second = operator.post(COMMANDS, json=body, headers=key)
    other = operator.post(COMMANDS, json={**body, "parameters": {"text": "2"}}, headers=key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert other.status_code == 409
    assert "use a new key" in other.json()["detail"]


def test_an_unknown_kind_is_answered_with_a_near_one(operator: httpx.Client) -> None:
    answer = operator.post(COMMANDS, json={"kind": "test.not", "parameters": {}})

    assert answer.status_code == 422
    assert "did you mean 'test.note'?" in answer.json()["detail"]


def test_each_wrong_parameter_is_named(operator: httpx.Client) -> None:
    parameters = {"width": "many", "depth": 3}

    answer = operator.post(COMMANDS, json={"kind": "test.wide", "parameters": parameters})

    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == {"width", "depth"}


def test_a_plan_that_finds_nothing_to_do_has_succeeded_at_once(operator: httpx.Client) -> None:
    answer = operator.post(COMMANDS, json={"kind": "test.slips", "parameters": {"verb": "none"}})

    assert answer.status_code == 201
    assert operator.get(answer.headers["Location"]).json()["status"] == "succeeded"


@pytest.mark.parametrize("verb", ["label", "locks", "plan"])
def test_a_slip_in_a_class_is_no_fault_of_the_server(operator: httpx.Client, verb: str) -> None:
    answer = operator.post(COMMANDS, json={"kind": "test.slips", "parameters": {"verb": verb}})

    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert detail.startswith(f"test.slips cannot be submitted: its {verb} raised ")


def test_an_id_may_be_shortened(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Wide(width=2))

    whole = operator.get(f"{COMMANDS}/{short(command_id)}").json()
    part = operator.get(f"{COMMANDS}/{short(command_id)}.1").json()

    assert whole["id"] == command_id
    assert part["root_id"] == command_id
    assert part["short_id"] == f"{short(command_id)}.1"


@pytest.mark.parametrize("path", ["", "/tree", "/events", "/parts"])
def test_a_command_that_is_not_there_is_not_found(operator: httpx.Client, path: str) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"

    answer = operator.get(f"{COMMANDS}/{nobody}{path}")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert nobody in answer.json()["detail"]


def test_lists_are_paged_newest_first(operator: httpx.Client, stage: Stage) -> None:
    ids = [stage.submit(Note(), owner="pager") for _ in range(7)]
    seen: list[str] = []
    cursor = None

    while True:
        params: dict[str, Any] = {"owner": "pager", "limit": 3}
        page = operator.get(COMMANDS, params={**params, **({"cursor": cursor} if cursor else {})})
        seen.extend(one["id"] for one in page.json()["items"])
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break

    assert sorted(seen) == sorted(ids)
    assert page.json()["total"] == 7


def test_counts_leave_the_status_filter_aside(operator: httpx.Client, stage: Stage) -> None:
    stage.perform(Note(), owner="counter")
    stage.perform(Broken(), owner="counter")

    found = operator.get(COMMANDS, params={"owner": "counter", "status": "failed,stopped"}).json()

    assert [one["kind"] for one in found["items"]] == ["test.broken"]
    assert found["counts"] == {"succeeded": 1, "failed": 1}
    assert found["total"] == 1


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"status": "sleeping"}, 422),
        ({"limit": "0"}, 422),
        ({"limit": "501"}, 422),
        ({"cursor": "nonsense"}, 422),
    ],
)
def test_a_filter_that_means_nothing_is_refused(
    operator: httpx.Client, params: dict[str, str], status: int
) -> None:
    answer = operator.get(COMMANDS, params=params)

    assert answer.status_code == status
    assert answer.json()["detail"]


def test_commands_are_found_by_entity_and_text(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="vm-42"))

    by_entity = operator.get(COMMANDS, params={"entity": "vm:vm-42"}).json()["items"]
    by_text = operator.get(COMMANDS, params={"q": "GUARD VM-42"}).json()["items"]

    assert [one["id"] for one in by_entity] == [command_id]
    assert [one["id"] for one in by_text] == [command_id]
    assert by_entity[0]["entity"] == "vm:vm-42"


def test_a_tree_holds_all_parts_in_their_places(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Wide(width=3))
    stage.play()

    tree = operator.get(f"{COMMANDS}/{command_id}/tree").json()

    group, refused, end = tree["parts_list"]
    assert [one["label"] for one in group["parts_list"]] == ["Note 0", "Note 1", "Note 2"]
    assert (refused["status"], refused["best_effort"]) == ("failed", True)
    assert (end["label"], end["parts_list"]) == ("Note end", [])
    assert tree["status"] == "succeeded"


def test_a_tree_may_be_cut_off(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Wide(width=3))

    trees = [
        operator.get(f"{COMMANDS}/{command_id}/tree", params={"depth": depth}).json()
        for depth in (0, 1)
    ]

    assert trees[0]["parts_list"] == []
    assert [one["parts_list"] for one in trees[1]["parts_list"]] == [[], [], []]
    assert trees[1]["parts_list"][0]["parts"] == 3


def test_a_very_deep_tree_is_written() -> None:
    chain = [{"id": str(n), "parent_id": str(n - 1) if n else None} for n in range(5000)]

    text = b"".join(nested(cast("list[CommandView]", chain), None))

    assert text.count(b'"parts_list": [') == 5000
    assert text.endswith(b"]}" * 5000)


def test_parts_come_by_the_page(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Wide(width=5))
    group = operator.get(f"{COMMANDS}/{command_id}/parts").json()["items"][0]
    path = f"{COMMANDS}/{group['id']}/parts"

    first = operator.get(path, params={"limit": 2}).json()
    second = operator.get(path, params={"limit": 9, "cursor": first["next_cursor"]}).json()
    none = operator.get(path, params={"status": "failed"}).json()

    labels = [one["label"] for one in (*first["items"], *second["items"])]
    assert labels == [f"Note {one}" for one in range(5)]
    assert (first["total"], second["next_cursor"], none["items"]) == (5, None, [])
    assert sum(first["counts"].values()) == 5


def test_the_progress_of_a_list_is_that_of_the_tree(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="vm-progress"))
    stage.play()

    tree = operator.get(f"{COMMANDS}/{command_id}/tree").json()
    listed = operator.get(COMMANDS, params={"entity": "vm-progress"}).json()["items"][0]
    detail = operator.get(f"{COMMANDS}/{command_id}").json()

    assert tree["progress"] == listed["progress"] == detail["progress"] == pytest.approx(1 / 3)


def test_the_history_tells_every_step(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Note())
    stage.play()

    page = operator.get(f"{COMMANDS}/{command_id}/events", params={"limit": 1}).json()
    rest = operator.get(
        f"{COMMANDS}/{command_id}/events", params={"cursor": page["next_cursor"]}
    ).json()

    steps = [status for one in (*page["items"], *rest["items"]) for status in one["path"][1:]]
    assert steps[-2:] == ["running", "succeeded"]
    assert rest["items"][-1]["status"] == "succeeded"
    assert rest["next_cursor"] is None


def test_a_command_is_stopped_and_begun_anew(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="vm-stop"))
    stage.play()

    stopping = operator.post(f"{COMMANDS}/{command_id}/stop", json={"reason": "wrong VM"})
    stage.turn(timedelta(seconds=10))
    stopped = operator.get(f"{COMMANDS}/{command_id}").json()
    again = operator.post(f"{COMMANDS}/{command_id}/restart", json={"reason": "right VM"})

    assert stopping.json()["stopping"] == "stopped"
    assert (stopped["status"], stopped["actions"]) == ("stopped", ["restart"])
    assert again.json()["status"] in ("waiting", "ready")


def test_an_order_needs_no_body(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="vm-bare"))

    answer = operator.post(f"{COMMANDS}/{command_id}/stop")

    assert answer.status_code == 200, answer.text


def test_a_part_is_skipped(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Wide(width=1))

    answer = operator.post(f"{COMMANDS}/{short(command_id)}.4/skip")

    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "skipped"


def test_what_needs_attention_is_resolved(operator: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="vm-lost"))
    stage.play()
    task = next(one for one in stage.orchestrator.tree(command_id) if one.kind == "external")
    stage.report(task.command_id, TaskStatus.LOST)
    path = f"{COMMANDS}/{task.command_id}"

    shown = operator.get(path).json()
    unsaid = operator.post(f"{path}/resolve", json={"reason": "saw it"})
    resolved = operator.post(
        f"{path}/resolve", json={"reason": "saw it", "outcome": "succeeded", "value": {"lun": 7}}
    )
    stage.play()

    assert (shown["status"], shown["actions"]) == (
        "needs_attention",
        ["stop", "restart", "skip", "resolve"],
    )
    assert unsaid.status_code == 422
    assert resolved.json()["status"] == "succeeded"
    assert operator.get(path).json()["return_value"] == {"lun": 7}
    assert operator.get(f"{COMMANDS}/{command_id}").json()["status"] == "succeeded"


@pytest.mark.parametrize("verb", ["stop", "skip", "resolve", "restart"])
def test_an_order_that_the_state_does_not_allow_is_a_conflict(
    operator: httpx.Client, stage: Stage, verb: str
) -> None:
    command = stage.perform(Note())
    body = {"reason": "x"} | ({"outcome": "failed"} if verb == "resolve" else {})

    answer = operator.post(f"{COMMANDS}/{command.command_id}/{verb}", json=body)

    assert answer.status_code == 409
    assert command.command_id in answer.json()["detail"]


def test_the_detail_names_locks_and_tasks(operator: httpx.Client, stage: Stage) -> None:
    holder = stage.submit(Guarded(vm="vm-held"))
    stage.play()
    waiting = stage.submit(Guarded(vm="vm-held"))
    stage.play()

    held = operator.get(f"{COMMANDS}/{holder}").json()
    blocked = operator.get(f"{COMMANDS}/{waiting}").json()
    task = operator.get(f"{COMMANDS}/{holder[:8]}.2").json()["tasks"][0]

    assert [(one["entity"], one["held"]) for one in held["locks"]] == [("vm:vm-held", True)]
    assert held["parts_by_status"] == {"pending": 1, "waiting": 1, "succeeded": 1}
    assert blocked["status"] == "blocked"
    assert holder in blocked["message"]
    assert (task["system"], task["scope"], task["status"]) == ("vendor", "acme", "running")
