"""What there is beside commands; health, metrics, errors, the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from starlette.routing import Route

from orchestrator import Trouble
from orchestrator.core.access import Role
from orchestrator.store.sql import SqlStore
from orchestrator.testing import Stage
from tests.api.served import Guarded, Note, Served, in_trouble, served

API = "/api/v1"


def test_kinds_say_what_they_take(viewer: httpx.Client) -> None:
    kinds = {one["kind"]: one for one in viewer.get(f"{API}/kinds").json()["items"]}

    wide = kinds["test.wide"]
    assert wide["parameters"]["properties"]["width"]["type"] == "integer"
    assert wide["doc"].startswith("Has so many parts side by side")
    assert wide["verbs"] == ["plan"]
    assert "external" in kinds
    assert viewer.get(f"{API}/kinds/test.wide").json() == wide
    assert viewer.get(f"{API}/kinds/test.none").status_code == 404


def test_workers_locks_adapters_and_queues_are_listed(viewer: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="vm-list"))
    stage.play()

    worker = viewer.get(f"{API}/workers").json()["items"][0]
    locks = viewer.get(f"{API}/locks", params={"entity": "vm:vm-list"}).json()["items"]
    of_tree = viewer.get(f"{API}/locks", params={"command_id": command_id[:8]}).json()["items"]
    adapter = viewer.get(f"{API}/adapters").json()["items"][0]
    queues = viewer.get(f"{API}/queues").json()

    assert (worker["name"], worker["alive"], worker["claims"]) == ("stage", True, 0)
    assert [one["command_id"] for one in locks] == [command_id]
    assert of_tree == locks
    assert adapter == {
        "name": "vendor",
        "pushes": True,
        "scopes": ["acme"],
        "systems": [
            {
                "scope": "acme",
                "answers": None,
                "asked_at": None,
                "problem": None,
                "problem_since": None,
                "open_tasks": 1,
                "found": 0,
            }
        ],
    }
    assert queues == {"items": []}


def test_what_is_wrong_on_the_way_to_a_system_is_listed(
    viewer: httpx.Client, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = viewer.get(f"{API}/adapters/troubles").json()
    in_trouble(stage, Trouble("pool-1", "host1", "it is not trusted", "check ca.pem"), monkeypatch)

    (found,) = viewer.get(f"{API}/adapters/troubles").json()["items"]

    assert before == {"items": []}
    assert found == {
        "adapter": "vendor",
        "scope": "pool-1",
        "place": "host1",
        "problem": "it is not trusted",
        "advice": "check ca.pem",
    }


def test_health_readiness_and_metrics_need_no_token(anybody: httpx.Client, stage: Stage) -> None:
    stage.perform(Note())

    metrics = anybody.get("/metrics").text

    assert anybody.get("/healthz").json() == {"status": "ok"}
    assert anybody.get("/readyz").json() == {"status": "ready", "database": "ok"}
    assert 'orchestrator_commands{status="succeeded"}' in metrics


def test_requests_are_counted_under_the_whole_path_of_their_route(
    house: Served, anybody: httpx.Client
) -> None:
    every = [
        one
        for one in iter_route_contexts(house.app.routes)
        if isinstance(one.original_route, Route)
    ]
    for one in every:
        path = re.sub(r"\{\w+\}", "x", one.path or "")
        anybody.request(next(iter(one.methods or ())), path)
    templates = {one.path for one in every}
    anybody.get("/static/page.js")
    anybody.get("/nowhere/at/all")

    counted = re.findall(r'_requests_total\{.*?route="(.*?)"', anybody.get("/metrics").text)

    assert templates <= set(counted)
    assert set(counted) - templates == {"/static", "none"}


def test_the_api_describes_itself(anybody: httpx.Client) -> None:
    described = anybody.get(f"{API}/openapi.json").json()

    paths = described["paths"]
    assert "/api/v1/commands/{command_id}/stop" in paths
    assert "/api/v1/external-tasks/{task_id}/heartbeat" in paths
    assert "/login" not in paths


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", f"{API}/nothing", 404), ("PUT", f"{API}/commands", 405)],
)
def test_what_is_not_there_is_a_problem_too(
    viewer: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = viewer.request(method, path)

    assert answer.status_code == status
    problem = answer.json()
    assert (problem["status"], problem["instance"]) == (status, path)
    assert {"type", "title", "detail"} <= set(problem)


def test_a_body_that_is_not_json_is_a_bad_request(operator: httpx.Client) -> None:
    answer = operator.post(
        f"{API}/commands", content="{kind:", headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 400
    assert answer.json()["detail"] == "the body is not JSON"


def test_a_body_of_the_wrong_form_names_each_field(operator: httpx.Client) -> None:
    answer = operator.post(f"{API}/commands", json={"parameters": [], "colour": "red"})

    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == {"kind", "parameters", "colour"}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_too_large_is_refused(operator: httpx.Client, chunked: bool) -> None:
    body = b"[" + b"1," * 1_500_000 + b"1]"
    content: Any = iter([body[:1_000_000], body[1_000_000:]]) if chunked else body

    answer = operator.post(
        f"{API}/commands", content=content, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 413
    assert "larger than 2097152 bytes" in answer.json()["detail"]


def test_parameters_too_large_are_refused(operator: httpx.Client) -> None:
    parameters = {"text": "x" * 1_100_000}

    answer = operator.post(f"{API}/commands", json={"kind": "test.note", "parameters": parameters})

    assert answer.status_code == 422
    assert "store large data elsewhere" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/", "/commands/7f3e2a1c"])
def test_the_page_is_served_at_all_its_addresses(anybody: httpx.Client, path: str) -> None:
    answer = anybody.get(path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_pages_files_are_served(anybody: httpx.Client) -> None:
    answer = anybody.get("/static/app.js")

    assert answer.status_code == 200
    assert "javascript" in answer.headers["Content-Type"]
    assert anybody.get("/static/../app.py").status_code == 404


def test_a_database_that_is_away_is_said_so(tmp_path: Path) -> None:
    with served(tmp_path) as house:
        client = house.client("root", Role.ADMIN)
        store = house.stage.store
        assert isinstance(store, SqlStore)
        _break(house, store)

        read = client.get(f"{API}/commands")
        ready = client.get("/readyz")
        alive = client.get("/healthz")

    for answer in (read, ready):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "database" in answer.json()["detail"]
    assert alive.status_code == 200


def _break(house: Served, store: SqlStore) -> None:
    """Takes the file away from under the store, as a lost disk would."""
    store.close()
    database = store.engine.url.database
    assert database is not None
    for suffix in ("", "-wal", "-shm"):
        Path(database + suffix).unlink(missing_ok=True)
    Path(database).mkdir()
    with pytest.raises(sa.exc.OperationalError):
        store.engine.connect()


def test_an_object_tells_what_runs_waits_and_failed_on_it(
    operator: httpx.Client, stage: Stage
) -> None:
    first = stage.submit(Guarded(vm="vm-003"))
    second = stage.submit(Guarded(vm="vm-003"))
    stage.play()
    stage.orchestrator.stop(second, "not that one")
    third = stage.submit(Guarded(vm="vm-003"))
    stage.play()

    shown = operator.get("/api/v1/entities/vm:vm-003").json()

    assert {one["id"] for one in shown["live"]} == {third, first}
    assert [one["id"] for one in shown["failed"]] == [second]
    assert {one["id"] for one in shown["latest"]} == {third, second, first}
    assert [(one["held"], one["root_id"]) for one in shown["locks"]] == [
        (True, first),
        (False, third),
    ]
    assert shown["counts"] == {"waiting": 1, "blocked": 1, "stopped": 1}
    assert operator.get("/api/v1/entities/vm:nobody").json()["latest"] == []
