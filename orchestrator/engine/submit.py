"""Stores a command with its whole plan, in one transaction, and has it begin."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.core import event as ev
from orchestrator.core.catalog import Catalog
from orchestrator.core.command import Command
from orchestrator.core.entity import CommandEntity, NewCommand
from orchestrator.core.errors import (
    BadInputError,
    ConflictError,
    ContendedError,
    NotFoundError,
    UnavailableError,
)
from orchestrator.core.external import EXTERNAL_KINDS
from orchestrator.core.ids import late_part_id, part_id, root_id
from orchestrator.core.status import Phase, Status
from orchestrator.engine.deeds import deed_on
from orchestrator.engine.grants import check_let_in
from orchestrator.engine.sent import digests_of_sent, key_of_digest
from orchestrator.engine.storable import stored_size
from orchestrator.engine.tree import Limits, TreeBuilder
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer

TOGETHER = 100  # commands of `submit_many` in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who submits, and under which circumstances.

    `submitted_by` names the token, whoever the owner is; None where engine code submits.
    """

    owner: str = "engine"
    owner_type: str = "user"
    submitted_by: str | None = None
    correlation_id: str | None = None
    deadline: datetime | None = None
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        """Raises BadInputError for a text that no database takes."""
        texts = ("owner", "owner_type", "submitted_by", "correlation_id", "idempotency_key")
        for name in texts:
            try:
                stored_size(getattr(self, name))
            except ValueError as problem:
                raise BadInputError(f"the {name} cannot be stored: {problem}") from problem


@dataclass(frozen=True, slots=True)
class Submitted:
    """What came of a submission: the id, what is ready to be launched, and whether it was known before."""

    command_id: str
    ready: list[CommandEntity]
    repeated: bool = False


