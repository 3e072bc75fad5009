"""The invariants: what must hold of every store when all is over, whatever happened on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.core.entity import CommandEntity, Transition
from orchestrator.core.machine import STEPS
from orchestrator.core.ports import Store
from orchestrator.core.status import FINAL, Mode, Phase, Status, TaskState
from tests.model.trials import begun_after_an_addition_failed
from tests.model.world import Effect

OVER = (TaskState.CLEARED, TaskState.CLEAR_FAILED)
FEED_PAGE = 1_000


def check(
    store: Store,
    *,
    roots: Collection[str],
    effects: Iterable[Effect] = (),
    feed: Sequence[Transition] | None = None,
    running_outside: Collection[str] = (),
    attention: Collection[str] = (),
    on_one_clock: bool = False,
) -> list[str]:
    """Gives a line for everything that is wrong; nothing when all is right.

    `effects` is the ledger, `feed` what a reader saw that ran all along, `running_outside` the ids of tasks that still
    run there, `attention` the commands that may have been left for a person to settle. `on_one_clock` tells that
    ledger and store have the same time, so that what was done can be told from what was done later.
    """
    commands = {one.command_id: one for root in roots for one in store.tree(root)}
    log = read_log(store)
    wrong: list[str] = []
    wrong += _not_over(commands, attention)
    wrong += miscounted(commands.values())
    wrong += _left_over(store, commands, running_outside)
    wrong += _wrong_steps(log, commands)
    wrong += _counted_twice(log)
    wrong += _begun_after_a_stop(log)
    effects = list(effects)
    wrong += _called_twice(effects)
    if effects:
        wrong += _not_done(log, commands, effects, on_one_clock=on_one_clock)
    wrong += _ended_before_parts(log, commands)
    wrong += _undone_out_of_order(log, commands)
    wrong += begun_after_an_addition_failed(log, commands)
    if feed is not None:
        wrong += _gaps(feed, log)
    return wrong


def read_log(store: Store) -> list[Transition]:
    """Gives the whole event log, oldest first."""
    found: list[Transition] = []
    cursor = "0"
    while True:
        page = store.get_modified_commands(int(cursor), FEED_PAGE)
        if not page.items:
            return found
        found.extend(page.items)
        cursor = page.cursor or cursor


def _not_over(commands: Mapping[str, CommandEntity], attention: Collection[str]) -> Iterator[str]:
    for one in commands.values():
        allowed = one.status is Status.NEEDS_ATTENTION and one.command_id in attention
        if one.status not in FINAL and not allowed:
            yield (
                f"{_name(one)} is {one.status} ({one.phase}, pending {one.pending})"
                f" for ever: {one.message}"
            )
        if one.status in FINAL and (one.worker_id or one.wake_at):
            yield f"{_name(one)} is {one.status} and has worker {one.worker_id}, wakes {one.wake_at}"
        if one.status in FINAL and one.end_time is None:
            yield f"{_name(one)} is {one.status} and has no end time"


def miscounted(commands: Iterable[CommandEntity]) -> Iterator[str]:
    """Counts again in whole trees what needs attention: each root must say the same, at any time."""
    known = list(commands)
    counts = Counter(one.root_id for one in known if one.status is Status.NEEDS_ATTENTION)
    for one in known:
        right = counts[one.command_id] if one.is_root else 0
        if one.stuck != right:
            yield f"{_name(one)} says that {one.stuck} need attention; {right} do"


def _left_over(
    store: Store, commands: Mapping[str, CommandEntity], running_outside: Collection[str]
) -> Iterator[str]:
    for lock in store.locks():
        yield f"lock {lock.lock} is left over, held={lock.held} by {lock.command_id}"
    over = {one.command_id for one in commands.values() if one.status in FINAL}
    tasks = store.tasks(list(commands))
    for task in tasks:
        if task.command_id in over and task.state not in OVER:
            yield f"task {task.description} is left over: {task.state} {task.status}"
    owned = {task.task_id for task in tasks if task.command_id not in over}
    for task_id in running_outside:
        if task_id not in owned:
            yield f"outside task {task_id} runs, and nobody owns it"


def _wrong_steps(log: Iterable[Transition], commands: Mapping[str, CommandEntity]) -> Iterator[str]:
    last: dict[str, Transition] = {}
    for one in log:
        before = last.get(one.command_id)
        name = f"event {one.seq} of {one.command_id}"
        for step in zip(one.path, one.path[1:], strict=False):
            if step not in STEPS:
                yield f"{name}: from {step[0]} to {step[1]} is not in the table ({one.causes})"
        if before is not None and before.path[-1] is not one.path[0]:
            yield f"{name}: begins at {one.path[0]}, but the one before ended at {before.path[-1]}"
        if before is not None and before.revision >= one.revision:
            yield f"{name}: revision {one.revision} after {before.revision}"
        if before is not None and before.attempt > one.attempt:
            yield f"{name}: attempt {one.attempt} after {before.attempt}"
        last[one.command_id] = one
    for command_id, command in commands.items():
        event = last.get(command_id)
        if event is not None and event.path[-1] is not command.status:
            yield f"{_name(command)} is {command.status}, but its log ends at {event.path[-1]}"


def _begun_after_a_stop(log: Iterable[Transition]) -> Iterator[str]:
    """What is being stopped is not called again, unless somebody restarts it."""
    stopped: set[str] = set()
    for one in log:
        if {"Restart", "Reset"} & set(one.causes):
            stopped.discard(one.command_id)
        if "Claim" in one.causes and one.phase is Phase.EXECUTE and one.command_id in stopped:
            yield f"event {one.seq} of {one.command_id}: it was begun although it was being stopped"
        if "Stop" in one.causes and one.phase is Phase.EXECUTE:
            stopped.add(one.command_id)


def _counted_twice(log: Iterable[Transition]) -> Iterator[str]:
    """A final status or an undoing is reached once; only a restart or an undo leads out of it."""
    ended: dict[str, Transition] = {}
    for one in log:
        if {"Restart", "Reset"}.intersection(one.causes):
            ended.pop(one.command_id, None)
        if one.path[-1] not in FINAL or len(one.path) == 1:
            continue
        before = ended.get(one.command_id)
        # A vendor's task that is not undone itself succeeds anew when what was below it has been.
        undoing = one.path[-1] is Status.COMPENSATED or (
            one.path[-1] is Status.SUCCEEDED and "PartUndone" in one.causes
        )
        undone = undoing and before is not None
        if before is not None and not (undone and before.path[-1] is Status.SUCCEEDED):
            yield (
                f"{one.command_id} ended twice: {before.path[-1]} at event {before.seq},"
                f" {one.path[-1]} at event {one.seq}"
            )
        ended[one.command_id] = one


def _called_twice(effects: Iterable[Effect]) -> Iterator[str]:
    """Each claim calls its verb at most once."""
    calls = Counter((one.command_id, one.verb, one.attempt) for one in effects)
    for (command_id, verb, attempt), times in calls.items():
        if times > 1:
            yield f"{verb} of {command_id} was called {times} times under attempt {attempt}"


VERBS = {
    Phase.EXECUTE: ("validate", "execute"),
    Phase.END: ("end",),
    Phase.COMPENSATE: ("compensate",),
}


def _not_done(
    log: Iterable[Transition],
    commands: Mapping[str, CommandEntity],
    effects: Iterable[Effect],
    *,
    on_one_clock: bool,
) -> Iterator[str]:
    """What counts as done was done, and by the one who had the claim."""
    did = {(one.command_id, one.verb, one.attempt): one.at for one in effects if one.did}
    phases: dict[str, Phase] = {}
    for one in log:
        phase = phases.get(one.command_id, Phase.EXECUTE)
        phases[one.command_id] = one.phase
        command = commands.get(one.command_id)
        if command is None or not command.kind.startswith("model.") or "Done" not in one.causes:
            continue
        attempt = one.attempt - one.causes[one.causes.index("Done") :].count("Claim")
        times = [
            did[one.command_id, verb, attempt]
            for verb in VERBS.get(phase, ())
            if (one.command_id, verb, attempt) in did
        ]
        if not times or (on_one_clock and min(times) > one.at.timestamp()):
            yield (
                f"event {one.seq}: {phase} of {_name(command)} counts as done, and whoever had"
                f" the claim (attempt {attempt}) had not done it"
            )


def _ended_before_parts(
    log: Iterable[Transition], commands: Mapping[str, CommandEntity]
) -> Iterator[str]:
    last = {one.command_id: one for one in log if len(one.path) > 1}
    for command in commands.values():
        parent, own = last.get(command.parent_id or ""), last.get(command.command_id)
        if parent is None or own is None or parent.path[-1] not in FINAL:
            continue
        if own.seq > parent.seq and own.at > parent.at:  # one transaction has one time
            yield f"{_name(command)} went on after its parent had ended (events {parent.seq}, {own.seq})"


@dataclass(frozen=True, slots=True)
class _Deed:
    """Something that a command did and that was undone: by the numbers of events."""

    began: int
    ended: int
    undoing: int
    undone: int


def _undone_out_of_order(
    log: Iterable[Transition], commands: Mapping[str, CommandEntity]
) -> Iterator[str]:
    """What was done later in a sequence is undone before what was done earlier."""
    deeds = _deeds(log)
    found = [one for one in deeds if one in commands]
    for early in found:
        for late in found:
            if early == late or not _in_sequence(commands, early, late):
                continue
            for one in deeds[early]:
                for other in deeds[late]:
                    together = one.ended <= other.began and other.ended <= one.undoing
                    if together and other.undone > one.undoing:
                        yield (
                            f"{_name(commands[early])} began to be undone at event {one.undoing},"
                            f" before {_name(commands[late])} was at event {other.undone}"
                        )


def _deeds(log: Iterable[Transition]) -> dict[str, list[_Deed]]:
    found: dict[str, list[_Deed]] = {}
    began: dict[str, int] = {}
    ended: dict[str, int] = {}
    undoing: dict[str, int] = {}
    for one in log:
        key = one.command_id
        if Status.RUNNING in one.path and one.phase is Phase.EXECUTE:
            began.setdefault(key, one.seq)
        if one.path[-1] is Status.SUCCEEDED:
            ended[key] = one.seq
        if "Undo" in one.causes and one.path[0] is Status.SUCCEEDED:
            undoing[key] = one.seq
        if one.path[-1] is Status.COMPENSATED and key in undoing and key in began and key in ended:
            deed = _Deed(began.pop(key), ended.pop(key), undoing.pop(key), one.seq)
            found.setdefault(key, []).append(deed)
        if "Reset" in one.causes:
            for book in (began, ended, undoing):
                book.pop(key, None)
    return found


def _in_sequence(commands: Mapping[str, CommandEntity], early: str, late: str) -> bool:
    """Tells whether the nearest command above both runs its parts one after the other."""
    above = list(_lineage(commands, early))
    for one in _lineage(commands, late):
        if one in above:
            return one not in (early, late) and commands[one].mode is Mode.SEQUENCE
    return False


def _lineage(commands: Mapping[str, CommandEntity], command_id: str) -> Iterator[str]:
    here: str | None = command_id
    while here is not None and here in commands:
        yield here
        here = commands[here].parent_id


def _gaps(feed: Sequence[Transition], log: Sequence[Transition]) -> Iterator[str]:
    seen, all_of_it = [one.seq for one in feed], [one.seq for one in log]
    if seen != sorted(set(seen)):
        yield "the feed gave events twice or out of order"
    missed = sorted(set(all_of_it) - set(seen))
    if missed:
        yield f"the feed missed {len(missed)} events, the first is {missed[0]}"
    unknown = sorted(set(seen) - set(all_of_it))
    if unknown:
        yield f"the feed gave {len(unknown)} events that are not in the log, as {unknown[0]}"


def _name(command: CommandEntity) -> str:
    return f"{command.label} ({command.command_id})"
