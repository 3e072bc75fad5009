"""Who asks: bearer tokens for programs, sessions for the page; and what each may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from typing_extensions import TypedDict

from orchestrator.api.attempts import keys_of
from orchestrator.api.described import BEARER, SESSION
from orchestrator.api.desk import AtDesk
from orchestrator.api.fields import Words
from orchestrator.api.problems import NotLoggedInError
from orchestrator.api.sessions import close_session, open_session, session_digest
from orchestrator.core.access import Caller, Permission, digest_of

TOKEN_HINT = "send 'Authorization: Bearer TOKEN'; 'orchestrator token create' makes tokens"


def caller_of(
    request: Request,
    desk: AtDesk,
    _bearer: Annotated[object, Depends(BEARER)] = None,  # these two for the OpenAPI document
    _session: Annotated[object, Depends(SESSION)] = None,
) -> Caller:
    """Gives who asks. Raises NotLoggedInError."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        digest: str | None = digest_of(secret.strip())
    else:
        digest = session_digest(request)
    if digest is None:
        raise NotLoggedInError(f"not logged in; {TOKEN_HINT}")
    token = desk.tokens.find(digest)
    if token is None:
        raise NotLoggedInError(f"the token is unknown or was revoked; {TOKEN_HINT}")
    request.state.digest = digest  # for what outlives this moment: a stream ends with its token
    return token.bearer()


def _who_may(permission: Permission) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        caller.need(permission)
        return caller

    return check


Reader = Annotated[Caller, Depends(_who_may(Permission.READ))]
Follower = Annotated[Caller, Depends(_who_may(Permission.READ_OWN))]
Operator = Annotated[Caller, Depends(_who_may(Permission.OPERATE))]
Vendor = Annotated[Caller, Depends(_who_may(Permission.REPORT))]
Admin = Annotated[Caller, Depends(_who_may(Permission.ADMINISTER))]


class WhoAmI(TypedDict):
    """The caller, and what it may do: `read`, `read_own`, `operate`, `report`, `administer`, `act_for_others`."""

    name: str
    role: str
    vendor: str | None
    permissions: list[str]
    flower_url: str | None


class LoginBody(BaseModel):
    """The token to log in with."""

    token: Words


router = APIRouter(tags=["access"])
short_router = APIRouter(include_in_schema=False)


@router.get("/whoami")
def show_caller(caller: Follower, desk: AtDesk) -> WhoAmI:
    """Says who asks, and what they may do."""
    return _whoami(caller, desk)


@router.post("/session")
@short_router.post("/login")
def log_in(body: LoginBody, request: Request, response: Response, desk: AtDesk) -> WhoAmI:
    """Opens a session for the page, as a cookie. After many failures it answers 429 for a while."""
    keys = keys_of(request)
    desk.attempts.check(keys)
    token = desk.tokens.find(digest_of(body.token.strip()))
    if token is None:
        desk.attempts.failed(keys)
        raise NotLoggedInError(f"the token is unknown or was revoked; {TOKEN_HINT}")
    open_session(request, response, token.digest, desk)
    return _whoami(token.bearer(), desk)


@router.delete("/session", status_code=204)
@short_router.post("/logout", status_code=204)
def log_out(request: Request, response: Response, desk: AtDesk) -> None:
    """Ends the session, on the server too, and the streams that are open in it."""
    close_session(request, response, desk)


def _whoami(caller: Caller, desk: AtDesk) -> WhoAmI:
    return {
        "name": caller.name,
        "role": caller.role.value,
        "vendor": caller.vendor,
        "permissions": sorted(caller.permissions),
        "flower_url": desk.flower_url,
    }
