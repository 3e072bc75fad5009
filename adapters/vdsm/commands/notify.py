"""Telling the owner of a thing what became of it."""

from __future__ import annotations

from datetime import timedelta

from adapters.vdsm.adapter import Vdsm
from orchestrator import Command, Run


class NotifyOwner(
    Command, kind="owner.notify", label="Notify the owner", timeout=timedelta(minutes=1)
):
    """Puts a message into the mailbox of `recipient`, or else of the command's owner."""

    text: str
    recipient: str | None = None

    def execute(self, vdsm: Vdsm, run: Run) -> None:
        # The key names the message, so a second call delivers nothing new.
        message_id = run.idempotency_key
        vdsm.outbox.deliver(self.recipient or run.owner, self.text, message_id=message_id)
