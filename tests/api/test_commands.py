"""Commands over HTTP."""

from __future__ import annotations

import httpx

from orchestrator.testing import Stage

COMMANDS = "/api/v1/commands"


def test_a_submitted_command_is_answered_and_runs(operator: httpx.Client, stage: Stage) -> None:
    answer = operator.post(COMMANDS, json={"kind": "test.note", "parameters": {"text": "hello"}})
    stage.play()

    assert answer.status_code == 201
    command = answer.json()
    assert answer.headers["Location"] == f"{COMMANDS}/{command['id']}"
    assert (command["kind"], command["status"], command["owner"]) == ("test.note", "ready", "alice")
    after = operator.get(f"{COMMANDS}/{command['id']}").json()
    assert (after["status"], after["progress"], after["return_value"]) == ("succeeded", 1, "hello")
