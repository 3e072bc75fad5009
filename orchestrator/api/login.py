"""Who asks: bearer tokens for programs, sessions for the page; and what each may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from orchestrator.api.described import BEARER, SESSION
from orchestrator.api.desk import AtDesk
from orchestrator.api.fields import Moment, Said, Span, Words
from orchestrator.api.problems import NotLoggedInError
from orchestrator.api.sessions import close_session, open_session, session_digest
from orchestrator.core.access import Caller, Permission, Role, digest_of
from orchestrator.monitor.views import instant

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
        digest = session_digest(request, desk)
    if digest is None:
        raise NotLoggedInError(f"not logged in; {TOKEN_HINT}")
    token = desk.tokens.find(digest)
    if token is None:
        raise NotLoggedInError(f"the token is unknown or was revoked; {TOKEN_HINT}")
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


class TokenBody(BaseModel):
    """The token to make. `vendor` is whom it speaks for (default: its name), with the role vendor alone.

    `acts_for_others` lets it name another owner in what it submits.
    """

    model_config = ConfigDict(extra="forbid")

    name: Said = Field(max_length=100)
    role: Role
    vendor: Said | None = Field(default=None, max_length=255)
    expires_at: Moment | Span | None = None
    acts_for_others: bool = False


class TokenView(TypedDict):
    """A token without its secret."""

    name: str
    role: str
    vendor: str | None
    created_at: str
    revoked_at: str | None
    expires_at: str | None
    acts_for_others: bool


class NewToken(TypedDict):
    """A token that has just been made; the secret is shown this once."""

    name: str
    role: str
    token: str


class TokenList(TypedDict):
    """All tokens by name."""

    items: list[TokenView]


router = APIRouter(tags=["access"])
short_router = APIRouter(include_in_schema=False)


@router.get("/whoami")
def show_caller(caller: Follower, desk: AtDesk) -> WhoAmI:
    """Says who asks, and what they may do."""
    return _whoami(caller, desk)


@router.post("/session")
@short_router.post("/login")
def log_in(body: LoginBody, request: Request, response: Response, desk: AtDesk) -> WhoAmI:
    """Opens a session for the page, as a cookie."""
    token = desk.tokens.find(digest_of(body.token.strip()))
    if token is None:
        raise NotLoggedInError(f"the token is unknown or was revoked; {TOKEN_HINT}")
    open_session(request, response, token.digest, desk)
    return _whoami(token.bearer(), desk)


@router.delete("/session", status_code=204)
@short_router.post("/logout", status_code=204)
def log_out(response: Response) -> None:
    """Ends the session."""
    close_session(response)


@router.get("/tokens")
def list_tokens(_: Admin, desk: AtDesk) -> TokenList:
    """Lists all tokens, without their secrets."""
    return {
        "items": [
            {
                "name": one.name,
                "role": one.role.value,
                "vendor": one.vendor,
                "created_at": instant(one.created_at),
                "revoked_at": instant(one.revoked_at),
                "expires_at": instant(one.expires_at),
                "acts_for_others": one.acts_for_others,
            }
            for one in desk.tokens.list()
        ]
    }


@router.post("/tokens", status_code=201)
def create_token(body: TokenBody, caller: Admin, desk: AtDesk) -> NewToken:
    """Makes a token and shows its secret, this once."""
    expires_at = body.expires_at
    if isinstance(expires_at, timedelta):
        expires_at = desk.orchestrator.store.now() + expires_at
    secret = desk.tokens.create(
        body.name,
        body.role,
        vendor=body.vendor,
        expires_at=expires_at,
        acts_for_others=body.acts_for_others,
        actor=caller.name,
    )
    return {"name": body.name, "role": body.role.value, "token": secret}


@router.delete("/tokens/{name}", status_code=204)
def revoke_token(name: str, caller: Admin, desk: AtDesk) -> None:
    """Takes a token out of force, and the sessions that stand on it."""
    desk.tokens.revoke(name, actor=caller.name)


def _whoami(caller: Caller, desk: AtDesk) -> WhoAmI:
    return {
        "name": caller.name,
        "role": caller.role.value,
        "vendor": caller.vendor,
        "permissions": sorted(caller.permissions),
        "flower_url": desk.flower_url,
    }
