"""The page's session: a signed cookie that stands for a token, and dies with it."""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import urlsplit

from fastapi import Request, Response

from orchestrator.api.desk import Desk
from orchestrator.core.errors import NotAllowedError

COOKIE = "orchestrator_session"
HEADER = "X-Orchestrator-Request"
SAFE = ("GET", "HEAD", "OPTIONS")


def open_session(request: Request, response: Response, digest: str, desk: Desk) -> None:
    """Sets the cookie. It names the token's digest, so a revoked token ends the session at once."""
    age_s = int(desk.settings.session_hours * 3600)
    said = f"{digest}.{int(time.time()) + age_s}"
    response.set_cookie(
        COOKIE,
        f"{said}.{_signature(said, desk)}",
        max_age=age_s,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def close_session(response: Response) -> None:
    """Takes the cookie away."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def session_digest(request: Request, desk: Desk) -> str | None:
    """Gives the digest of the token that the session stands for; None without a session in force.

    Raises NotAllowedError when another site may have sent the request.
    """
    said, _, signature = request.cookies.get(COOKIE, "").rpartition(".")
    if not hmac.compare_digest(signature, _signature(said, desk)):
        return None
    digest, _, until = said.partition(".")
    if not until.isdigit() or int(until) < time.time():
        return None
    if request.method not in SAFE and not _is_our_own_page(request):
        raise NotAllowedError(
            f"a session may only change things from its own page: send an Origin of this server"
            f" or the header {HEADER}"
        )
    return digest


def _is_our_own_page(request: Request) -> bool:
    """A browser sends Origin with what another site makes it post, and lets it add no header."""
    origin = request.headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc == request.headers.get("host")
    return HEADER in request.headers


def _signature(said: str, desk: Desk) -> str:
    return hmac.new(desk.session_secret.encode(), said.encode(), hashlib.sha256).hexdigest()
