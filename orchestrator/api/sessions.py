"""The page's session: a cookie that stands for a token, until either of them is taken out of force."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import Request, Response

from orchestrator.api.desk import Desk
from orchestrator.core.access import digest_of
from orchestrator.core.errors import NotAllowedError

COOKIE = "orchestrator_session"
HEADER = "X-Orchestrator-Request"
SAFE = ("GET", "HEAD", "OPTIONS")


def open_session(request: Request, response: Response, digest: str, desk: Desk) -> None:
    """Opens a session on the server and sets its cookie. Raises NotAllowedError for another site's page.

    The server keeps it, so that it ends when one signs out, and with its token.
    """
    if request.headers.get("origin") is not None:
        check_is_our_own_page(request)
    lives = timedelta(hours=desk.settings.session_hours)
    secret = desk.tokens.log_in(digest, desk.orchestrator.store.now() + lives)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(lives.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def close_session(request: Request, response: Response, desk: Desk) -> None:
    """Ends the session on the server and takes the cookie away. Raises NotAllowedError for another site."""
    if digest := _digest(request):
        check_is_our_own_page(request)
        desk.tokens.log_out(digest)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def session_digest(request: Request) -> str | None:
    """Gives the digest of the cookie's secret; None without a cookie.

    Raises NotAllowedError when another site may have sent the request.
    """
    digest = _digest(request)
    if digest and request.method not in SAFE:
        check_is_our_own_page(request)
    return digest


def check_is_our_own_page(request: Request) -> None:
    """A browser sends Origin with what another site makes it post, and lets it add no header."""
    origin = request.headers.get("origin")
    host = request.headers.get("host")
    if not (HEADER in request.headers if origin is None else urlsplit(origin).netloc == host):
        raise NotAllowedError(
            f"a session may only change things from its own page: send an Origin of this server"
            f" or the header {HEADER}"
        )


def _digest(request: Request) -> str | None:
    secret = request.cookies.get(COOKIE)
    return digest_of(secret) if secret else None
