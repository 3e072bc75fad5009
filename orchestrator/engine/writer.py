"""The one writer of a process: requests of all its threads, put together into as few transactions as may be.

While one thread's transaction is on its way to the disk, the requests of the others gather; whoever gets the pen
next writes them all. A batch that fails is written again one by one, so that nobody pays for a neighbour.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.core.entity import CommandEntity, NewCommand, Payload, TaskEntity
from orchestrator.core.errors import ConflictError, ContendedError
from orchestrator.core.event import Done, Event, Suspended
from orchestrator.core.ports import Clock, Store, Transaction
from orchestrator.core.reaction import Policy
from orchestrator.core.status import Mode, Phase, Status, Verbs
from orchestrator.engine.faults import fault
from orchestrator.engine.vault import Vault
from orchestrator.engine.work import UnitOfWork

BATCH_LIMIT = 64
AHEAD = 32  # parts of a sequence that are read at once with the one that is claimed
AHEAD_LIMIT = 1_000
TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A command that a worker has just taken, with all that it needs to call the verb."""

    command: CommandEntity
    payload: Payload
    task: TaskEntity | None = None  # in the phases that start one


@dataclass(slots=True, eq=False)
class Request:
    """Something to be written: an event for one command, and what goes with it.

    With `worker_id`, the writer also claims for it, in the same transaction, one of the commands that became
    ready by this event, of a kind in `kinds`: completing a step and claiming the next is one commit. Without
    an event, it claims the command itself. `near` names commands that will be touched, so that they are
    locked in one go. `seen` is the command as this worker claimed it: while it is still that, nothing need be read.
    With `takes_any`, a worker that would get nothing takes what else is ready. `before` and `work` go with the event.
    """

    command_id: str
    event: Event | None = None
    new: Sequence[NewCommand] = ()
    worker_id: str | None = None
    kinds: frozenset[str] = frozenset()
    seen: CommandEntity | None = None
    takes_any: bool = False
    before: Callable[[UnitOfWork], None] | None = None
    work: Callable[[UnitOfWork], None] | None = None
    near: tuple[str, ...] = ()

    accepted: bool = False
    claimed: Claimed | None = None
    ready: list[CommandEntity] = field(default_factory=list)
    ended_roots: list[str] = field(default_factory=list)
    error: BaseException | None = None
    has_pen: bool = False
    asleep: threading.Lock | None = None  # held while its thread waits; lighter than an Event

    def sleep(self) -> Callable[[], object]:
        """Gives what blocks until `wake` is called."""
        self.asleep = threading.Lock()
        self.asleep.acquire()
        return self.asleep.acquire

    def wake(self) -> None:
        """Lets its thread go on, if that waits."""
        asleep, self.asleep = self.asleep, None
        if asleep is not None:
            asleep.release()


