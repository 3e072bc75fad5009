"""Notifications to owners, as files in their mailboxes: real, checkable, and delivered once."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from orchestrator import Refused

_OWNER_PATTERN = re.compile(r"[\w@+-][\w@.+-]*")


class Outbox:
    """A directory with one mailbox, a directory too, for each owner who wants to be told things."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def open_mailbox(self, owner: str) -> Path:
        """Makes the owner's mailbox if need be and gives its path."""
        mailbox = self._mailbox(owner)
        mailbox.mkdir(parents=True, exist_ok=True)
        return mailbox

    def deliver(self, owner: str, text: str, *, message_id: str) -> Path:
        """Puts a message into the owner's mailbox; the same `message_id` again replaces it.

        The file is JSON: `{"id", "to", "text"}`. Raises `Refused` when there is no outbox or no
        such mailbox.
        """
        mailbox = self._mailbox(owner)
        if not mailbox.is_dir():
            raise Refused(f"{owner!r} has no mailbox in {self._directory}; open one to notify them")
        path = mailbox / f"{message_id}.json"
        draft = mailbox / f".{message_id}.draft"
        draft.write_text(json.dumps({"id": message_id, "to": owner, "text": text}) + "\n")
        os.replace(draft, path)  # a reader sees a whole message or none
        return path

    def messages(self, owner: str) -> tuple[str, ...]:
        """Gives the texts in the owner's mailbox, sorted by message id."""
        found = sorted(self._mailbox(owner).glob("*.json"))
        return tuple(str(json.loads(path.read_text())["text"]) for path in found)

    def _mailbox(self, owner: str) -> Path:
        if self._directory is None:
            raise Refused("no outbox is configured; set ORCHESTRATOR_VDSM_OUTBOX to a directory")
        if not _OWNER_PATTERN.fullmatch(owner):
            raise Refused(f"{owner!r} cannot name a mailbox; use letters, digits and .@+-_")
        return self._directory / owner
