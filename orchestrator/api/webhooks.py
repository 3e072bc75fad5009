"""Webhooks over HTTP: where a vendor is told of its work, and what could not be delivered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from orchestrator.api.desk import AtDesk, Desk
from orchestrator.api.fields import Said
from orchestrator.api.login import Follower, Vendor
from orchestrator.api.once import KeyedRoute
from orchestrator.app import addresses_of
from orchestrator.core.access import Caller, Permission, Role
from orchestrator.core.errors import BadInputError, NotFoundError
from orchestrator.core.webhook import Endpoint, News
from orchestrator.monitor.views import instant

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=KeyedRoute)


class WebhookBody(BaseModel):
    """Where to tell a vendor, and of what; no `topics` means all. An admin names the `vendor`."""

    model_config = ConfigDict(extra="forbid")

    url: Said = Field(max_length=2_000)
    news: tuple[News, ...] = Field(default=tuple(News), min_length=1, max_length=len(News))
    topics: tuple[Said, ...] = Field(default=(), max_length=100)
    vendor: Said | None = Field(default=None, max_length=255)


class WebhookView(TypedDict):
    """A webhook without its secret."""

    id: str
    vendor: str
    url: str
    news: list[str]
    topics: list[str]
    created_at: str


class WebhookSecret(WebhookView):
    """A webhook with its new secret, which is shown this once."""

    secret: str


class WebhookList(TypedDict):
    """Webhooks, the oldest first."""

    items: list[WebhookView]


class DeadLetter(TypedDict):
    """A delivery that was given up, and why."""

    id: str
    webhook_id: str
    vendor: str
    news: str
    tries: int
    problem: str | None
    at: str


class DeadLetters(TypedDict):
    """Deliveries that were given up, the newest first; at most 500."""

    items: list[DeadLetter]


def own_endpoint(endpoint_id: str, caller: Vendor, desk: AtDesk) -> Endpoint:
    """Gives the webhook. Raises NotFoundError, for another vendor's too."""
    for one in desk.webhooks.endpoints(_vendor_of(caller)):
        if one.endpoint_id == endpoint_id:
            return one
    raise NotFoundError(f"there is no webhook {endpoint_id}")


def dead_letters_of(caller: Follower) -> str | None:
    """Gives the vendor whose dead letters the caller may see; None for all. Raises NotAllowedError."""
    if caller.role is not Role.VENDOR:
        caller.need(Permission.OPERATE)
    return _vendor_of(caller)


Own = Annotated[Endpoint, Depends(own_endpoint)]
Whose = Annotated[str | None, Depends(dead_letters_of)]


@router.get("")
def list_webhooks(caller: Vendor, desk: AtDesk) -> WebhookList:
    """Lists a vendor's webhooks; an admin sees all."""
    return {"items": [_view(one) for one in desk.webhooks.endpoints(_vendor_of(caller))]}


@router.post("", status_code=201)
def register_webhook(caller: Vendor, desk: AtDesk, body: WebhookBody) -> WebhookSecret:
    """Registers a webhook. Its secret is shown this once."""
    own = _vendor_of(caller)
    vendor = body.vendor or own
    if vendor is None:
        raise BadInputError("whose webhook is it? name the vendor")
    if own not in (None, vendor):
        raise BadInputError(f"this token speaks for the vendor {own!r}; leave the vendor out")
    _check(desk, body)
    made = desk.webhooks.register(vendor, body.url, body.news, body.topics, actor=caller.name)
    return _with_secret(made)


@router.put("/{endpoint_id}")
def change_webhook(endpoint: Own, caller: Vendor, desk: AtDesk, body: WebhookBody) -> WebhookView:
    """Changes where and of what the vendor is told; the secret stays."""
    if body.vendor not in (None, endpoint.vendor):
        raise BadInputError("a webhook stays its vendor's; register another one")
    _check(desk, body)
    changed = desk.webhooks.change(
        endpoint.endpoint_id, body.url, body.news, body.topics, actor=caller.name
    )
    return _view(changed)


@router.post("/{endpoint_id}/rotate")
def rotate_secret(endpoint: Own, caller: Vendor, desk: AtDesk) -> WebhookSecret:
    """Makes a new secret, shown this once; for a day the old one signs too."""
    return _with_secret(desk.webhooks.rotate(endpoint.endpoint_id, actor=caller.name))


@router.delete("/{endpoint_id}", status_code=204)
def remove_webhook(endpoint: Own, caller: Vendor, desk: AtDesk) -> None:
    """Forgets a webhook and all that was to be delivered to it."""
    desk.webhooks.remove(endpoint.endpoint_id, actor=caller.name)


@router.get("/dead-letters")
def list_dead_letters(whose: Whose, desk: AtDesk) -> DeadLetters:
    """Lists what could not be delivered."""
    items: list[Any] = [
        {
            "id": one.delivery_id,
            "webhook_id": one.endpoint_id,
            "vendor": one.vendor,
            "news": one.news,
            "tries": one.tries,
            "problem": one.problem,
            "at": instant(one.changed_at),
        }
        for one in desk.webhooks.dead(whose)
    ]
    return {"items": items}


@router.post("/dead-letters/{delivery_id}/resend", status_code=204)
def resend(delivery_id: str, whose: Whose, caller: Follower, desk: AtDesk) -> None:
    """Sends a dead letter again, with all its tries."""
    desk.webhooks.send_again(delivery_id, whose, actor=caller.name)


def _vendor_of(caller: Caller) -> str | None:
    return caller.owner[0] if caller.role is Role.VENDOR else None


def _check(desk: Desk, body: WebhookBody) -> None:
    addresses_of(body.url, allow_private=desk.settings.webhooks_to_private)


def _view(one: Endpoint) -> WebhookView:
    return {
        "id": one.endpoint_id,
        "vendor": one.vendor,
        "url": one.url,
        "news": list(one.news),
        "topics": list(one.topics),
        "created_at": instant(one.created_at),
    }


def _with_secret(one: Endpoint) -> WebhookSecret:
    return {**_view(one), "secret": one.secret}
