"""Who may do what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from orchestrator.api.attempts import MOST_KEPT, Attempts, TooManyAttemptsError
from orchestrator.api.sessions import COOKIE, HEADER
from orchestrator.core.access import Role
from tests.api.served import Note, Served, served
from tests.services import until

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
        "cannot": "'victor' has the role viewer; to operate takes the role admin or operator",
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
    closed = page.post("/logout", headers={"Origin": house.url})

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
    closed = page.delete(f"{API}/session", headers={"Origin": house.url})

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


def test_signing_out_ends_the_session_on_the_server(house: Served) -> None:
    page = house.bare()
    page.post("/login", json={"token": house.tokens.create("leaver", Role.VIEWER)})
    stolen = house.bare(cookies={COOKIE: page.cookies[COOKIE]})

    before = stolen.get(f"{API}/whoami")
    page.post("/logout", headers={"Origin": house.url})
    after = stolen.get(f"{API}/whoami")

    assert (before.status_code, after.status_code) == (200, 401)


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}])
def test_another_site_signs_nobody_out(house: Served, headers: dict[str, str]) -> None:
    page = house.bare()
    secret = house.tokens.create(f"stays {len(headers)}", Role.VIEWER)
    page.post("/login", json={"token": secret})

    refused = [
        page.post("/logout", headers=headers),
        page.delete(f"{API}/session", headers=headers),
    ]

    assert [one.status_code for one in refused] == [403, 403]
    assert page.get(f"{API}/whoami").status_code == 200


def test_another_site_signs_nobody_in(house: Served) -> None:
    page = house.bare()
    secret = house.tokens.create("the thief's", Role.VIEWER)

    answer = page.post("/login", json={"token": secret}, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert not page.cookies


def test_who_fails_too_often_has_to_wait(tmp_path: Path) -> None:
    with served(tmp_path, sign_ins=3, sign_in_window_s=0.5) as house:
        page, secret = house.bare(), house.tokens.create("slow", Role.VIEWER)
        sso = "/ovirt-engine/sso/oauth/token"
        body = {"username": "slow", "password": "guess"}

        failed = [page.post("/login", json={"token": "guess"}).status_code for _ in range(3)]
        right = page.post("/login", json={"token": secret})
        elsewhere = page.post(sso, data=body)
        in_use = page.get(f"{API}/whoami", headers={"Authorization": f"Bearer {secret}"})

        assert failed == [401, 401, 401]
        assert right.status_code == 429
        assert right.headers["Retry-After"] == "1"
        assert right.json()["detail"] == "too many sign-ins have failed; try again in 1 s"
        assert elsewhere.status_code == 429
        assert in_use.status_code == 200  # who is signed in is let alone
        until(lambda: page.post("/login", json={"token": secret}).is_success, what="it is over")


def test_names_and_addresses_are_counted_apart_and_forgotten() -> None:
    attempts = Attempts(most=2, window_s=60)
    for number in range(MOST_KEPT):
        attempts.failed([f"from {number}", "as root"])

    attempts.check(["from 5"])
    with pytest.raises(TooManyAttemptsError, match="too many sign-ins"):
        attempts.check(["from 5", "as root"])
    assert len(attempts._failed) == MOST_KEPT


def test_nobody_on_the_way_keeps_what_was_answered(operator: httpx.Client) -> None:
    for path in (f"{API}/commands", "/healthz", f"{API}/nowhere"):
        assert operator.get(path).headers["Cache-Control"] == "no-store"


def test_invented_methods_make_no_series(anybody: httpx.Client) -> None:
    for number in range(3):
        anybody.request(f"INVENTED{number}", "/healthz")

    metrics = anybody.get("/metrics").text

    assert "INVENTED" not in metrics
    assert 'method="other"' in metrics


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    with served(tmp_path, body_s=0.2) as house:

        def dawdle() -> Iterator[bytes]:
            yield b'{"token": '
            time.sleep(1)
            yield b'"x"}'

        answer = house.bare().post("/login", content=dawdle())

        assert answer.status_code == 408