class Writer:
    """Writes events to the store. Safe to share between threads."""

    def __init__(
        self,
        store: Store,
        policy: Policy | None = None,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.store = store
        self.policy = policy or Policy()
        self.clock: Clock = clock or store
        self.rng = rng or random.SystemRandom()
        self.vault = vault or Vault()
        self.ahead: dict[str, NewCommand] = {}
        self._waiting: deque[Request] = deque()
        self._guard = threading.Lock()
        self._pen_is_out = False

    def write(self, request: Request) -> Request:
        """Writes the request and gives it back with its results.

        Raises what went wrong: Impossible or ConflictError for the event, UnavailableError for the store.
        """
        with self._guard:
            self._waiting.append(request)
            mine = not self._pen_is_out
            self._pen_is_out = True
            wait = request.sleep() if not mine else None
        if wait is not None:
            wait()
            mine = request.has_pen
        if mine:
            try:
                self._write_waiting()
            finally:
                self._pass_pen()
        if request.error is not None:
            raise request.error
        return request

    def _pass_pen(self) -> None:
        """Gives the pen to the first of those who wait: it writes for all of them.

        Nobody else is woken. Were they to wait for the pen itself, those whose request is written already would
        stand in line before those whose is not.
        """
        with self._guard:
            if not self._waiting:
                self._pen_is_out = False
                return
            self._waiting[0].has_pen = True
            self._waiting[0].wake()

    def _write_waiting(self) -> None:
        # Who has something to be written by now is let in first: fewer, larger transactions.
        time.sleep(0)
        with self._guard:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_LIMIT))]
        # Who claims what a nudge named waits for its row; who takes what is ready has locked such rows. In one
        # transaction, two of them could wait for each other.
        claims = [one for one in batch if _is_claim(one)]
        others = [one for one in batch if not _is_claim(one)]
        try:
            self._write_or_tell(claims)
            for one in claims:
                if one.takes_any and one.claimed is None and one.error is None:
                    one.command_id = ""  # somebody was quicker: whatever else is ready will do
                    others.append(one)
            self._write_or_tell(others)
        finally:
            for one in (*claims, *others):
                one.wake()

    def _write_or_tell(self, batch: list[Request]) -> None:
        """Writes a batch, or each of them alone when it fails; the error of one is told to that one."""
        try:
            if batch:
                self._write_together(batch)
        except Exception as problem:
            if len(batch) == 1:
                batch[0].error = problem
            else:
                self._write_apart(batch)

    def _write_apart(self, batch: list[Request]) -> None:
        for request in batch:
            try:
                self._write_together([request], lets_in=False)
            except Exception as problem:
                request.error = problem

    def _write_together(self, batch: list[Request], *, lets_in: bool = True) -> None:
        for attempt in range(TRIES + 1):
            try:
                self._transact(batch, trusting=attempt == 0, lets_in=lets_in and attempt == 0)
            except (ContendedError, ConflictError) as problem:
                # What was read ahead may be stale, and then so is a conflict that it led to.
                if attempt == TRIES or (attempt and isinstance(problem, ConflictError)):
                    raise
                for request in batch:  # what was read ahead may be what is not true any more
                    self._forget((request.command_id, *request.near))
                if attempt:
                    time.sleep(0.005 * 2**attempt * self.rng.random())
            else:
                return

    def _transact(self, batch: list[Request], *, trusting: bool, lets_in: bool) -> None:
        with self.store.begin() as tx:
            unit = UnitOfWork(tx, self.clock.now(), self.policy, self.rng, self.vault)
            self._look_at_claims(tx, batch)
            if trusting:
                unit.trust(self._seen(batch))
            unit.see(self._had_by_others(batch))
            unit.load(
                one for request in batch for one in (request.command_id, *request.near) if one
            )
            if lets_in:
                self._let_in(unit, batch)
            for request in batch:
                _write_one(unit, request)
            self._take_any(unit, batch)
            if any(request.claimed for request in batch):
                unit.insert_new()  # one of them may be claimed already, and is read again below
            self._equip(unit, batch)
            fault("before_commit")
            unit.flush()
        fault("after_commit")
        for request in batch:
            if request.claimed is not None:
                request.claimed = replace(
                    request.claimed, command=unit.known(request.claimed.command.command_id)
                )
            elif request.event is not None:
                self._forget(request.near)  # after the last of a sequence, its parent has moved on

    def _let_in(self, unit: UnitOfWork, batch: list[Request]) -> None:
        """Adds those who have come while this batch waited for locks, and who need no others."""
        with self._guard:
            joining = [one for one in self._waiting if _needs_only_known(unit, one)]
            del joining[BATCH_LIMIT - len(batch) :]
            if joining:
                self._waiting = deque(one for one in self._waiting if one not in joining)
        unit.trust(one.seen for one in joining if one.seen is not None)
        batch.extend(joining)

    def _forget(self, ids: Iterable[str]) -> None:
        for one in ids:
            self.ahead.pop(one, None)

    def _look_at_claims(self, tx: Transaction, batch: list[Request]) -> None:
        """Reads what is to be claimed, with all that its verbs and the next steps will need."""
        self._look(tx, [one.command_id for one in batch if _is_claim(one)])

    def _look(self, tx: Transaction, ids: list[str]) -> None:
        if ids:
            self._remember(tx.look(ids, AHEAD), ids)

    def _remember(self, found: list[NewCommand], ids: list[str]) -> None:
        if len(self.ahead) > AHEAD_LIMIT:
            self.ahead.clear()
        for one in found:
            # A parent that many write to at once must be read under a lock: what was seen of it is soon stale.
            if one.entity.mode is not Mode.PARALLEL or one.entity.command_id in ids:
                self.ahead[one.entity.command_id] = one

    def _had_by_others(self, batch: list[Request]) -> Iterator[CommandEntity]:
        """Gives what is to be claimed and cannot be: to lock it would only be in the way of those who have it."""
        for request in batch:
            found = self.ahead.get(request.command_id) if _is_claim(request) else None
            if found is not None and found.entity.status is not Status.READY:
                yield found.entity
                self._forget((request.command_id,))

    def _seen(self, batch: list[Request]) -> Iterator[CommandEntity]:
        """Gives what need not be read under a lock: what is to be claimed, each worker's own claim, and what
        follows that in its sequence, where it was read ahead.
        """
        for request in batch:
            if _is_claim(request):
                found = self.ahead.get(request.command_id)
                if found is not None and _may_be_claimed(found.entity, request):
                    yield found.entity
            elif request.seen is not None and isinstance(request.event, Done):
                yield request.seen
                near = [self.ahead.get(one) for one in request.near]
                if all(near) and _ends_with(request.seen):
                    yield from (one.entity for one in near if one is not None)

    def _take_any(self, unit: UnitOfWork, batch: list[Request]) -> None:
        """Gives workers that came away with nothing whatever else is ready.

        A worker that may not go on itself passes the word: it has one of those nudged.
        """
        away = [one for one in batch if one.takes_any and one.accepted and one.claimed is None]
        idle = [one for one in away if not _is_claim(one)]
        for kinds in {one.kinds for one in idle}:
            able = [one for one in idle if one.kinds == kinds and one.worker_id]
            tired = [one for one in idle if one.kinds == kinds and not one.worker_id]
            ids, found = unit.ready(kinds, len(able) + len(tired), AHEAD)
            self._remember(found, ids)
            for request, command_id in zip(able, ids, strict=False):
                _claim_first(unit, request, [command_id])
            for request, command_id in zip(tired, ids[len(able) :], strict=False):
                request.ready.append(call_hand(unit, command_id))

    def _equip(self, unit: UnitOfWork, batch: list[Request]) -> None:
        """Gives claimed commands what their verbs need, and reads ahead what follows them."""
        claimed = [one.claimed.command for one in batch if one.claimed is not None]
        self._look(unit.tx, [one.command_id for one in claimed if self._needs_look(unit, one)])
        payloads = self._payloads(unit, claimed)
        for request in batch:
            if request.claimed is None:
                continue
            command = request.claimed.command
            starting = command.phase in (Phase.START, Phase.START_COMPENSATE)
            task = unit.tx.open_task(command.command_id) if starting else None
            payload = payloads[command.command_id]
            request.claimed = Claimed(command=command, payload=payload, task=task)

    def _needs_look(self, unit: UnitOfWork, command: CommandEntity) -> bool:
        """Tells whether it is the last of those in its sequence that were read ahead."""
        is_new = unit.new(command.command_id) is not None
        return bool(command.next_id) and command.next_id not in self.ahead and not is_new

    def _payloads(self, unit: UnitOfWork, commands: list[CommandEntity]) -> dict[str, Payload]:
        """Finds the payloads of claimed commands; those that were not read ahead in one query."""
        found: dict[str, Payload] = {}
        for command in commands:
            known = unit.new(command.command_id) or self.ahead.pop(command.command_id, None)
            if known is not None and command.phase is Phase.EXECUTE:
                found[command.command_id] = known.payload
        missing = [one.command_id for one in commands if one.command_id not in found]
        return found | (unit.tx.payloads(missing) if missing else {})


