"""The permission matrix: every route, for every role, on what is its own and on what is another's.

It is generated from the routes of the app: a new one without a rule here fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Route

from orchestrator.api.ovirt.views import user_id
from orchestrator.core.access import GrantAbout, Role
from tests.api.rules import BODIES, GUARDED, RULES, TASKS, V1
from tests.api.served import Guarded, Hosted, Note, Served, served

SECRET = "correct-horse-battery"


class World(NamedTuple):
    """A house with something of one vendor, of another, and of an operator."""

    house: Served
    clients: dict[str, httpx.Client]
    own: str
    enclosing: str
    webhooks: dict[str, str]
    steps: dict[str, str]
    other: str
    users: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with served(tmp_path_factory.mktemp("matrix")) as house:
        clients = {
            "admin": house.client("root", Role.ADMIN),
            "operator": house.client("alice", Role.OPERATOR),
            "viewer": house.client("victor", Role.VIEWER),
            "vendor": house.client("acme-1", Role.VENDOR, vendor="acme"),
            "rival": house.client("globex-1", Role.VENDOR, vendor="globex"),
        }
        grants = house.stage.orchestrator.grants
        grants.give(GrantAbout.KIND, "test.note", "acme", "", actor="root")
        secret = {"description": SECRET, "data": {"password": SECRET}}
        own = clients["vendor"].post(TASKS, json={"description": "mine"}).json()["id"]
        other = clients["rival"].post(TASKS, json=secret).json()["id"]
        enclosing = house.stage.submit(Guarded(vm=SECRET))
        users = house.stage.submit(Note(text=SECRET))
        house.stage.play()
        assert clients["rival"].patch(f"{TASKS}/{other}", json={"message": SECRET}).is_success
        steps = {
            task: clients[who].post(TASKS, json={**body, "parent": task}).json()["id"]
            for who, task, body in (
                ("vendor", own, {"description": "step"}),
                ("rival", other, secret),
            )
        }
        house.stage.play()
        book = house.app.state.desk.webhooks
        made = {
            task: book.register(vendor, f"https://{vendor}.example/", ["task.offered"], topics)
            for task, vendor, topics in ((own, "acme", []), (other, "globex", [SECRET]))
        }
        hooks = {task: one.endpoint_id for task, one in made.items()}
        yield World(house, clients, own, enclosing, hooks, steps, other, users)


def routes(house: Served) -> set[tuple[str, str]]:
    return {
        (method, one.path or "")
        for one in iter_route_contexts(house.app.routes)
        if isinstance(one.original_route, Route)
        for method in one.methods or ()
        if method != "HEAD"
    }


def ask(world: World, who: str, method: str, path: str, command: str, kind: str) -> int:
    """Asks the route about that command and kind."""
    filled = path.format(
        command_id=command,
        task_id=command,
        vendor="initech",
        kind=kind,
        name="nobody",
        endpoint_id=world.webhooks.get(command, "none"),
        delivery_id="none",
        entity="vm:x",
        job_id=command,
        step_id=world.steps.get(command, "none"),
        user_id=user_id({world.own: "acme", world.other: "globex"}.get(command, "alice")),
    )
    body = BODIES.get((method, path))
    if (method, path) == ("POST", f"{V1}/commands"):
        body = {"kind": kind}
    if (method, path) == ("POST", TASKS):
        body = {"description": "x", "parent": command}
        body |= {"vendor": "acme"} if who == "admin" else {}
    accept = {"Accept": "application/json"}
    return world.clients[who].request(method, filled, json=body, headers=accept).status_code


def is_as_ruled(status: int, wanted: int) -> bool:
    return status == wanted if wanted else status not in (401, 403, 500)


def test_every_route_has_a_rule(world: World) -> None:
    assert routes(world.house) == set(RULES)


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_nobody_is_let_in_without_a_token(world: World, method: str, path: str) -> None:
    filled = re.sub(r"\{\w+\}", "x", path)

    assert world.house.bare().request(method, filled).status_code == 401


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_each_role_may_what_the_rule_says(world: World, method: str, path: str) -> None:
    rule = GUARDED[method, path]
    # Twice the user's: what a vendor must not touch is either another vendor's or a user's.
    answers = [
        (who, ask(world, who, method, path, world.users, "test.note"), wanted)
        for who, wanted in (
            ("admin", rule.admin),
            ("operator", rule.operator),
            ("viewer", rule.viewer),
        )
    ]
    answers += [
        ("own", ask(world, "vendor", method, path, world.own, "test.note"), rule.own),
        ("another's", ask(world, "vendor", method, path, world.other, "test.wide"), rule.other),
        ("a user's", ask(world, "vendor", method, path, world.users, "test.wide"), rule.other),
    ]

    assert [one for one in answers if not is_as_ruled(*one[1:])] == []


@pytest.mark.parametrize(
    "path", [path for (method, path) in GUARDED if method == "GET" and "name" not in path]
)
def test_no_route_tells_a_vendor_what_is_not_its_own(world: World, path: str) -> None:
    for command in (world.own, world.enclosing, world.other, world.users):
        filled = path.format(
            command_id=command,
            task_id=command,
            kind="test.guarded",
            entity="vm:x",
            job_id=command,
            step_id=world.steps.get(command, "none"),
            user_id=user_id("globex"),
        )
        asks: dict[str, dict[str, str]] = {
            f"{V1}/commands": {"parts": "true"},
            f"{V1}/feed": {"root_id": command},
        }
        for asked in ({}, asks.get(path, {})):
            answer = world.clients["vendor"].get(
                filled, params=asked, headers={"Accept": "application/json"}
            )
            assert answer.status_code != 422
            assert SECRET not in answer.text


def test_what_encloses_is_seen_in_outline(world: World) -> None:
    shown = world.clients["vendor"].get(f"{V1}/commands/{world.enclosing}").json()
    tree = world.clients["vendor"].get(f"{V1}/commands/{world.enclosing}/tree").json()

    assert (shown["kind"], shown["status"], shown["parameters"]) == ("test.guarded", "waiting", {})
    assert [one["label"] for one in tree["parts_list"]] == ["Guard it"]


def test_a_slot_lets_in_those_whom_it_names(world: World) -> None:
    root = world.house.stage.submit(Hosted(secret=SECRET))
    world.house.stage.play()
    slot = f"{root[:8]}.1"
    third = world.house.client("umbrella", Role.VENDOR)

    let_in = world.clients["rival"].post(TASKS, json={"description": "sub", "parent": slot})
    refused = third.post(TASKS, json={"description": "sub", "parent": slot})
    beside = world.clients["rival"].post(TASKS, json={"description": "sub", "parent": root})
    seen = world.clients["rival"].get(f"{V1}/commands/{root}")
    pretended = world.clients["rival"].patch(f"{TASKS}/{slot}", json={"status": "failed"})

    assert (let_in.status_code, refused.status_code, beside.status_code) == (201, 404, 403)
    assert SECRET not in seen.text
    assert pretended.status_code == 403


def test_a_grant_lets_in_until_it_is_taken_back(world: World) -> None:
    root = world.house.stage.submit(Guarded(vm="vm-granted"))
    world.house.stage.play()
    path = f"{V1}/commands/{root}/grants/globex"
    body = {"description": "sub", "parent": root}
    rival, operator = world.clients["rival"], world.clients["operator"]

    before = rival.post(TASKS, json=body)
    granted = operator.put(path, json={"reason": "they host the disk"})
    during = rival.post(TASKS, json=body)
    taken = operator.delete(path)
    after = rival.post(TASKS, json=body)
    again = operator.delete(path)

    assert [one.status_code for one in (before, granted, during)] == [404, 200, 201]
    assert granted.json()["items"][0]["granted_by"] == "alice"
    assert [one.status_code for one in (taken, after, again)] == [200, 403, 404]


def test_a_vendor_submits_and_steers_what_it_was_granted(world: World) -> None:
    vendor = world.clients["vendor"]

    made = vendor.post(f"{V1}/commands", json={"kind": "test.note"}).json()
    stopped = vendor.post(f"{V1}/commands/{made['id']}/stop")
    detail = vendor.get(f"{V1}/commands/{made['id']}").json()

    assert (made["owner"], made["owner_type"]) == ("acme", "vendor")
    assert detail["submitted_by"] == "acme-1"
    assert stopped.status_code == 200


def test_a_vendor_adds_steps_of_ours_to_its_own_task(world: World) -> None:
    vendor, path = world.clients["vendor"], f"{V1}/commands"
    task = vendor.post(TASKS, json={"description": "wizard"}).json()
    world.house.stage.play()
    step = {"kind": "test.note", "parent": task["id"]}

    added = vendor.post(path, json=step)
    not_granted = vendor.post(path, json={**step, "kind": "test.wide"})
    elsewhere = vendor.post(path, json={**step, "parent": world.users})
    enclosing = vendor.post(path, json={**step, "parent": world.enclosing})
    dated = vendor.post(path, json={**step, "deadline": 60})
    vendor.patch(f"{TASKS}/{task['id']}", json={"status": "succeeded"})
    world.house.stage.play()

    assert (added.status_code, added.json()["parent_id"]) == (201, task["id"])
    assert [one.status_code for one in (not_granted, elsewhere, enclosing, dated)] == [
        403,
        404,
        403,
        422,
    ]
    assert vendor.get(f"{path}/{added.json()['id']}").json()["status"] == "succeeded"
    assert vendor.get(f"{path}/{task['id']}").json()["status"] == "succeeded"


def test_only_who_acts_for_others_names_another_owner(world: World) -> None:
    trusted = world.house.client("portal", Role.OPERATOR, acts_for_others=True)
    body = {"kind": "test.note", "owner": "bob"}

    refused = world.clients["operator"].post(f"{V1}/commands", json=body)
    made = trusted.post(f"{V1}/commands", json=body)
    detail = trusted.get(f"{V1}/commands/{made.json()['id']}").json()

    assert refused.status_code == 403
    assert (detail["owner"], detail["submitted_by"]) == ("bob", "portal")


def test_a_second_token_of_a_vendor_goes_on_where_the_first_was(world: World) -> None:
    second = world.house.client("acme-2", Role.VENDOR, vendor="acme")
    task = world.clients["vendor"].post(TASKS, json={"description": "shared"}).json()
    world.house.stage.play()

    world.house.tokens.create("acme-0", Role.VENDOR, vendor="acme")
    world.house.tokens.revoke("acme-0")

    assert second.patch(f"{TASKS}/{task['id']}", json={"progress": 0.5}).status_code == 200
    assert task["id"] in {one["id"] for one in second.get(TASKS).json()["items"]}
