"""What there is beside commands: kinds, workers, locks, adapters, queues."""

from __future__ import annotations

from fastapi import APIRouter
from typing_extensions import TypedDict

from orchestrator.api.bodies import UnlockOrder
from orchestrator.api.desk import AtDesk
from orchestrator.api.login import Follower, Operator, Reader
from orchestrator.api.once import KeyedRoute
from orchestrator.monitor.shapes import (
    AdapterList,
    Check,
    EntityView,
    KindList,
    KindView,
    LockList,
    TroubleList,
    WorkerList,
)


class QueueView(TypedDict):
    """A queue of the broker, and how many messages wait in it."""

    name: str
    length: int


class QueueList(TypedDict):
    """All queues."""

    items: list[QueueView]


router = APIRouter(tags=["registers"], route_class=KeyedRoute)


@router.get("/kinds")
def list_kinds(caller: Follower, desk: AtDesk) -> KindList:
    """Lists the kinds that can be submitted, with the JSON schema of their parameters."""
    return {"items": desk.sees(caller).kinds()}


@router.get("/kinds/{kind}")
def show_kind(kind: str, caller: Follower, desk: AtDesk) -> KindView:
    """Shows one kind."""
    return desk.sees(caller).kind(kind)


@router.get("/workers")
def list_workers(_: Reader, desk: AtDesk) -> WorkerList:
    """Lists the processes that run commands, and what each is working on."""
    return {"items": desk.monitor.workers(), "unclaimed": desk.monitor.unclaimed()}


@router.get("/locks")
def list_locks(
    _: Reader, desk: AtDesk, command_id: str | None = None, entity: str | None = None
) -> LockList:
    """Lists who holds or waits for which lock: all, of one command or tree, or on one entity."""
    one = desk.orchestrator.resolve_id(command_id) if command_id else None
    return {"items": desk.monitor.locks(one, entity or None)}


@router.post("/locks/unlock")
def unlock(caller: Operator, desk: AtDesk, order: UnlockOrder) -> LockList:
    """Frees a lock that nobody alive owns; gives who holds or waits for it then."""
    desk.orchestrator.unlock(order.entity, order.reason, actor=caller.name)
    return {"items": desk.monitor.locks(None, order.entity)}


@router.get("/entities/{entity}")
def show_entity(entity: str, _: Reader, desk: AtDesk) -> EntityView:
    """Shows what runs, waits and failed on one thing, `type:id`, and who has it locked."""
    return desk.monitor.entity(entity)


@router.get("/check")
def check(_: Reader, desk: AtDesk) -> Check:
    """Looks through all commands for rows that cannot be read, and verbs that do not heed a stop."""
    return desk.monitor.check()


@router.get("/adapters")
def list_adapters(_: Reader, desk: AtDesk) -> AdapterList:
    """Lists the adapters to other systems, and where tasks of ours are open there."""
    return {"items": desk.monitor.adapters()}


@router.get("/adapters/troubles")
def list_troubles(_: Reader, desk: AtDesk) -> TroubleList:
    """Asks all outside systems, and lists what is wrong on the way to them. It may take some seconds."""
    return {"items": desk.monitor.troubles()}


@router.get("/queues")
def list_queues(_: Reader, desk: AtDesk) -> QueueList:
    """Lists the broker's queues. 503 while the broker does not answer."""
    return {"items": [{"name": name, "length": length} for name, length in desk.queues().items()]}