def _is_claim(request: Request) -> bool:
    return request.event is None and bool(request.worker_id and request.command_id)


def _needs_only_known(unit: UnitOfWork, request: Request) -> bool:
    is_plain = request.seen is not None and isinstance(request.event, Done)
    return is_plain and all(unit.knows(one) for one in request.near)


def _ends_with(command: CommandEntity) -> bool:
    """Tells whether what is near to it, in its sequence, surely moves on when its verb is done."""
    is_last_verb = command.phase is Phase.EXECUTE and not command.verbs & Verbs.END
    return command.in_sequence and is_last_verb and not command.parts and not command.pending


def _may_be_claimed(command: CommandEntity, request: Request) -> bool:
    return command.status is Status.READY and command.kind in request.kinds


def _write_one(unit: UnitOfWork, request: Request) -> None:
    request.claimed, request.ready, request.ended_roots = None, [], []
    ready_before, ended_before = set(unit.became_ready), len(unit.ended_roots)
    request.accepted = request.event is None or not unit.is_fenced(
        request.command_id, request.event
    )
    if not request.accepted:
        return  # nothing is written for a worker that has lost its claim: no parts, no reports
    unit.add(request.new)
    if request.before is not None:
        request.before(unit)
    if request.event is not None:
        request.accepted = unit.tell(request.command_id, request.event)
    if request.work is not None:
        request.work(unit)
    fresh = [one for one in unit.became_ready if one not in ready_before]
    request.ended_roots = unit.ended_roots[ended_before:]
    if request.worker_id and not _keeps(unit, request):
        wanted = [request.command_id] if _is_claim(request) else fresh
        _claim_first(unit, request, wanted)
        fresh = [one for one in fresh if one in unit.became_ready]
    request.ready = [unit.known(one) for one in _leave_to_crew(unit, fresh)]


def _leave_to_crew(unit: UnitOfWork, fresh: list[str]) -> list[str]:
    """Gives those of many ready commands that are nudged; who is done with one of them comes to the others."""
    policy = unit.policy
    nudged = fresh[: policy.crew or None]
    for command_id in fresh[len(nudged) :]:
        unit.expect(command_id, within=policy.crew_grace)
    return nudged


def _keeps(unit: UnitOfWork, request: Request) -> bool:
    """Lets the worker keep its claim where the command goes on at once: its async task is to be started."""
    command = unit.command(request.command_id)
    if not isinstance(request.event, Suspended) or not request.accepted or command is None:
        return False
    if command.status is not Status.RUNNING:
        return False
    request.claimed = Claimed(command=command, payload=Payload({}))
    return True


def _claim_first(unit: UnitOfWork, request: Request, wanted: list[str]) -> None:
    """Claims the first that this worker knows how to run; the others are for nudges."""
    for command_id in wanted:
        command = unit.command(command_id)
        if command is not None and command.kind in request.kinds:
            taken = unit.claim(command_id, request.worker_id or "")
            if taken is not None:
                request.claimed = Claimed(command=taken, payload=Payload({}))
                return


def call_hand(unit: UnitOfWork, command_id: str) -> CommandEntity:
    """Gives a ready command to be nudged: whoever gets the nudge takes it, or what else is ready by then."""
    unit.expect(command_id, within=unit.policy.launch_grace)
    return unit.known(command_id)
