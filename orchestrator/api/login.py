"""Who asks: bearer tokens for programs, sessions for the page; and what each may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from typing_extensions import TypedDict

from orchestrator.api.attempts import keys_of
from orchestrator.api.desk import AtDesk, desk_at
from orchestrator.api.fields import Words
from orchestrator.api.problems import NotLoggedInError
from orchestrator.api.sessions import close_session, open_session, session_digest
from orchestrator.core.access import Caller, Permission, digest_of

TOKEN_HINT = "send 'Authorization: Bearer TOKEN'; 'orchestrator token create' makes tokens"


def caller_of(request: Request) -> Caller:
    """Gives who asks. Raises NotLoggedInError."""
    desk = desk_at(request)
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


@dataclass(frozen=True)
class WhoMay:
    """Lets in those with a permission. One dependency, and one way to a thread: every request pays for it."""

    permission: Permission

    async def __call__(self, request: Request) -> Caller:
        """Gives who asks. Raises NotLoggedInError, NotAllowedError."""
        caller = await to_thread.run_sync(caller_of, request)
        caller.need(self.permission)
        return caller


def asks_who(dependant: Dependant) -> bool:
    """Tells whether what has these dependencies is for callers who are known alone."""
    below = dependant.dependencies
    return any(isinstance(one.call, WhoMay) or asks_who(one) for one in below)


Reader = Annotated[Caller, Depends(WhoMay(Permission.READ))]
Follower = Annotated[Caller, Depends(WhoMay(Permission.READ_OWN))]
Operator = Annotated[Caller, Depends(WhoMay(Permission.OPERATE))]
Vendor = Annotated[Caller, Depends(WhoMay(Permission.REPORT))]
Admin = Annotated[Caller, Depends(WhoMay(Permission.ADMINISTER))]


class WhoAmI(TypedDict):
    """The caller, and what it may do: `read`, `read_own`, `operate`, `report`, `administer`, `act_for_others`.

    `cannot` says why it may order nothing, if so.
    """

    name: str
    role: str
    vendor: str | None
    permissions: list[str]
    flower_url: str | None
    cannot: str | None


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
        "cannot": caller.why_not(Permission.OPERATE),
    }
