"""Idempotency keys, on every route that changes something: done once, and answered the same again.

The test is generated from the routes of the app: a new one that is not told in `keyed` how to be asked fails.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from orchestrator.api.ovirt.routes import API, SPOTS
from orchestrator.core.access import Role
from orchestrator.core.errors import UnavailableError
from orchestrator.store.single import SqlSingle
from tests.api.keyed import (
    ASKED,
    NOT_KEYED,
    TASKS,
    V1,
    WRITING,
    Asked,
    World,
    attachment,
    broken,
    numbers,
    send,
    submission,
    token,
)
from tests.api.served import served
from tests.services import new_database


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with ExitStack() as stack:
        url = None
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            url = stack.enter_context(new_database(server))
        directory = tmp_path_factory.mktemp("once")
        house = stack.enter_context(served(directory, url=url, webhooks_to_private=True))
        yield World(
            house,
            operator=house.client("alice", Role.OPERATOR),
            vendor=house.client("acme-1", Role.VENDOR, vendor="acme"),
            admin=house.client("root", Role.ADMIN),
        )


every_route = pytest.mark.parametrize(("method", "path"), ASKED)


def test_every_writing_route_takes_a_key(world: World) -> None:
    ours = {
        (method, one.path or "")
        for one in iter_route_contexts(world.house.app.routes)
        if isinstance(one.original_route, APIRoute)
        for method in one.methods or ()
        if method in WRITING
    }
    theirs = {
        (method, f"{API}{one.path}") for one in SPOTS for method in one.acts if method in WRITING
    }

    assert ours | theirs == set(ASKED) | set(NOT_KEYED)


@every_route
def test_the_same_again_is_done_once_and_answered_the_same(
    world: World, method: str, path: str
) -> None:
    asked, key = ASKED[method, path](world), f"same {next(numbers)}"
    before = world.stored()

    first = send(world, method, path, asked, key)
    between = world.stored()
    again = send(world, method, path, asked, key)

    assert first.is_success, first.text
    assert before != between
    assert (again.status_code, again.content) == (first.status_code, first.content)
    kept = ("location", "etag", "content-type")
    assert [again.headers.get(one) for one in kept] == [first.headers.get(one) for one in kept]
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (
        None,
        "true",
    )
    assert world.stored() == between


@every_route
def test_another_request_with_the_key_is_a_conflict_that_names_it(
    world: World, method: str, path: str
) -> None:
    who, place, body = ASKED[method, path](world)
    key = f"other {next(numbers)}"
    send(world, method, path, (who, place, body), key)
    between = world.stored()

    other = send(world, method, path, (who, place, {**(body or {}), "reason": "another"}), key)

    assert other.status_code == 409
    assert key in other.text
    assert world.stored() == between


@every_route
def test_a_crash_before_the_answer_leaves_nothing_and_the_same_again_is_done(
    world: World, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, key = ASKED[method, path](world), f"crash {next(numbers)}"
    before = world.stored()

    def crash(single: SqlSingle, answer: str) -> None:
        raise UnavailableError("the process died here")

    with monkeypatch.context() as patched:
        patched.setattr(SqlSingle, "keep", crash)
        assert send(world, method, path, asked, key).status_code == 503

    assert world.stored() == before
    assert send(world, method, path, asked, key).is_success


@pytest.mark.parametrize("of", [submission, attachment])
def test_of_fifty_at_the_same_time_one_is_done_and_all_are_answered_so(
    world: World, of: Callable[[World], Asked]
) -> None:
    asked = of(world)
    before = len(world.stored()["command_entity"])

    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda _: send(world, "POST", f"{V1}/commands", asked, f"fifty {of.__name__}"),
                range(50),
            )
        )

    assert {one.status_code for one in answers} == {201}
    assert len({one.content for one in answers}) == 1
    assert len(world.stored()["command_entity"]) == before + 1


def test_a_hundred_others_at_the_same_time_are_done_as_well(world: World) -> None:
    """More than a process has threads: who holds the transaction must not wait for one of those who wait for it."""
    asked = submission(world)

    with ThreadPoolExecutor(100) as pool:
        answers = pool.map(
            lambda one: send(world, "POST", f"{V1}/commands", asked, f"one of a hundred {one}"),
            range(100),
        )

    assert [one.status_code for one in answers] == [201] * 100


def test_an_answer_under_another_session_secret_is_said_to_be_one(world: World) -> None:
    asked = submission(world)
    send(world, "POST", f"{V1}/commands", asked, "before the change")
    state = world.house.app.state
    before = state.desk
    state.desk = replace(before, session_secret="another")

    again = send(world, "POST", f"{V1}/commands", asked, "before the change")
    state.desk = before

    assert again.status_code == 409
    assert "under another session secret" in again.json()["detail"]


def test_what_was_refused_leaves_nothing_under_its_key(world: World) -> None:
    parent, key = broken(world), {"Idempotency-Key": "refused"}
    stop = f"{V1}/commands/{parent}/stop"

    refused = world.operator.post(stop, headers=key)
    world.operator.post(f"{V1}/commands/{parent}/restart")

    assert refused.status_code == 409
    assert world.operator.post(stop, headers=key).status_code == 200


def test_keys_are_each_callers_own_and_all_tokens_of_a_vendor_are_one(world: World) -> None:
    body, key = {"description": "Copy"}, {"Idempotency-Key": "whose"}
    second = world.house.client("acme-2", Role.VENDOR, vendor="acme")
    rival = world.house.client("globex-1", Role.VENDOR, vendor="globex")

    first, same, other = (
        one.post(TASKS, json=body, headers=key) for one in (world.vendor, second, rival)
    )

    assert first.json()["id"] == same.json()["id"] != other.json()["id"]


def test_who_has_lost_its_token_is_given_no_answer_again(world: World) -> None:
    body, key = {"description": "Copy"}, {"Idempotency-Key": "lost token"}
    gone = world.house.client("acme-3", Role.VENDOR, vendor="acme")
    assert gone.post(TASKS, json=body, headers=key).status_code == 201

    world.house.tokens.revoke("acme-3")

    assert gone.post(TASKS, json=body, headers=key).status_code == 401


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_none_is_refused_and_named(world: World, key: str) -> None:
    answer = world.operator.post(
        f"{V1}/commands", json={"kind": "test.note"}, headers={"Idempotency-Key": key}
    )

    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.text


def test_the_order_of_names_makes_no_other_request(world: World) -> None:
    headers = {"Idempotency-Key": "order", "Content-Type": "application/json"}
    one = '{"kind": "test.note", "parameters": {"text": "a"}}'
    other = '{"parameters":{"text":"a"},"kind":"test.note"}'

    made = [
        world.operator.post(f"{V1}/commands", content=body, headers=headers).json()["id"]
        for body in (one, other)
    ]

    assert made[0] == made[1]


def test_no_secret_of_a_token_is_stored(world: World) -> None:
    secret = send(world, "POST", f"{V1}/tokens", token(world), "hidden").json()["token"]

    stored = world.stored()["keyed_request"]

    assert stored
    for hidden in (secret, base64.b64encode(secret.encode()).decode(), "hidden"):
        assert not [one for one in stored if hidden in one]


def test_keys_are_forgotten_with_old_history(world: World) -> None:
    requests, store = world.house.app.state.desk.requests, world.house.stage.orchestrator.store
    send(world, "POST", f"{V1}/commands", submission(world), "old")

    assert requests.forget(store.now()) > 0
    assert not world.stored()["keyed_request"]
