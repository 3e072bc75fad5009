"""The front door: what engine code, the REST API and the tests talk to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from orchestrator.core.asynctask import TaskReport
from orchestrator.core.catalog import Catalog
from orchestrator.core.command import Command
from orchestrator.core.entity import CommandEntity, TaskEntity, Transition
from orchestrator.core.errors import (
    BadInputError,
    ContendedError,
    NotFoundError,
    UnavailableError,
)
from orchestrator.core.ids import is_root, is_whole_id, numbered
from orchestrator.core.ports import Sender, Store
from orchestrator.core.query import CommandQuery, Page
from orchestrator.core.sealed import masked
from orchestrator.core.status import Outcome
from orchestrator.engine.addresses import addresses_of
from orchestrator.engine.control import Control
from orchestrator.engine.deadline import deadline_at
from orchestrator.engine.door import BEAT, Door
from orchestrator.engine.grants import Grants
from orchestrator.engine.pauses import Pauser
from orchestrator.engine.report import Reporter
from orchestrator.engine.submit import Origin, Submitter
from orchestrator.engine.tree import Limits
from orchestrator.engine.unlock import unlock
from orchestrator.engine.vendor_claim import VendorClaim, VendorClaims
from orchestrator.engine.vendor_report import (
    Answer,
    VendorReport,
    VendorReporter,
    why_not_taken,
)
from orchestrator.engine.writer import Writer

__all__ = [
    "BEAT",
    "Answer",
    "Door",
    "Handle",
    "Orchestrator",
    "Pause",
    "VendorClaim",
    "VendorReport",
    "addresses_of",
    "why_not_taken",
]

PREFIX_LENGTH = 4
Pause: TypeAlias = Callable[[float, float], None]
"""Waits until told that there is news, for at most the second number of seconds; the first, if nobody tells."""


@dataclass(frozen=True, slots=True)
class Handle:
    """A submitted command: its id, and whether the idempotency key had been used before."""

    id: str
    repeated: bool = False


class Later:
    """A sender that keeps the nudges until it is told to send them."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._kept: list[CommandEntity] = []

    def launch(self, commands: Sequence[CommandEntity]) -> None:
        self._kept.extend(commands)

    def send(self) -> None:
        """Sends them."""
        kept, self._kept = self._kept, []
        if kept:
            self._sender.launch(kept)


