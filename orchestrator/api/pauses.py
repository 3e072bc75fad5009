"""Pauses over HTTP: of a command, of a kind, of an outside scope."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import Field

from orchestrator.api.bodies import Order
from orchestrator.api.desk import AtDesk
from orchestrator.api.fields import Said
from orchestrator.api.login import Operator, Reader
from orchestrator.api.once import KeyedRoute
from orchestrator.monitor.shapes import CommandDetail, PauseList

router = APIRouter(tags=["pauses"], route_class=KeyedRoute)
Ordered = Annotated[Order, Body(default_factory=Order)]


class PauseBody(Order):
    """What is to be paused: `command:ID`, `kind:K` or `scope:SYSTEM/SCOPE`; and why."""

    subject: Said = Field(max_length=500)


@router.get("/pauses")
def list_pauses(_: Reader, desk: AtDesk) -> PauseList:
    """Lists what is paused, by whom and why."""
    return {"items": desk.monitor.pauses()}


@router.post("/pauses", status_code=201)
def pause(caller: Operator, desk: AtDesk, body: PauseBody) -> PauseList:
    """Has nothing of the subject be begun; what runs goes on."""
    desk.orchestrator.pause(body.subject, body.reason, actor=caller.name)
    return {"items": desk.monitor.pauses()}


@router.post("/pauses/resume")
def resume(caller: Operator, desk: AtDesk, body: PauseBody) -> PauseList:
    """Takes a pause back; what waited because of it is begun at once."""
    desk.orchestrator.resume(body.subject, body.reason, actor=caller.name)
    return {"items": desk.monitor.pauses()}


@router.post("/commands/{command_id}/pause")
def pause_command(command_id: str, caller: Operator, desk: AtDesk, order: Ordered) -> CommandDetail:
    """Has nothing new of a whole command be begun; what runs goes on."""
    desk.orchestrator.pause(command_id, order.reason, actor=caller.name)
    return desk.sees(caller).detail(desk.orchestrator.get(command_id))


@router.post("/commands/{command_id}/resume")
def resume_command(
    command_id: str, caller: Operator, desk: AtDesk, order: Ordered
) -> CommandDetail:
    """Lets a paused command go on."""
    desk.orchestrator.resume(command_id, order.reason, actor=caller.name)
    return desk.sees(caller).detail(desk.orchestrator.get(command_id))
