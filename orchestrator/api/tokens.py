"""Tokens over HTTP: made, listed and taken out of force, by admins."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from orchestrator.api.desk import AtDesk
from orchestrator.api.fields import Moment, Said, Span
from orchestrator.api.login import Admin
from orchestrator.api.once import KeyedRoute
from orchestrator.core.access import Role
from orchestrator.monitor.views import instant


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


router = APIRouter(tags=["access"], route_class=KeyedRoute)


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