class Orchestrator:
    """Submits commands, watches them, and carries out what operators order.

    All methods raise UnavailableError while the database does not answer. An id may be a unique prefix of
    one, or `prefix.number` for a part.
    """

    def __init__(
        self,
        store: Store,
        writer: Writer,
        catalog: Catalog,
        sender: Sender,
        *,
        limits: Limits | None = None,
        watch: Callable[[str], AbstractContextManager[Pause]] | None = None,
    ) -> None:
        self.store = store
        self.catalog = catalog
        self.sender = sender
        self._writer, self._limits = writer, limits
        self._clock = writer.clock  # not the store's: a stage turns its own
        self.vault = writer.vault
        self._submitter = Submitter(writer, catalog, limits, writer.rng)
        self._control = Control(writer)
        self._writer = writer
        self._pauser = Pauser(writer)
        self._reporter = Reporter(writer)
        self._vendor_reporter = VendorReporter(writer)
        self._vendor_claims = VendorClaims(writer)
        self.grants = Grants(writer)
        self._watch = watch or (lambda _id: nullcontext(lambda seconds, _most: time.sleep(seconds)))

    def within(self, store: Store) -> tuple[Orchestrator, Callable[[], None]]:
        """Gives a front door to another view of the same store, such as one transaction of it.

        The nudges of what becomes ready are kept; the function that comes with it sends them."""
        later = Later(self.sender)
        mine = self._writer
        writer = Writer(store, mine.policy, clock=self._clock, rng=mine.rng, vault=self.vault)
        inner = Orchestrator(
            store, writer, self.catalog, later, limits=self._limits, watch=self._watch
        )
        return inner, later.send

    # --- submitting ------------------------------------------------------------------------------

    def submit(
        self,
        command: Command,
        *,
        owner: str = "engine",
        owner_type: str = "user",
        submitted_by: str | None = None,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
        deadline: datetime | timedelta | None = None,
    ) -> Handle:
        """Stores the command with its whole plan and has it begin.

        `deadline` is a time with its zone, or how long from now; `submitted_by` names the token that it
        came with. Raises BadInputError when it cannot be accepted, ConflictError when the key is another request's.
        """
        origin = Origin(
            owner=owner,
            owner_type=owner_type,
            submitted_by=submitted_by,
            idempotency_key=idempotency_key,
            correlation_id=correlation_id,
            deadline=deadline_at(deadline, self._clock.now()),
        )
        submitted = self._submitter.submit(command, origin)
        self.sender.launch(submitted.ready)
        return Handle(submitted.command_id, submitted.repeated)

    def submit_many(
        self,
        commands: Sequence[Command],
        *,
        owner: str = "engine",
        correlation_id: str | None = None,
        deadline: datetime | timedelta | None = None,
    ) -> list[Handle]:
        """Submits many commands, each a root of its own, with few transactions; see `submit`."""
        at = deadline_at(deadline, self._clock.now())
        origin = Origin(owner=owner, correlation_id=correlation_id, deadline=at)
        handles: list[Handle] = []
        for ids, ready in self._submitter.submit_many(commands, origin):
            self._launch(ready)
            handles.extend(map(Handle, ids))
        return handles

    def make(self, kind: str, parameters: Mapping[str, Any]) -> Command:
        """Makes a command of its kind and parameters. Raises BadInputError that says what is wrong."""
        return self.catalog.make(kind, parameters)

    # --- watching --------------------------------------------------------------------------------

    def resolve_id(self, text: str) -> str:
        """Gives the full id for a unique prefix, or for `prefix.number`.

        Raises NotFoundError when there is none, BadInputError when there are several.
        """
        prefix, _, number = text.strip().lower().partition(".")
        if is_whole_id(prefix) and not number:
            if self.store.get(prefix) is None:
                raise NotFoundError(f"there is no command {text}")
            return prefix
        if len(prefix) < PREFIX_LENGTH:
            raise BadInputError(f"{text!r} is too short; write at least {PREFIX_LENGTH} characters")
        found = self.store.find_ids(prefix, 3)
        roots = [one for one in found if is_root(one)]
        if not found:
            raise NotFoundError(f"there is no command {text}")
        if len(roots) > 1:
            raise BadInputError(f"several commands begin with {prefix}; write more of the id")
        if not number:
            return roots[0] if roots else found[0]
        return self._part((roots or found)[0], number, text)

    def _part(self, root: str, number: str, text: str) -> str:
        try:
            found = numbered(root, number)
        except ValueError:
            found = ""
        if not found or self.store.get(found) is None:
            raise NotFoundError(f"there is no command {text}")
        return found

    def get(self, command_id: str) -> CommandEntity:
        """Gives a command. Raises NotFoundError."""
        whole = is_whole_id(command_id)
        found = self.store.get(command_id if whole else self.resolve_id(command_id))
        if found is None:
            raise NotFoundError(f"there is no command {command_id}")
        return found

    def tree(self, command_id: str) -> list[CommandEntity]:
        """Gives a command and all its parts, each parent before its parts."""
        return self.store.tree(self.resolve_id(command_id))

    def value(self, command_id: str) -> Any:
        """Gives a command's return value as JSON, with secrets masked, or None."""
        return masked(self.store.value(self.resolve_id(command_id)))

    def wait(self, command_id: str, timeout: float | None = None) -> CommandEntity:
        """Waits until the command has ended, for at most `timeout` seconds, and gives it as it then is.

        It goes on while the database is away, from its first look on, and raises UnavailableError only if it still is
        at the end.
        """
        began = time.monotonic()

        def left() -> float | None:
            return None if timeout is None else timeout - (time.monotonic() - began)

        while (command := self._seen(command_id, left())) is None:
            time.sleep(0.1)
        if command.status.is_final:
            return command
        with self._watch(command.command_id) as pause:
            while True:
                remaining = left()
                found = self._seen(command.command_id, remaining)
                is_over = remaining is not None and remaining <= 0
                if found is not None and (found.status.is_final or is_over):
                    return found
                # Where nobody tells us, a tenth of the time waited so far is how late we may be.
                most = 3600.0 if remaining is None else remaining
                waited = time.monotonic() - began
                pause(min(max(waited / 10, 0.002), 0.5, most), most)

    def _seen(self, command_id: str, left: float | None) -> CommandEntity | None:
        """Gives a command; None where the database is away, unless no time is left to wait for it."""
        try:
            return self.get(command_id)
        except (UnavailableError, ContendedError):
            if left is not None and left <= 0:
                raise
            return None

    def commands(self, query: CommandQuery | None = None) -> Page[CommandEntity]:
        """Lists commands, newest first."""
        return self.store.get_commands(query or CommandQuery())

    def modified_since(self, cursor: int | str = 0, limit: int = 500) -> Page[Transition]:
        """Gives what has changed since, oldest first and without gaps; go on with the page's cursor."""
        return self.store.get_modified_commands(int(cursor), limit)

    # --- operators' verbs ------------------------------------------------------------------------

    def stop(self, command_id: str, reason: str = "", *, actor: str = "engine") -> None:
        """Stops a command and all below it; what it did is undone."""
        self._launch(self._control.stop(self.resolve_id(command_id), reason, actor=actor))

    def restart(
        self,
        command_id: str,
        reason: str = "",
        *,
        from_part: str | None = None,
        actor: str = "engine",
    ) -> None:
        """Begins a failed or stopped command anew where it failed, or tries again what is stuck.

        With `from_part` it goes on from that part of its sequence, though that or what follows was done.
        """
        part = None if from_part is None else self.resolve_id(from_part)
        full_id = self.resolve_id(command_id)
        self._launch(self._control.restart(full_id, reason, actor=actor, from_part=part))

    def skip(self, command_id: str, reason: str = "", *, actor: str = "engine") -> None:
        """Goes on without a command that has not begun or is stuck."""
        self._launch(self._control.skip(self.resolve_id(command_id), reason, actor=actor))

    def resolve(
        self,
        command_id: str,
        outcome: Outcome,
        reason: str = "",
        *,
        value: Any = None,
        actor: str = "engine",
    ) -> None:
        """Says how a command came out that needs attention."""
        full_id = self.resolve_id(command_id)
        self._launch(self._control.resolve(full_id, outcome, reason, actor=actor, value=value))

    def clear(self, command_id: str, reason: str, *, actor: str = "engine") -> None:
        """Has a system outside forget the ended task of somebody else that was found there."""
        self._control.clear(self.resolve_id(command_id), reason, actor=actor)

    def pause(self, subject: str, reason: str = "", *, actor: str = "engine") -> None:
        """Has nothing of `command:ID` (or an id), `kind:K` or `scope:SYSTEM/SCOPE` be begun; what runs goes on."""
        self._pauser.pause(self._subject(subject), reason, actor=actor)

    def resume(self, subject: str, reason: str = "", *, actor: str = "engine") -> None:
        """Takes a pause back; what waited because of it is begun at once. Raises NotFoundError when there is none."""
        self._launch(self._pauser.resume(self._subject(subject), reason, actor=actor))

    def unlock(self, entity: str, reason: str, *, actor: str = "engine") -> None:
        """Frees the lock on `type:id`, which no command that has not ended may hold."""
        self._launch(unlock(self._writer, entity, reason, actor=actor))

    def _subject(self, text: str) -> str:
        of, colon, name = text.partition(":")
        if not colon:
            return f"command:{self.resolve_id(text)}"
        return f"command:{self.resolve_id(name)}" if of == "command" else text

    # --- vendors ---------------------------------------------------------------------------------

    def attach(
        self,
        parent_id: str,
        command: Command,
        *,
        owner: str,
        owner_type: str = "user",
        submitted_by: str | None = None,
        idempotency_key: str | None = None,
        vendor: str | None = None,
        best_effort: bool = False,
    ) -> Handle:
        """Adds a part to a command that waits for its parts or for work outside.

        With `vendor`, only where that vendor may: below its own, or where it was let in. Raises NotAllowedError
        else, and ConflictError when the command takes no parts now, or the key stands for another request.
        """
        origin = Origin(
            owner=owner,
            owner_type=owner_type,
            submitted_by=submitted_by,
            idempotency_key=idempotency_key,
        )
        submitted = self._submitter.attach(
            self.resolve_id(parent_id), command, origin, vendor=vendor, best_effort=best_effort
        )
        self._launch(submitted.ready)
        return Handle(submitted.command_id, submitted.repeated)

    def report(self, reports: Iterable[TaskReport]) -> None:
        """Takes news about async tasks."""
        self._launch(self._reporter.report(reports))

    def report_external(
        self, reports: Sequence[VendorReport], *, deciding: VendorReport | None = None
    ) -> list[Answer]:
        """Takes what vendors say of their tasks, in one transaction, and gives an answer to each.

        Where the `deciding` one of them cannot be taken, none is.
        """
        answers, ready = self._vendor_reporter.report(reports, deciding=deciding)
        self._launch(ready)
        return answers

    def claim_external(self, claim: VendorClaim) -> list[Answer]:
        """Gives a vendor's program tasks to work on, each to one program alone."""
        return self._vendor_claims.take(claim)

    def door(self, process_id: str) -> Door:
        """Gives what an API process says by that vendors can reach it."""
        return Door(self.store, self._clock, process_id)

    def tasks(self, command_ids: Iterable[str]) -> list[TaskEntity]:
        """Gives the async tasks of commands."""
        return self.store.tasks(list(command_ids))

    def _launch(self, ready: Sequence[CommandEntity]) -> None:
        if ready:
            self.sender.launch(ready)
