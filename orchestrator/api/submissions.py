"""Who may submit and steer what: operators all; a vendor kinds that it was granted, and its own trees."""

from __future__ import annotations

from orchestrator.api.bodies import Submission, check_deadline
from orchestrator.api.desk import Desk
from orchestrator.app import Handle
from orchestrator.core.access import Caller, GrantAbout, Permission, Role, Sight, is_of_vendor
from orchestrator.core.errors import BadInputError, NotAllowedError, NotFoundError


def submit(caller: Caller, body: Submission, desk: Desk) -> Handle:
    """Submits a command, or adds it to another. Raises NotAllowedError for what is not the caller's to do."""
    check_submits(caller, body.kind, desk)
    owner, owner_type = caller.owner
    if body.owner is not None and body.owner != owner:
        caller.need(Permission.ACT_FOR_OTHERS)
        owner, owner_type = body.owner, "user"
    command = desk.orchestrator.make(body.kind, body.parameters)
    if body.parent is not None:
        if body.deadline is not None or body.correlation_id is not None:
            raise BadInputError(
                "deadline, correlation_id: a part has those of its root; leave them out"
            )
        check_sees(caller, body.parent, desk)
        return desk.orchestrator.attach(
            body.parent,
            command,
            owner=owner,
            owner_type=owner_type,
            submitted_by=caller.name,
            vendor=caller.vendor,
        )
    check_deadline(body.deadline, desk.orchestrator.store.now())
    return desk.orchestrator.submit(
        command,
        owner=owner,
        owner_type=owner_type,
        submitted_by=caller.name,
        correlation_id=body.correlation_id,
        deadline=body.deadline,
    )


def check_sees(caller: Caller, command_id: str, desk: Desk) -> None:
    """Raises NotFoundError for what the caller sees nothing of, and was not let in at."""
    command = desk.orchestrator.get(command_id)
    if desk.sees(caller).sight(command) is not Sight.NOTHING:
        return
    store = desk.orchestrator.store
    granted = store.grants(
        vendor=caller.vendor, about=GrantAbout.COMMAND, subject=command.command_id
    )
    if not granted:
        raise NotFoundError(f"there is no command {command_id}")


def check_submits(caller: Caller, kind: str, desk: Desk) -> None:
    """Raises NotAllowedError unless the caller may submit commands of that kind."""
    if caller.role is not Role.VENDOR:
        caller.need(Permission.OPERATE)
        return
    vendor, _ = caller.owner
    store = desk.orchestrator.store
    if not store.grants(vendor=vendor, about=GrantAbout.KIND, subject=kind):
        raise NotAllowedError(
            f"the vendor {vendor!r} was not granted the kind {kind!r};"
            f" an admin may: orchestrator grant give kind {kind} {vendor}"
        )


def check_steers(caller: Caller, command_id: str, desk: Desk) -> None:
    """Raises NotAllowedError unless the caller may stop, restart, skip and resolve the command.

    A vendor may in trees that it submitted itself: elsewhere it reports, and does not order.
    """
    if caller.role is not Role.VENDOR:
        caller.need(Permission.OPERATE)
        return
    vendor, _ = caller.owner
    command = desk.orchestrator.get(command_id)
    root = desk.orchestrator.get(command.root_id)
    if is_of_vendor(root, vendor):
        return
    if desk.sees(caller).sight(command) is Sight.NOTHING:
        raise NotFoundError(f"there is no command {command_id}")
    raise NotAllowedError(
        f"command {command.command_id} is a part of {root.command_id}, which the vendor {vendor!r} did"
        " not submit; it may report on its own tasks there, not steer"
    )