class Submitter:
    """Submits commands, and attaches parts to those that run."""

    def __init__(
        self,
        writer: Writer,
        catalog: Catalog,
        limits: Limits | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.writer = writer
        self.catalog = catalog
        self.limits = limits or Limits()
        self.rng = rng or random.SystemRandom()

    def submit(self, command: Command, origin: Origin) -> Submitted:
        """Stores the command and begins it.

        The same idempotency key gives the same command. Raises BadInputError for a bad plan, ConflictError
        for a key that stands for something else: other fields were sent, another owner or correlation id.
        """
        new_root = root_id(self.rng.getrandbits(128))
        rows = self._rows(command, origin, new_root)
        digests = self._digests(command, origin, rows[0])
        known: list[str] = []

        def begin(unit: UnitOfWork) -> None:
            earlier = self._known_request(unit, origin, digests, new_root)
            if earlier is None:
                _note(unit, origin, "submit", rows[0].entity)
                unit.add(rows)
                with unit.by(origin.submitted_by, new_root):
                    unit.tell(new_root, ev.Begin())
            else:
                known[:] = [earlier]

        request = Request("", work=begin)
        try:
            self.writer.write(request)
        except (UnavailableError, ContendedError):
            if not self._was_stored(new_root):
                raise
        if known:
            return Submitted(known[0], [], repeated=True)
        return Submitted(new_root, request.ready)

    def submit_many(
        self, commands: Sequence[Command], origin: Origin
    ) -> Iterator[tuple[list[str], list[CommandEntity]]]:
        """Stores many commands, each a root of its own, some to a transaction, and begins them.

        Gives, after each transaction, the ids that it stored and what is ready to be launched, so that workers
        begin with the first while the last are stored. Raises BadInputError before anything is stored when one
        of them cannot be accepted.
        """
        roots = [root_id(self.rng.getrandbits(128)) for _ in commands]
        trees = [
            self._rows(command, origin, new_root)
            for command, new_root in zip(commands, roots, strict=True)
        ]
        for start in range(0, len(roots), TOGETHER):
            some = slice(start, start + TOGETHER)

            def begin(unit: UnitOfWork, some: slice = some) -> None:
                for new_root, rows in zip(roots[some], trees[some], strict=True):
                    unit.add(rows)
                    unit.tell(new_root, ev.Begin())

            yield roots[some], self.writer.write(Request("", work=begin)).ready

    def _rows(self, command: Command, origin: Origin, new_root: str) -> list[NewCommand]:
        numbers = iter(range(1, self.limits.parts + 2))
        builder = TreeBuilder(
            self.catalog,
            self.limits,
            lambda: part_id(new_root, next(numbers)),
            self.writer.vault.sealing(),
        )
        like = CommandEntity(
            command_id=new_root,
            root_id=new_root,
            parent_id=None,
            kind="",
            version=1,
            label="",
            owner_id=origin.owner,
            owner_type=origin.owner_type,
            correlation_id=origin.correlation_id,
            deadline=origin.deadline,
        )
        return builder.build(command, like)

    def _known_request(
        self, unit: UnitOfWork, origin: Origin, digests: tuple[str, ...], new_root: str
    ) -> str | None:
        key = origin.idempotency_key
        if key is None or not digests:
            return None
        earlier = unit.tx.remember_request(key, digests[0], new_root)
        if earlier is None:
            return None
        known_digest, known_id = earlier
        made_with = key_of_digest(known_digest)
        if made_with is not None and made_with not in self.writer.vault.keyring.ids:
            raise ConflictError(
                f"the idempotency key {key!r} was used for command {known_id}; whether this is the same"
                f" request cannot be told, for its secrets are known by the key {made_with}, which is not"
                " set any more; look at that command, or use a new idempotency key"
            )
        if known_digest not in digests:
            raise ConflictError(
                f"the idempotency key {key!r} was used for another request (command {known_id});"
                " use a new key"
            )
        return known_id

    def _was_stored(self, command_id: str) -> bool:
        """Finds out whether a commit whose answer was lost has happened."""
        try:
            return self.writer.store.get(command_id) is not None
        except (UnavailableError, ContendedError):
            return False

    def attach(
        self,
        parent_id: str,
        command: Command,
        origin: Origin,
        *,
        vendor: str | None = None,
        best_effort: bool = False,
    ) -> Submitted:
        """Adds a part to a command that waits for its parts or for work outside.

        With `vendor`, only where that vendor may. The same idempotency key gives the same part. Raises
        NotFoundError, NotAllowedError, or ConflictError when the parent takes no parts (any more) or the key stands
        for something else.
        """
        parent = self.writer.store.get(parent_id)
        if parent is None:
            raise NotFoundError(f"there is no command {parent_id}")
        if self.writer.store.depth(parent_id) >= self.limits.depth:
            raise BadInputError(
                f"parent: command {parent_id} ({parent.kind}) lies {self.limits.depth} levels deep;"
                " nothing can be added below it"
            )
        rows = self._rows_of_part(parent, command, origin, best_effort=best_effort)
        child = rows[0].entity.command_id
        digests = self._digests(command, origin, rows[0])
        known: list[str] = []

        def add(unit: UnitOfWork) -> None:
            found = unit.command(parent_id) or parent
            if vendor is not None:
                check_let_in(unit, found, vendor)
            earlier = self._known_request(unit, origin, digests, child)
            if earlier is not None:
                known[:] = [earlier]
                return
            _check_takes_parts(unit, found)
            _note(unit, origin, "attach", rows[0].entity)
            with unit.by(origin.submitted_by, found.root_id):
                unit.tell(parent_id, ev.PartAdded())
                unit.add(rows)
                unit.tell(child, ev.Begin())

        request = Request("", work=add, near=(parent_id,))
        self.writer.write(request)
        if known:
            return Submitted(known[0], [], repeated=True)
        return Submitted(child, request.ready)

    def _rows_of_part(
        self, parent: CommandEntity, command: Command, origin: Origin, *, best_effort: bool
    ) -> list[NewCommand]:
        def new_id() -> str:
            return late_part_id(parent.root_id, self.rng.getrandbits(61))

        like = CommandEntity(
            command_id=new_id(),
            root_id=parent.root_id,
            parent_id=parent.command_id,
            kind="",
            version=1,
            label="",
            order=-1,
            best_effort=best_effort,
            owner_id=origin.owner,
            owner_type=origin.owner_type,
            correlation_id=parent.correlation_id,
        )
        sealing = self.writer.vault.sealing()
        return TreeBuilder(self.catalog, self.limits, new_id, sealing).build(command, like)

    def _digests(self, command: Command, origin: Origin, root: NewCommand) -> tuple[str, ...]:
        """Gives what the request is known by, the first to be stored; none without an idempotency key."""
        if origin.idempotency_key is None:
            return ()
        circumstances = (
            origin.owner_type,
            origin.owner,
            origin.correlation_id,
            root.entity.parent_id,
        )
        keyring = self.writer.vault.keyring
        return digests_of_sent(root.entity.kind, command, *circumstances, keyring=keyring)


def _note(unit: UnitOfWork, origin: Origin, verb: str, command: CommandEntity) -> None:
    if origin.submitted_by is not None:
        unit.tx.audit(deed_on(command, origin.submitted_by, verb, "", unit.now))


def _check_takes_parts(unit: UnitOfWork, parent: CommandEntity) -> None:
    """A parent that is being ended or undone would not see the part, nor undo it."""
    is_open = parent.status is Status.WAITING and parent.phase is Phase.EXECUTE
    if not is_open or parent.stopping is not None:
        standing = "being stopped" if parent.stopping and is_open else parent.status.value
        raise ConflictError(
            f"command {parent.command_id} ({parent.kind}) is {standing}; parts can be added only"
            " while it waits for its parts or for work outside"
        )
    task = unit.tx.open_task(parent.command_id) if parent.kind in EXTERNAL_KINDS else None
    if task is not None and task.status.has_ended:
        raise ConflictError(
            f"external task {parent.command_id} ({parent.label}) was reported to have"
            f" {task.status}; it only waits for its sub-tasks, and takes no more"
        )
