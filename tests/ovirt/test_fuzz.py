"""oVirt's API under whatever comes: schemathesis asks every route as every role; no answer is a mistake of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.core.result import Err
from schemathesis.generation import GenerationMode
from schemathesis.python.asgi import get_client
from starlette.routing import Route

from orchestrator.core.access import Role
from tests.api.served import Guarded, Served, served

API = "/ovirt-engine/api"
ROLES = {"root": Role.ADMIN, "alice": Role.OPERATOR, "victor": Role.VIEWER, "acme": Role.VENDOR}
EXAMPLES = 40
WORDS = (
    "description",
    "type",
    "progress",
    "succeeded",
    "force",
    "parent_step",
    "auto_cleared",
    "id",
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=8,
)
TAGS = ("<job>", "</job>", "<step/>", "<action>", "<description>", "<!DOCTYPE x>")
SCRAPS = (*TAGS, "&a;", "\x00", "\ud800", "]]>", "é")
UTF_16 = "application/xml; charset=utf-16"
TYPES = (
    b"application/xml",
    b"application/json",
    b"text/plain",
    UTF_16.encode(),
    b"",
    b"\xe2\x98\x83",
)
JSON = {"Content-Type": "application/json"}


def dumped(asked: Any) -> bytes:
    """Writes JSON, with what is none: NaN, infinities and half characters."""
    return json.dumps(asked).encode()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("fuzz")) as house:
        house.stage.submit(Guarded(vm="vm-1"))
        house.stage.play()
        yield house


@pytest.fixture(scope="module")
def clients(house: Served) -> dict[str, httpx.Client]:
    return {name: house.client(name, role) for name, role in ROLES.items()}


def described(app: FastAPI) -> dict[str, Any]:
    """Describes the routes as far as it takes to fire at them; what they mean is told by oVirt's own documents."""
    paths: dict[str, Any] = {}
    for route in app.router.routes:
        if isinstance(route, Route) and route.path.startswith("/ovirt-engine"):
            named = [
                {"name": one, "in": "path", "required": True, "schema": {"type": "string"}}
                for one in route.param_convertors
            ]
            asked: list[dict[str, Any]] = [
                {"name": one, "in": "query", "schema": {}}
                for one in ("max", "follow", "search", "case_sensitive", "correlation_id")
            ]
            body = {"content": {"application/json": {"schema": {"type": "object"}}}}
            paths[route.path] = {
                method.lower(): {
                    "parameters": named + asked,
                    "responses": {"default": {"description": "whatever"}},
                    **({} if method in ("GET", "HEAD") else {"requestBody": body}),
                }
                for method in route.methods or ()
            }
    return {"openapi": "3.1.0", "info": {"title": "oVirt", "version": "4"}, "paths": paths}


@pytest.mark.parametrize("who", ROLES)
def test_no_answer_is_a_mistake(house: Served, clients: dict[str, httpx.Client], who: str) -> None:
    schema = schemathesis.openapi.from_dict(described(house.app))
    schema.app = house.app
    headers = {"Authorization": clients[who].headers["Authorization"]}
    count = 0
    for found in schema.get_all_operations():
        assert not isinstance(found, Err)
        operation = found.ok()
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

        @seed(10)
        @settings(
            max_examples=4,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def ask(case: Any) -> None:
            answer = case.call(session=client, headers=headers)
            assert answer.status_code < 500, answer.text

        with get_client(cast(Any, house.app)) as client:
            ask()
        count += 1

    assert count > 20


@seed(11)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(
    body=st.binary(max_size=40)
    | st.lists(st.sampled_from(SCRAPS) | st.text(max_size=5)).map(
        lambda parts: "".join(parts).encode(errors="surrogatepass")
    ),
    kind=st.sampled_from(TYPES),
    place=st.sampled_from(("jobs", "jobs/{job}/end", "jobs/{job}/clear", "jobs/{job}/steps")),
)
def test_no_body_is_more_than_refused(
    house: Served, clients: dict[str, httpx.Client], body: bytes, kind: bytes, place: str
) -> None:
    job = clients["acme"].post(f"{API}/jobs", json={"description": "x"}).headers["Location"]
    path = f"{API}/{place.format(job=job.rpartition('/')[2])}"

    answer = clients["acme"].post(path, content=body, headers={b"Content-Type": kind})

    assert answer.status_code in (200, 201, 400, 409, 415), answer.text


@seed(12)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(asked=st.dictionaries(st.sampled_from(WORDS), ANY_JSON))
def test_no_json_is_more_than_refused(
    house: Served, clients: dict[str, httpx.Client], asked: dict[str, Any]
) -> None:
    client = clients["acme"]
    made = client.post(f"{API}/jobs", content=dumped(asked), headers=JSON)
    known = client.post(f"{API}/jobs", json={"description": "x"}).headers["Location"]
    steps = client.post(f"{known}/steps", content=dumped(asked), headers=JSON)
    ended = client.post(f"{known}/end", content=dumped(asked), headers=JSON)

    assert {one.status_code for one in (made, steps, ended)} <= {200, 201, 400, 409}


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_another_method_is_refused_or_answers_without_a_body(
    clients: dict[str, httpx.Client], method: str
) -> None:
    for path in (API, f"{API}/jobs", f"{API}/jobs/x", f"{API}/jobs/x/steps/y/end"):
        answer = clients["acme"].request(method, path)

        assert answer.status_code in (200, 404, 405)
        assert method != "HEAD" or not answer.content
