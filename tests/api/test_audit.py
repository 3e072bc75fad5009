"""Every deed of a person or a program is in the audit, and in the history of what it was done to."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from orchestrator.testing import Stage
from tests.api.served import Guarded, Served

COMMANDS = "/api/v1/commands"
AUDIT = "/api/v1/audit"


def deeds(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get(AUDIT, params=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def said(items: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["actor"], one["verb"], one["reason"]) for one in items]


def test_a_command_tells_who_submitted_and_who_stopped_it(
    operator: httpx.Client, stage: Stage
) -> None:
    body = {"kind": "test.guarded", "parameters": {"vm": "vm-audit"}}
    command = operator.post(COMMANDS, json=body).json()["id"]
    stage.play()
    operator.post(f"{COMMANDS}/{command}/stop", json={"reason": "wrong VM"})
    stage.play()

    found = deeds(operator, entity="vm:vm-audit")
    history = operator.get(f"{COMMANDS}/{command}/events").json()["items"]

    assert said(found) == [("alice", "stop", "wrong VM"), ("alice", "submit", "")]
    assert {one["subject"] for one in found} == {"Guard vm-audit (test.guarded)"}
    sentences = [one["deed"] for one in history if one["deed"]]
    assert sentences == ["alice submitted it", "alice stopped it: wrong VM"]
    assert {one["actor"] for one in history} == {"alice", None}


def test_what_a_vendor_claims_and_reports_is_in_the_audit_its_progress_is_not(
    operator: httpx.Client, vendor: httpx.Client, stage: Stage
) -> None:
    root = stage.submit(Guarded(vm="vm-vendor"))
    stage.play()
    part = next(one for one in stage.orchestrator.tree(root) if one.label == "Guard it")
    task = f"/api/v1/external-tasks/{part.command_id}"
    for share in (0.1, 0.2, 0.3):
        assert vendor.patch(task, json={"status": "running", "progress": share}).is_success
    ended = {"status": "succeeded", "message": "guarded"}
    assert vendor.patch(task, json=ended).is_success

    found = deeds(operator, command_id=root, verb="report")
    history = operator.get(f"{COMMANDS}/{part.command_id}/events").json()["items"]

    assert said(found) == [("acme", "report", "succeeded: guarded")]
    assert [one["actor"] for one in history if "Progressed" in one["causes"]] == ["acme"] * 3
    assert [one["deed"] for one in history if "TaskEnded" in one["causes"]] == [
        "acme reported its end"
    ]


def test_tokens_grants_and_webhooks_are_in_the_audit(admin: httpx.Client, house: Served) -> None:
    admin.post("/api/v1/tokens", json={"name": "ci-audit", "role": "viewer"})
    admin.delete("/api/v1/tokens/ci-audit")
    admin.put("/api/v1/kinds/test.note/grants/initech", json={"reason": "a trial"})
    hook = {"url": "https://203.0.113.7/hook", "vendor": "initech"}
    made = admin.post("/api/v1/webhooks", json=hook)

    found = [(one["verb"], one["subject"], one["reason"]) for one in deeds(admin, limit=20)]

    assert ("token create", "ci-audit (viewer)", "") in found
    assert ("token revoke", "ci-audit", "") in found
    assert ("grant", "kind test.note", "initech: a trial") in found
    assert made.status_code != 201 or ("webhook add", f"initech {hook['url']}", "") in found


def test_the_audit_is_filtered_and_paged(operator: httpx.Client, stage: Stage) -> None:
    for number in range(5):
        operator.post(COMMANDS, json={"kind": "test.note", "parameters": {"text": str(number)}})
    stage.play()

    first = operator.get(AUDIT, params={"verb": "submit", "actor": "alice", "limit": 3}).json()
    again = {"verb": "submit", "actor": "alice", "limit": 3, "cursor": first["next_cursor"]}
    second = operator.get(AUDIT, params=again).json()

    numbers = [one["number"] for one in first["items"] + second["items"]]
    assert numbers == sorted(set(numbers), reverse=True)
    assert deeds(operator, actor="nobody") == []
    assert deeds(operator, verb="submit", until="P1D") == []
    assert len(deeds(operator, verb="submit", since="P1D", limit=5)) == 5


@pytest.mark.parametrize(
    "asked", [{"cursor": "x"}, {"who": "alice"}, {"since": "yesterday"}, {"limit": 0}]
)
def test_a_bad_question_is_refused(operator: httpx.Client, asked: dict[str, str]) -> None:
    assert operator.get(AUDIT, params=asked).status_code == 422


def test_vendors_do_not_read_the_audit(vendor: httpx.Client) -> None:
    assert vendor.get(AUDIT).status_code == 403
