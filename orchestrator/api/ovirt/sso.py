"""Logging in as oVirt's clients do: a user's name and password for a token that lives a while.

The user is the name of one of our tokens, with any `@profile` behind it; the password is its secret.
"""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta
from urllib.parse import parse_qs

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse

from orchestrator.api.attempts import TooManyAttemptsError, keys_of
from orchestrator.api.desk import Desk
from orchestrator.api.problems import NotLoggedInError
from orchestrator.core.access import Caller, Token, digest_of
from orchestrator.core.errors import UnavailableError

FORM_BYTES = 16 * 1024
GRANT = "password"


async def log_in(desk: Desk, request: Request) -> JSONResponse:
    """Gives an access token for a name and a password."""
    form = await _form_of(request)
    user, password = form.get("username", ""), form.get("password", "")
    if form.get("grant_type", GRANT) != GRANT:
        return _refused("unsupported_grant_type", "only the grant type 'password' is known here")
    keys = keys_of(request, user)
    try:
        desk.attempts.check(keys)
        token = await to_thread.run_sync(_token_of, desk, user, password)
        if token is None:
            desk.attempts.failed(keys)
            return _refused(
                "access_denied", f"Cannot authenticate user {user!r}: no such name and password"
            )
        lives = timedelta(hours=desk.settings.session_hours)
        until = desk.orchestrator.store.now() + lives
        secret = await to_thread.run_sync(desk.tokens.log_in, token.digest, until)
    except TooManyAttemptsError as error:
        return _refused("access_denied", str(error), status=429)
    except UnavailableError as error:
        return _refused("server_error", str(error), status=503)
    body = {
        "access_token": secret,
        "scope": form.get("scope", "ovirt-app-api"),
        "exp": str(int(until.timestamp() * 1000)),
        "token_type": "bearer",
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def log_out(desk: Desk, request: Request) -> JSONResponse:
    """Takes an access token out of force; one that is unknown already is."""
    form = await _form_of(request)
    try:
        await to_thread.run_sync(desk.tokens.log_out, digest_of(form.get("token", "")))
    except UnavailableError as error:
        return _refused("server_error", str(error), status=503)
    return JSONResponse({})


def caller_of(request: Request, desk: Desk) -> Caller:
    """Gives who asks, by an access token, one of our own tokens, or a name and password. Raises NotLoggedInError."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    token: Token | None = None
    match scheme.lower():
        case "bearer":
            token = desk.tokens.find(digest_of(secret.strip()))
        case "basic":
            user, password = _name_and_password(secret.strip())
            keys = keys_of(request, user)
            desk.attempts.check(keys)
            token = _token_of(desk, user, password)
            if token is None:
                desk.attempts.failed(keys)
    if token is None:
        raise NotLoggedInError("not logged in")
    return token.bearer()


def _token_of(desk: Desk, user: str, password: str) -> Token | None:
    token = desk.tokens.find(digest_of(password))
    if token is None:
        return None
    names = (token.name, token.vendor or token.name)
    said = {user, user.rpartition("@")[0]}
    fits = [hmac.compare_digest(one.encode(), name.encode()) for one in said for name in names]
    return token if any(fits) else None


def _name_and_password(text: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


async def _form_of(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            return {}
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[-1].encode(errors="replace").decode() for name, values in found.items()}


def _refused(code: str, why: str, *, status: int = 400) -> JSONResponse:
    return JSONResponse({"error_code": code, "error": why}, status)
