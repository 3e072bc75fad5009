"""What an order would do, before it is given: how much it stops, undoes, frees and asks others to stop."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.locks import LockRow
from orchestrator.core.ports import Store
from orchestrator.core.status import FINAL, Status, TaskState, Verbs
from orchestrator.monitor.shapes import Preview, SystemAsked

LIVE_TASKS = (TaskState.INITIALIZING, TaskState.POLLING)


class Foresight:
    """Looks at one tree as it stands now."""

    def __init__(self, store: Store, command: CommandEntity) -> None:
        self._store = store
        self._command = command
        self._tree = store.tree(command.root_id)
        self._parts: dict[str | None, list[CommandEntity]] = defaultdict(list)
        for one in self._tree:
            self._parts[one.parent_id].append(one)
        self._known = {one.command_id: one for one in self._tree}

    def of(self, verb: str, refused: str | None) -> Preview:
        """Gives what the verb would do."""
        stops, undoes, skips, redoes = 0, 0, 0, 0
        frees: list[LockRow] = []
        asks: list[SystemAsked] = []
        match verb:
            case "stop":
                failing = self._below(self._fails_with())
                below = self._below(self._command)
                stops = sum(one.status not in FINAL and not one.parts for one in below)
                skips = sum(one.status is Status.PENDING for one in failing) - sum(
                    one.status is Status.PENDING for one in below
                )
                undoes = sum(_will_be_undone(one) for one in failing)
                asks = self._asked(below)
                frees = self._held_by(failing)
            case "skip":
                pending = [one for one in self._below(self._command) if one.status not in FINAL]
                skips = sum(not one.parts for one in pending)
                asks = self._asked(pending)
                frees = self._held_by([self._command])
            case "restart":
                ended = self._command.status in FINAL
                below = self._below(self._command) if ended else [self._command]
                redoes = sum(one.status is not Status.SUCCEEDED and not one.parts for one in below)
            case _:
                pass
        return {
            "verb": verb,
            "allowed": refused is None,
            "refused": refused,
            "stops": stops,
            "skips": skips,
            "undoes": undoes,
            "redoes": redoes,
            "frees": sorted({str(one.lock) for one in frees}),
            "asks": asks,
            "sentence": _sentence(stops, skips, undoes, redoes, len(frees), asks),
        }

    def _fails_with(self) -> CommandEntity:
        """Gives the highest command that comes to an end with this one: a best-effort part ends alone."""
        one = self._command
        while one.parent_id is not None and not one.best_effort:
            parent = self._known.get(one.parent_id)
            if parent is None or parent.status in FINAL:
                break
            one = parent
        return one

    def _below(self, top: CommandEntity) -> list[CommandEntity]:
        found, stack = [], [top]
        while stack:
            one = stack.pop()
            found.append(one)
            stack.extend(self._parts[one.command_id])
        return found

    def _asked(self, commands: Sequence[CommandEntity]) -> list[SystemAsked]:
        live = [one.command_id for one in commands if one.status not in FINAL]
        tasks: list[TaskEntity] = self._store.tasks(live) if live else []
        counts = Counter((one.system, one.scope) for one in tasks if one.state in LIVE_TASKS)
        return [
            {"system": system, "scope": scope, "tasks": count}
            for (system, scope), count in sorted(counts.items())
        ]

    def _held_by(self, commands: Sequence[CommandEntity]) -> list[LockRow]:
        ids = {one.command_id for one in commands}
        rows = self._store.locks(self._command.root_id)
        return [one for one in rows if one.held and one.command_id in ids]


def _will_be_undone(command: CommandEntity) -> bool:
    return command.status is Status.SUCCEEDED and bool(command.verbs & Verbs.COMPENSATE)


def _sentence(
    stops: int, skips: int, undoes: int, redoes: int, frees: int, asks: Sequence[SystemAsked]
) -> str:
    said = [
        f"{verb} {count} {thing}{'' if count == 1 else 's'}"
        for verb, count, thing in (
            ("stops", stops, "part"),
            ("leaves out", skips, "part"),
            ("undoes", undoes, "part"),
            ("does again", redoes, "part"),
            ("frees", frees, "lock"),
        )
        if count
    ]
    # A vendor is known by its own name, not by that of the adapter for all of them.
    said += [f"asks {one['scope'] or one['system']} to stop" for one in asks]
    return ", ".join(said) or "changes nothing below it"
