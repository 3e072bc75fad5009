"""More of what must hold of every log: rules that tell of one kind of mistake each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from orchestrator.core.entity import CommandEntity, Transition
from orchestrator.core.status import Mode, Status


def begun_after_an_addition_failed(
    log: Iterable[Transition], commands: Mapping[str, CommandEntity]
) -> Iterator[str]:
    """A part that was added to a sequence and failed stops it: none of its plan is begun after that."""
    broken: dict[str, Transition] = {}
    for one in log:
        command = commands.get(one.command_id)
        if command is None:
            continue
        if {"Restart", "Reset"} & set(one.causes):
            broken.pop(one.command_id, None)
        parent = commands.get(command.parent_id or "")
        if parent is None or parent.mode is not Mode.SEQUENCE:
            continue
        if command.order < 0:
            failed = one.path[-1] in (Status.FAILED, Status.STOPPED) and not command.best_effort
            if failed and parent.command_id not in broken:
                broken[parent.command_id] = one
        elif one.path[0] is Status.PENDING and "Begin" in one.causes:
            cause = broken.get(parent.command_id)
            if cause is not None and one.at > cause.at:
                yield (
                    f"event {one.seq}: {name_of(command)} was begun after a part that was added to"
                    f" {name_of(parent)} had failed at event {cause.seq}"
                )


def settled_by_nobody(log: Iterable[Transition], stopped: Collection[str]) -> Iterator[str]:
    """Finds what needed attention and was ended by a deadline, or a stop of something else: nobody had looked."""
    for one in log:
        left = one.path[0] is Status.NEEDS_ATTENTION and len(one.path) > 1
        if left and "Stop" in one.causes and one.command_id not in stopped:
            if not {"Resolve", "Skip", "Restart", "TaskEnded", "Progressed", "PartEnded"} & set(
                one.causes
            ):
                yield f"event {one.seq}: {one.command_id} was unknown, and a stop settled it as {one.path[-1]}"


def name_of(command: CommandEntity) -> str:
    """Names a command for who looks into a failed run."""
    return f"{command.label} ({command.command_id})"
