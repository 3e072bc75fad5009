"""What cannot be meant: refused with the name of the field, and never a fault of the server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from orchestrator.testing import Stage
from tests.api.test_external import TASKS, registered

COMMANDS = "/api/v1/commands"
DEEP = (101, 300, 500, 900, 5_000, 100_000)


def nested(levels: int, *, key: str | None = None) -> str:
    """Gives the text of JSON with so many levels."""
    if key is None:
        return "[" * levels + "]" * levels
    return f'{{"{key}": ' * levels + "0" + "}" * levels


def fields(answer: httpx.Response) -> set[str]:
    return {one["field"] for one in answer.json().get("errors", ())}


@pytest.mark.parametrize("levels", DEEP)
@pytest.mark.parametrize("key", [None, "k"])
def test_what_is_nested_too_deep_is_refused(
    vendor: httpx.Client, operator: httpx.Client, stage: Stage, levels: int, key: str | None
) -> None:
    task = registered(vendor, stage)
    deep = nested(levels, key=key)
    sent = {"Content-Type": "application/json"}

    answers = [
        vendor.patch(f"{TASKS}/{task['id']}", content=f'{{"result": {deep}}}', headers=sent),
        vendor.post(
            TASKS, content=f'{{"description": "x", "data": {{"a": {deep}}}}}', headers=sent
        ),
        operator.post(
            COMMANDS,
            content=f'{{"kind": "test.note", "parameters": {{"text": {deep}}}}}',
            headers=sent,
        ),
        operator.post(
            f"{COMMANDS}/{task['id']}/resolve",
            content=f'{{"outcome": "failed", "value": {deep}}}',
            headers=sent,
        ),
    ]

    assert {one.status_code for one in answers} <= {400, 422}
    if levels <= 500:
        assert [fields(one) for one in answers] == [{"result"}, {"data"}, {"parameters"}, {"value"}]


@pytest.mark.parametrize(
    "result",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        str(2**64),
        '"\\u0000"',
        '{"\\u0000": 1}',
        '["\\ud800"]',
    ],
)
def test_what_is_no_json_that_can_be_stored_is_refused(
    vendor: httpx.Client, stage: Stage, result: str
) -> None:
    task = registered(vendor, stage)

    answer = vendor.patch(
        f"{TASKS}/{task['id']}",
        content=f'{{"status": "succeeded", "result": {result}}}',
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status_code, fields(answer)) == (422, {"result"})
    assert vendor.get(f"{TASKS}/{task['id']}").json()["task_status"] == "running"


@pytest.mark.parametrize("progress", ["true", "NaN", "Infinity", "1.01", "-0.01", '"0.5"', "[]"])
def test_progress_is_a_share(vendor: httpx.Client, stage: Stage, progress: str) -> None:
    task = registered(vendor, stage)

    answer = vendor.patch(
        f"{TASKS}/{task['id']}",
        content=f'{{"progress": {progress}}}',
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status_code, fields(answer)) == (422, {"progress"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", "  \t "),
        ("description", "a\x00b"),
        ("description", "x" * 1001),
        ("vendor", " "),
        ("lease_s", True),
        ("lease_s", 1e300),
        ("lease_s", -1),
        ("timeout_s", "60"),
        ("timeout_s", 1e12),
        ("correlation_id", "\x00"),
        ("open_to", [" "]),
        ("parent", "x" * 101),
        ("max_depth", 3),
    ],
)
def test_a_registration_names_the_field_that_is_wrong(
    vendor: httpx.Client, field: str, value: Any
) -> None:
    answer = vendor.post(TASKS, json={"description": "x", field: value})

    assert answer.status_code == 422
    assert {one.partition(".")[0] for one in fields(answer)} == {field}


def test_a_lease_without_end_is_refused(vendor: httpx.Client) -> None:
    body = json.dumps({"description": "x", "lease_s": float("inf")})

    answer = vendor.post(TASKS, content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, fields(answer)) == (422, {"lease_s"})


@pytest.mark.parametrize("deadline", [1e15, -1, "P999999999D", "9999-12-31T23:59:59+00:00", "x"])
def test_a_deadline_that_no_clock_reaches_is_no_fault_of_ours(
    operator: httpx.Client, deadline: Any
) -> None:
    answer = operator.post(COMMANDS, json={"kind": "test.note", "deadline": deadline})

    assert answer.status_code in (201, 422)


@pytest.mark.parametrize(
    "path", [COMMANDS, TASKS, "/api/v1/kinds", "/api/v1/locks", "/api/v1/whoami", "/api/v1/feed"]
)
def test_a_word_that_the_query_does_not_know_is_refused(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path, params={"stat": "running"}, headers={"Accept": "application/json"})

    assert answer.status_code == 422
    assert "stat: there is no such word" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (COMMANDS, {"owner": "\x00"}),
        (COMMANDS, {"cursor": "zz"}),
        (COMMANDS, {"entity": "\x00"}),
        (TASKS, {"vendor": "\x00"}),
        (TASKS, {"cursor": "\x00"}),
        ("/api/v1/locks", {"entity": "\x00"}),
        ("/api/v1/commands/%00", {}),
        ("/api/v1/external-tasks/%00", {}),
        ("/api/v1/kinds/%00", {}),
        ("/api/v1/feed", {"after": "9" * 40}),
        ("/api/v1/feed", {"after": "²"}),
        ("/api/v1/commands/1111/parts", {"cursor": "9" * 40}),
    ],
)
def test_no_text_in_an_address_breaks_the_server(
    admin: httpx.Client, path: str, asked: dict[str, str]
) -> None:
    answer = admin.get(path, params=asked, headers={"Accept": "application/json"})

    assert answer.status_code in (200, 404, 422)
