"""Requests that are carried out once: under a key, in one transaction, together with their answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orchestrator.core.access import Tokens
from orchestrator.core.ports import Store
from orchestrator.core.webhook import Webhooks


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a request: a digest of what was asked, and how it was answered."""

    digest: str
    answer: str


class DoneBefore(Exception):  # noqa: N818 - nothing is wrong: the answer is there
    """The request was carried out already, by somebody who was at it at the same time."""


class Single(Protocol):
    """One transaction for all that a request reads and writes. Its first write opens it, and notes the key.

    A write that fails is taken back alone, and those before it stand. Only when the database itself is lost on the way
    is the whole broken: then nothing of it is done, and `keep` says so.
    """

    @property
    def store(self) -> Store:
        """The store within this transaction."""

    @property
    def tokens(self) -> Tokens:
        """The tokens within this transaction."""

    @property
    def webhooks(self) -> Webhooks:
        """The webhooks within this transaction."""

    @property
    def is_open(self) -> bool:
        """Tells whether something was written, which nobody else sees yet."""

    def let_go(self) -> None:
        """Takes back what was written, and holds nothing any more: for who waits for others, and begins anew."""

    def keep(self, answer: str) -> None:
        """Stores the answer and commits. Raises ContendedError when the transaction was broken."""


class Requests(Protocol):
    """Where requests with a key are kept."""

    def find(self, key: str) -> Kept | None:
        """Gives what is kept under a key."""

    def single(self, key: str, digest: str) -> Single:
        """Gives a transaction for a request. Its first write raises DoneBefore when the key is known by then."""

    def forget(self, before: datetime) -> int:
        """Forgets what was answered before then; says how many there were."""
