"""The monitor: answers what people ask about commands, workers and locks. Reads only."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from orchestrator.core.access import Sight
from orchestrator.core.audit import AuditQuery
from orchestrator.core.catalog import Catalog
from orchestrator.core.entity import CommandEntity, Transition
from orchestrator.core.errors import BadInputError, NotFoundError, UnreadableError
from orchestrator.core.ids import short
from orchestrator.core.ports import Adapter, Examinable, Store
from orchestrator.core.progress import roll_up
from orchestrator.core.query import SEARCHED, CommandQuery
from orchestrator.core.sealed import masked
from orchestrator.core.status import FINAL, Status
from orchestrator.monitor import views
from orchestrator.monitor.preview import Foresight
from orchestrator.monitor.shapes import (
    AdapterView,
    AuditPage,
    Check,
    CommandDetail,
    CommandList,
    CommandView,
    EntityView,
    EventPage,
    EventView,
    KindView,
    LockView,
    PauseView,
    Preview,
    TroubleView,
    WorkerView,
)

LIVE = tuple(one for one in Status if one not in FINAL and one is not Status.NEEDS_ATTENTION)
SHOWN = 20  # of what `check` finds
HELD_AFTER = timedelta(minutes=1)


class Monitor:
    """Projects the store. Ids are full ones.

    All methods raise UnavailableError while the store is away. `cannot` says why who looks may order nothing.
    """

    def __init__(self, store: Store, catalog: Catalog, *, cannot: str | None = None) -> None:
        self._store = store
        self._catalog = catalog
        self._cannot = cannot

    def sight(self, command: CommandEntity) -> Sight:
        """Says how much of a command is shown."""
        return Sight.WHOLE

    # --- commands --------------------------------------------------------------------------------

    def commands(self, query: CommandQuery) -> CommandList:
        """Gives a page of commands, newest first, and how many there are in each status."""
        page = self._store.get_commands(query)
        counts = self._store.count_commands(replace(query, statuses=()), SEARCHED)
        return {
            "items": self.show_all(page.items),
            "next_cursor": page.cursor,
            "total": page.total,
            "counts": _words(counts),
            "count_limit": SEARCHED,
        }

    def entity(self, entity: str, most: int = 20) -> EntityView:
        """Gives what runs, waits, failed on one thing of the world, `type:id`, and who has it locked."""
        about = CommandQuery(entity=entity, limit=most)
        return {
            "entity": entity,
            "locks": self.locks(None, entity),
            "counts": _words(self._store.count_commands(about, SEARCHED)),
            "attention": self._some(replace(about, statuses=(Status.NEEDS_ATTENTION,))),
            "live": self._some(replace(about, statuses=LIVE)),
            "failed": self._some(replace(about, statuses=(Status.FAILED, Status.STOPPED))),
            "latest": self._some(about),
        }

    def _some(self, query: CommandQuery) -> list[CommandView]:
        return self.show_all(self._store.get_commands(query).items)

    def parts(
        self, parent_id: str, statuses: Collection[Status], limit: int, cursor: str | None
    ) -> CommandList:
        """Gives a page of the direct parts of a command, in the order of its plan."""
        page = self._store.get_parts(parent_id, statuses, limit, cursor)
        return {
            "items": self.show_all(page.items),
            "next_cursor": page.cursor,
            "total": page.total,
            "counts": _words(self._store.count_parts(parent_id)),
            "count_limit": None,
        }

    def show(self, command: CommandEntity) -> CommandView:
        """Gives one command."""
        return self.show_all((command,))[0]

    def show_all(self, commands: Sequence[CommandEntity]) -> list[CommandView]:
        """Gives commands, with the progress of those that have parts found by one query."""
        composite = [one.command_id for one in commands if one.parts]
        progress = self._store.progress(composite) if composite else {}
        return self._views(commands, progress)

    def _views(
        self, commands: Sequence[CommandEntity], progress: Mapping[str, float]
    ) -> list[CommandView]:
        names = self._names(one.worker_id for one in commands)
        attention = [one.root_id for one in commands if one.stuck]
        stuck = {one.root_id: one for one in self._store.stuck(attention)} if attention else {}
        shown = [
            views.command_view(
                one,
                progress.get(one.command_id),
                names,
                stuck.get(one.root_id) if one.stuck else None,
            )
            for one in commands
        ]
        for view in shown if self._cannot is not None else ():
            forbid(view, self._cannot or "")
        return shown

    def detail(self, command: CommandEntity) -> CommandDetail:
        """Gives one command with all that hangs on it."""
        command_id = command.command_id
        payload = self._store.payload(command_id)
        shown = self.show(command)
        if payload is not None and payload.unreadable is not None:
            shown["message"] = payload.unreadable
        try:
            value = self._store.value(command_id)
        except UnreadableError as problem:
            value, shown["message"] = None, str(problem)
        return {
            **shown,
            "parameters": masked(dict(payload.parameters)) if payload else {},
            "return_value": masked(value),
            "submitted_by": self._store.submitter(command_id),
            "tasks": [views.task_view(one) for one in self._store.tasks([command_id])],
            "locks": [views.lock_view(one) for one in self._store.locks(command_id)],
            "parts_by_status": _words(self._store.count_parts(command_id)) if command.parts else {},
            "paused": self._pause_of(command),
        }

    def _pause_of(self, command: CommandEntity) -> PauseView | None:
        subjects = (f"command:{command.root_id}", f"kind:{command.kind}")
        return next((one for one in self.pauses() if one["subject"] in subjects), None)

    def pauses(self) -> list[PauseView]:
        """Gives all pauses."""
        return [
            {
                "subject": one.subject,
                "by": one.by,
                "reason": one.reason,
                "at": views.instant(one.at),
            }
            for one in self._store.pauses()
        ]

    def tree(self, commands: Sequence[CommandEntity]) -> list[CommandView]:
        """Gives the commands of a tree, each parent before its parts."""
        return self._views(commands, roll_up(commands))

    def preview(self, command: CommandEntity, verb: str) -> Preview:
        """Gives what an order would do to a command and all around it, as it stands now."""
        refused = self.show(command)["refused"].get(verb)
        return Foresight(self._store, command).of(verb, refused)

    # --- history ---------------------------------------------------------------------------------

    def history(self, command_id: str, after: str | None, limit: int) -> EventPage:
        """Gives what happened to one command, oldest first, after the event of that number."""
        start = cursor_number(after)
        rows = [one for one in self._store.history(command_id) if one.seq > start]
        more = str(rows[limit - 1].seq) if len(rows) > limit else None
        return {"items": self.events(rows[:limit]), "next_cursor": more}

    def modified_since(self, after: str | None, limit: int) -> EventPage:
        """Gives what has changed since, oldest first and without gaps."""
        page = self._store.get_modified_commands(cursor_number(after), limit)
        return {"items": self.events(page.items), "next_cursor": page.cursor}

    def events(self, rows: Sequence[Transition]) -> list[EventView]:
        """Gives rows of the event log."""
        names = self._names(one.worker_id for one in rows)
        return [views.event_view(one, names) for one in rows]

    def audit(self, query: AuditQuery) -> AuditPage:
        """Gives a page of who did what, newest first."""
        page = self._store.deeds(query)
        return {"items": [views.deed_view(one) for one in page.items], "next_cursor": page.cursor}

    # --- registers -------------------------------------------------------------------------------

    def workers(self) -> list[WorkerView]:
        """Gives all registered workers and what they are working on."""
        rows, now = self._store.workers(), self._store.now()
        claimed = self._store.claimed_by([one.worker_id for one in rows]) if rows else []
        by_worker: dict[str | None, list[CommandEntity]] = defaultdict(list)
        for one in claimed:
            by_worker[one.worker_id].append(one)
        return [views.worker_view(one, now, by_worker[one.worker_id]) for one in rows]

    def check(self) -> Check:
        """Gives what nobody would find in a list: rows that cannot be read, verbs that do not heed a stop.

        It reads all commands, so it is for who asks for it.
        """
        rows = self._store.unreadable(SHOWN)
        before = self._store.now() - HELD_AFTER
        held = [
            one
            for one in self._store.being_stopped(SHOWN)
            if one.status is Status.RUNNING and (one.last_update_time or before) <= before
        ]
        return {
            "unreadable": [
                {"id": one, "short_id": short(one), "reason": reason} for one, reason in rows
            ],
            "held": self.show_all(held),
        }

    def unclaimed(self) -> dict[str, int]:
        """Gives the kinds that wait and that no living worker knows, and how many commands there are of each."""
        now = self._store.now()
        alive = [one for one in self._store.workers() if one.alive_until > now]
        known = {kind for one in alive for kind in one.kinds}
        waiting = self._store.waiting_kinds()
        return {kind: count for kind, count in sorted(waiting.items()) if kind not in known}

    def locks(self, command_id: str | None, entity: str | None) -> list[LockView]:
        """Gives the locks: of one command or tree, or on one entity `type:id`, or all."""
        rows = self._store.locks(command_id)
        return [views.lock_view(one) for one in rows if entity in (None, str(one.lock))]

    def kinds(self) -> list[KindView]:
        """Gives all kinds of commands that this process knows."""
        return [self._kind(one) for one in self._catalog.kinds]

    def kind(self, kind: str) -> KindView:
        """Gives one kind. Raises NotFoundError."""
        if kind not in self._catalog:
            raise NotFoundError(f"there is no kind {kind!r}")
        return self._kind(kind)

    def _kind(self, kind: str) -> KindView:
        known = self._catalog.of(kind)
        return {
            "kind": kind,
            "version": known.version,
            "label": known.command.declared.label,
            "doc": inspect.cleandoc(known.command.__doc__ or ""),
            "parameters": known.command.model_json_schema(),
            "verbs": sorted(known.asks),
        }

    def adapters(self) -> list[AdapterView]:
        """Gives all adapters, and where they have open tasks."""
        counts, notes = self._store.count_open_tasks(), self._store.scope_notes()
        noted = {(one.system, one.scope): one for one in notes}
        known = sorted(counts.keys() | noted.keys())
        return [
            {
                "name": one.name,
                "pushes": bool(getattr(one, "pushes", False)),
                "scopes": [scope for system, scope in sorted(counts) if system == one.name],
                "systems": [
                    views.scope_view(at[1], noted.get(at), *counts.get(at, (0, 0)))
                    for at in known
                    if at[0] == one.name
                ],
            }
            for one in self._catalog.supplies
            if isinstance(one, Adapter)
        ]

    def troubles(self) -> list[TroubleView]:
        """Asks the adapters what is wrong on the way to their systems; it may take some seconds."""
        scopes = self._store.scopes()
        found: list[TroubleView] = []
        for one in self._catalog.supplies:
            if isinstance(one, Adapter) and isinstance(one, Examinable):
                ours = [scope for system, scope in scopes if system == one.name]
                found += [views.trouble_view(one.name, told) for told in one.examine(ours)]
        return found

    def _names(self, ids: Iterable[str | None]) -> dict[str, str]:
        if not any(ids):
            return {}
        return {one.worker_id: one.name for one in self._store.workers()}


def forbid(view: CommandView, why: str) -> None:
    """Has a view say that who looks may order nothing, and why; what nobody may now keeps its own reason."""
    view["refused"] = {**dict.fromkeys(view["actions"], why), **view["refused"]}
    view["actions"] = []


def cursor_number(cursor: str | None) -> int:
    """Reads the cursor of a page of events. Raises BadInputError."""
    if not cursor:
        return 0
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 18:
        raise BadInputError(f"the cursor {cursor!r} was not given by this server")
    return int(cursor)


def _words(counts: Mapping[Status, int]) -> dict[str, int]:
    return {status.value: counts[status] for status in Status if counts.get(status)}
