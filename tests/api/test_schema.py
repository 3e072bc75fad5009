"""The OpenAPI document against the API: schemathesis asks every operation, as every role, on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Err
from schemathesis.generation import GenerationMode
from schemathesis.python.asgi import get_client
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from orchestrator.api import ApiSettings, make_app
from orchestrator.core.access import GrantAbout, Role
from orchestrator.store.single import SqlRequests
from orchestrator.store.sql import SqlStore, make_engine
from orchestrator.store.tokens import SqlTokens
from orchestrator.store.webhooks import SqlWebhooks
from orchestrator.testing import Stage
from tests import services
from tests.api.served import KINDS, Guarded, Note

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
NEARLY_IDS = ("0" * 36, "0" * 8, "z" * 8 + "-" * 28)
EXAMPLES = 4
ROLES = {
    "root": Role.ADMIN,
    "alice": Role.OPERATOR,
    "victor": Role.VIEWER,
    "acme": Role.VENDOR,
    "nobody": None,
}
ERRORS = {"401", "403", "404", "405", "409", "413", "422", "503"}


class Described(NamedTuple):
    """An app, what it has, and how each role shows who it is."""

    app: FastAPI
    known: Mapping[str, list[str]]
    headers: Mapping[str, dict[str, str]]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def described(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Described]:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path_factory.mktemp('schema') / 'stage.db'}"
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            url = stack.enter_context(services.new_database(server))
        services.make_schema(url)
        store = SqlStore(make_engine(url))
        stack.callback(store.close)
        yield _with_something_in_it(store)


def _with_something_in_it(store: SqlStore) -> Described:
    stage = Stage(KINDS, store=store)
    stage.clock.time = datetime.now(UTC)
    tokens = SqlTokens(store)
    settings_ = ApiSettings(patience_s=0.0)
    app = make_app(
        stage.orchestrator,
        tokens=tokens,
        webhooks_book=SqlWebhooks(store),
        requests=SqlRequests(store),
        settings=settings_,
        session_secret="s3cret",
    )
    stage.orchestrator.grants.give(GrantAbout.KIND, "test.note", "acme", "", actor="root")
    commands = [stage.submit(Guarded(vm="vm-1")), stage.submit(Note())]
    stage.play()
    tasks = [f"{commands[0][:8]}.2"]
    headers = {
        name: {"Authorization": f"Bearer {tokens.create(name, role)}"} if role else {}
        for name, role in ROLES.items()
    }
    known = {
        "command_id": [*commands, *tasks, *NEARLY_IDS],
        "task_id": [*tasks, *NEARLY_IDS],
        "parent": [*commands, *tasks, *NEARLY_IDS],
        "kind": ["test.note", "test.guarded"],
        "vendor": ["acme", "globex"],
    }
    return Described(app, known, headers)


@pytest.mark.parametrize("who", ROLES)
def test_every_answer_is_in_the_document(described: Described, who: str) -> None:
    schema = schemathesis.openapi.from_dict(described.app.openapi())
    schema.app = described.app
    wrong: list[str] = []
    for found in schema.get_all_operations():
        if isinstance(found, Err):
            raise found.err()
        operation = found.ok()
        try:
            _ask(operation, described, described.headers[who])
        except (
            Exception,
            FailureGroup,
        ) as failure:  # every operation is asked before the test fails
            wrong.append(f"{operation.label}: {_said(failure)}")

    assert not wrong, "\n\n".join(wrong)


def _ask(
    operation: APIOperation[Any, Any, Any, Any], described: Described, who: dict[str, str]
) -> None:
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
    headers = {"Accept": "application/json", **who}  # without the first the feed has no end

    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, pick=st.randoms(use_true_random=False))
    def ask(case: Any, pick: Any) -> None:
        for part in (case.path_parameters, case.body):
            for name in described.known.keys() & set(part if isinstance(part, dict) else ()):
                if pick.random() < 0.7:
                    part[name] = pick.choice(described.known[name])
        if isinstance(case.body, dict) and isinstance(case.body.get("wait_s"), int | float):
            case.body["wait_s"] = min(case.body["wait_s"], 0.01)
        answer = case.call(session=client, headers=headers)
        case.validate_response(answer, checks=CHECKS)

    with get_client(cast(Any, described.app)) as client:
        ask()


def _said(failure: BaseException) -> str:
    inner = getattr(failure, "exceptions", ())
    return "; ".join(map(_said, inner)) if inner else f"{type(failure).__name__}: {failure}"[:1500]


def test_the_document_says_who_may_ask_and_what_goes_wrong(sqlite_url: str) -> None:
    store = SqlStore(make_engine(sqlite_url))
    app = make_app(
        Stage(KINDS, store=store).orchestrator,
        tokens=SqlTokens(store),
        webhooks_book=SqlWebhooks(store),
        requests=SqlRequests(store),
    )
    document = app.openapi()
    store.close()

    stop = document["paths"]["/api/v1/commands/{command_id}/stop"]["post"]
    assert stop["security"] == [{"bearer": []}, {"session": []}]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "session"}
    assert {"400", *ERRORS} <= set(stop["responses"])
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                wanted = "application/problem+json" if status >= "400" else ""
                assert not wanted or list(answer["content"]) == [wanted]


@pytest.mark.parametrize("text", NEARLY_IDS)
def test_what_is_nearly_an_id_is_nothing_that_there_is(described: Described, text: str) -> None:
    with get_client(cast(Any, described.app)) as client:
        client.headers.update({"Accept": "application/json", **described.headers["root"]})
        v1 = "http://testserver/api/v1"
        news = {"reports": [{"id": text}]}
        answers = [
            client.get(f"{v1}/commands/{text}"),
            client.get(f"{v1}/commands/{text}/tree"),
            client.post(f"{v1}/commands/{text}/stop"),
            client.get(f"{v1}/external-tasks/{text}"),
            client.get(f"{v1}/locks", params={"command_id": text}),
            client.get(f"{v1}/feed", params={"root_id": text}),
            client.get(f"{v1}/commands", params={"cursor": text}),
            client.post(f"{v1}/commands", json={"kind": "test.note", "parent": text}),
            client.post(f"{v1}/external-tasks/bulk", json=news),
            client.get(f"http://testserver/ovirt-engine/api/jobs/{text}"),
        ]

    assert {one.status_code for one in answers} <= {404, 422}
