"""Frees a lock that nobody alive owns: the last resort, which SQL shall not have to be."""

from __future__ import annotations

from orchestrator.core import event as ev
from orchestrator.core.audit import Deed
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.core.status import FINAL
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer


def unlock(writer: Writer, entity: str, reason: str, *, actor: str) -> list[CommandEntity]:
    """Frees the lock on `type:id`; gives the commands that became ready by it.

    Raises NotFoundError when nobody holds it, ConflictError when a command does that has not ended: that is to be
    stopped, or resolved.
    """
    if not reason.strip():
        raise BadInputError(f"{entity}: somebody may rely on the lock; give a reason to free it")
    rows = [one for one in writer.store.locks() if str(one.lock) == entity and one.held]
    if not rows:
        raise NotFoundError(
            f"nobody holds a lock on {entity!r}; write it as TYPE:ID, as `locks` does"
        )
    owners = tuple(sorted({one.command_id for one in rows}, reverse=True))

    def free(unit: UnitOfWork) -> None:
        for command_id in owners:
            command = unit.command(command_id)
            if command is not None and command.status not in FINAL:
                raise ConflictError(
                    f"the lock on {entity} is held by command {command_id} ({command.kind}), which is"
                    f" {command.status}; stop or resolve that, and the lock is freed with it"
                )
        unit.tx.audit(
            Deed(
                actor=actor,
                verb="unlock",
                at=unit.now,
                reason=reason,
                subject=f"lock of {', '.join(owners)}",
                entity=entity,
            )
        )
        for granted in unit.tx.release(owners):
            unit.tell(granted, ev.LocksGranted())

    return writer.write(Request("", work=free, near=owners)).ready
