"""What the audit says of a deed that was done to a command."""

from __future__ import annotations

from datetime import datetime

from orchestrator.core.audit import Deed
from orchestrator.core.entity import CommandEntity


def deed_on(command: CommandEntity, actor: str, verb: str, reason: str, at: datetime) -> Deed:
    """Gives the deed with all that shall still be known of the command when it is gone."""
    about = f"{command.entity_type}:{command.entity_id}" if command.entity_id else None
    return Deed(
        actor=actor,
        verb=verb,
        at=at,
        reason=reason,
        subject=f"{command.label} ({command.kind})",
        command_id=command.command_id,
        root_id=command.root_id,
        entity=about,
    )
