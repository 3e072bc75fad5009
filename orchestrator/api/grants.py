"""Grants over HTTP: which vendors may add tasks under a command, and submit commands of a kind."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends
from typing_extensions import TypedDict

from orchestrator.api.bodies import Order
from orchestrator.api.desk import AtDesk, Desk
from orchestrator.api.login import Admin, Follower
from orchestrator.api.once import KeyedRoute
from orchestrator.core.access import Caller, Grant, GrantAbout, Permission, Sight, is_of_vendor
from orchestrator.core.errors import NotFoundError
from orchestrator.monitor.views import instant

router = APIRouter(tags=["grants"], route_class=KeyedRoute)
Ordered = Annotated[Order, Body(default_factory=Order)]


class GrantView(TypedDict):
    """What a vendor was let do, about a `command` or a `kind`, by whom and why."""

    about: str
    subject: str
    vendor: str
    granted_by: str
    reason: str
    at: str


class GrantList(TypedDict):
    """All grants about one command or kind."""

    items: list[GrantView]


def granted_command(command_id: str, caller: Follower, desk: AtDesk) -> str:
    """Gives the full id. Raises NotAllowedError for a caller who is neither its owner nor an operator."""
    command = desk.orchestrator.get(command_id)
    if caller.vendor is None or not is_of_vendor(command, caller.vendor):
        if desk.sees(caller).sight(command) is Sight.NOTHING:
            raise NotFoundError(f"there is no command {command_id}")
        caller.need(Permission.OPERATE)
    return command.command_id


def granted_kind(kind: str, desk: AtDesk) -> str:
    """Gives the kind. Raises NotFoundError."""
    return desk.monitor.kind(kind)["kind"]


Command = Annotated[str, Depends(granted_command)]
Kind = Annotated[str, Depends(granted_kind)]


@router.get("/commands/{command_id}/grants")
def list_command_grants(command: Command, desk: AtDesk) -> GrantList:
    """Lists the vendors that were let in at a command."""
    return _list(desk, GrantAbout.COMMAND, command)


@router.put("/commands/{command_id}/grants/{vendor}")
def let_in(
    command: Command, vendor: str, caller: Follower, desk: AtDesk, order: Ordered
) -> GrantList:
    """Lets a vendor add tasks of its own under a command, until that ends."""
    return _give(desk, GrantAbout.COMMAND, command, vendor, order, caller)


@router.delete("/commands/{command_id}/grants/{vendor}")
def let_in_no_more(command: Command, vendor: str, caller: Follower, desk: AtDesk) -> GrantList:
    """Takes that back; the tasks that the vendor has added stay its own."""
    return _take_back(desk, GrantAbout.COMMAND, command, vendor, caller)


@router.get("/kinds/{kind}/grants")
def list_kind_grants(_: Admin, kind: Kind, desk: AtDesk) -> GrantList:
    """Lists the vendors that may submit commands of a kind."""
    return _list(desk, GrantAbout.KIND, kind)


@router.put("/kinds/{kind}/grants/{vendor}")
def grant_kind(caller: Admin, kind: Kind, vendor: str, desk: AtDesk, order: Ordered) -> GrantList:
    """Lets a vendor submit commands of a kind, and steer those that it submitted."""
    return _give(desk, GrantAbout.KIND, kind, vendor, order, caller)


@router.delete("/kinds/{kind}/grants/{vendor}")
def withdraw_kind(caller: Admin, kind: Kind, vendor: str, desk: AtDesk) -> GrantList:
    """Takes that back; what the vendor has submitted goes on."""
    return _take_back(desk, GrantAbout.KIND, kind, vendor, caller)


def _give(
    desk: Desk, about: GrantAbout, subject: str, vendor: str, order: Order, caller: Caller
) -> GrantList:
    desk.orchestrator.grants.give(about, subject, vendor, order.reason, actor=caller.name)
    return _list(desk, about, subject)


def _take_back(
    desk: Desk, about: GrantAbout, subject: str, vendor: str, caller: Caller
) -> GrantList:
    desk.orchestrator.grants.take_back(about, subject, vendor, "", actor=caller.name)
    return _list(desk, about, subject)


def _list(desk: Desk, about: GrantAbout, subject: str) -> GrantList:
    found = desk.orchestrator.store.grants(about=about, subject=subject)
    return {"items": [_view(one) for one in found]}


def _view(grant: Grant) -> GrantView:
    return {
        "about": grant.about.value,
        "subject": grant.subject,
        "vendor": grant.vendor,
        "granted_by": grant.granted_by,
        "reason": grant.reason,
        "at": instant(grant.at),
    }
