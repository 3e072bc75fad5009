"""Who may do what."""

from __future__ import annotations

import httpx
import pytest

from orchestrator.api.sessions import COOKIE, HEADER
from orchestrator.core.access import Role
from tests.api.served import Note, Served

NOTE = {"kind": "test.note", "parameters": {}}
API = "/api/v1"
GUARDED = [
    "/commands",
    "/commands/x",
    "/commands/x/tree",
    "/feed",
    "/kinds",
    "/workers",
    "/locks",
    "/adapters",
    "/adapters/troubles",
    "/queues",
    "/whoami",
    "/external-tasks",
    "/tokens",
]


def secret_of(client: httpx.Client) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("path", GUARDED)
def test_nobody_sees_anything_without_a_token(anybody: httpx.Client, path: str) -> None:
    answer = anybody.get(API + path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Basic YTpi", "Bearer\tx"])
def test_what_is_no_token_in_force_is_not_let_in(anybody: httpx.Client, header: str) -> None:
    answer = anybody.get(f"{API}/whoami", headers={"Authorization": header})

    assert answer.status_code == 401


def test_everybody_is_told_who_they_are(viewer: httpx.Client, admin: httpx.Client) -> None:
    assert viewer.get(f"{API}/whoami").json() == {
        "name": "victor",
        "role": "viewer",
        "vendor": None,
        "permissions": ["read", "read_own"],
        "flower_url": None,
    }
    assert admin.get(f"{API}/whoami").json()["permissions"] == [
        "act_for_others",
        "administer",
        "operate",
        "read",
        "read_own",
        "report",
    ]


def test_a_viewer_reads_and_changes_nothing(viewer: httpx.Client, house: Served) -> None:
    command_id = house.stage.submit(Note())

    read = viewer.get(f"{API}/commands/{command_id}")
    submitted = viewer.post(f"{API}/commands", json=NOTE)
    stopped = viewer.post(f"{API}/commands/{command_id}/stop")
    registered = viewer.post(f"{API}/external-tasks", json={"description": "x"})

    assert read.status_code == 200
    assert [one.status_code for one in (submitted, stopped, registered)] == [403, 403, 403]
    assert "takes the role admin or operator" in submitted.json()["detail"]
    assert "takes the role admin or vendor" in registered.json()["detail"]


def test_an_operator_makes_no_tokens(operator: httpx.Client) -> None:
    answer = operator.post(f"{API}/tokens", json={"name": "me", "role": "admin"})

    assert answer.status_code == 403


def test_a_vendor_submits_no_commands(vendor: httpx.Client) -> None:
    assert vendor.get(f"{API}/commands").status_code == 200
    assert vendor.post(f"{API}/commands", json=NOTE).status_code == 403


def test_an_admin_makes_and_revokes_tokens(admin: httpx.Client, house: Served) -> None:
    made = admin.post(f"{API}/tokens", json={"name": "temp", "role": "viewer"})
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    before = house.bare(headers=headers).get(f"{API}/whoami")
    again = admin.post(f"{API}/tokens", json={"name": "temp", "role": "admin"})
    revoked = admin.delete(f"{API}/tokens/temp")
    after = house.bare(headers=headers).get(f"{API}/whoami")
    listed = {one["name"]: one for one in admin.get(f"{API}/tokens").json()["items"]}

    assert (made.status_code, before.status_code, again.status_code) == (201, 200, 409)
    assert (revoked.status_code, after.status_code) == (204, 401)
    assert listed["temp"]["revoked_at"] is not None
    assert admin.delete(f"{API}/tokens/temp").status_code == 404
    assert admin.post(f"{API}/tokens", json={"name": "x", "role": "king"}).status_code == 422


def test_no_secret_is_stored_or_listed(admin: httpx.Client, house: Served) -> None:
    secret = secret_of(admin)

    listed = admin.get(f"{API}/tokens").text

    assert secret not in listed
    assert all(secret != token.digest for token in house.tokens.list())


def test_a_session_stands_for_its_token(house: Served) -> None:
    page = house.bare()
    secret = house.tokens.create("page", Role.OPERATOR)

    opened = page.post("/login", json={"token": secret})
    seen = page.get(f"{API}/whoami")
    done = page.post(f"{API}/commands", json=NOTE, headers={"Origin": house.url})
    closed = page.post("/logout")

    assert opened.json()["name"] == "page"
    cookie = opened.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert secret.lower() not in cookie
    assert (seen.status_code, done.status_code, closed.status_code) == (200, 201, 204)
    assert page.get(f"{API}/whoami").status_code == 401


def test_a_session_is_a_resource_too(house: Served) -> None:
    page = house.bare()

    opened = page.post(f"{API}/session", json={"token": house.tokens.create("s", Role.VIEWER)})
    seen = page.get(f"{API}/whoami")
    closed = page.delete(f"{API}/session")

    assert [one.status_code for one in (opened, seen, closed)] == [200, 200, 204]
    assert page.get(f"{API}/whoami").status_code == 401


def test_another_site_changes_nothing_with_a_session(house: Served) -> None:
    page = house.bare()
    page.post("/login", json={"token": house.tokens.create("victim", Role.OPERATOR)})
    path = f"{API}/commands"

    elsewhere = page.post(path, json=NOTE, headers={"Origin": "https://evil.example"})
    nowhere = page.post(path, json=NOTE)
    with_header = page.post(path, json=NOTE, headers={HEADER: "1"})
    forged = page.post(path, json=NOTE, headers={HEADER: "1", "Origin": "https://evil.example"})

    assert [one.status_code for one in (elsewhere, nowhere, with_header, forged)] == [
        403,
        403,
        201,
        403,
    ]


def test_a_forged_or_revoked_session_is_none(house: Served) -> None:
    page = house.bare()
    page.post("/login", json={"token": house.tokens.create("short", Role.ADMIN)})
    cookie = page.cookies[COOKIE]
    forged = house.bare(cookies={COOKIE: cookie[:-1] + ("0" if cookie[-1] != "0" else "1")})

    before = forged.get(f"{API}/whoami")
    house.tokens.revoke("short")
    after = page.get(f"{API}/whoami")

    assert (before.status_code, after.status_code) == (401, 401)


def test_a_wrong_token_opens_no_session(anybody: httpx.Client) -> None:
    answer = anybody.post("/login", json={"token": "guess"})

    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
