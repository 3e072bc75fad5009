"""What a vendor sees: its own trees whole, what encloses them or hangs below them in outline, nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from orchestrator.core.access import VENDOR_OWNED, GrantAbout, Sight, is_of_vendor
from orchestrator.core.catalog import Catalog
from orchestrator.core.entity import CommandEntity, Transition
from orchestrator.core.errors import NotFoundError
from orchestrator.core.ports import Store
from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status
from orchestrator.monitor.monitor import Monitor, forbid
from orchestrator.monitor.shapes import (
    CommandDetail,
    CommandList,
    CommandView,
    EventPage,
    EventView,
    KindView,
)


class VendorMonitor(Monitor):
    """A monitor with the eyes of one vendor."""

    def __init__(self, store: Store, catalog: Catalog, vendor: str) -> None:
        super().__init__(store, catalog)
        self.vendor = vendor

    def sight(self, command: CommandEntity) -> Sight:
        if is_of_vendor(command, self.vendor):
            return Sight.WHOLE
        return self._sights((command,))[command.command_id]

    def commands(self, query: CommandQuery) -> CommandList:
        """Gives a page of what belongs to the vendor."""
        return super().commands(replace(query, owner=self.vendor, owner_type=VENDOR_OWNED))

    def parts(
        self, parent_id: str, statuses: Collection[Status], limit: int, cursor: str | None
    ) -> CommandList:
        self._check_sees(parent_id)
        page = super().parts(parent_id, statuses, limit, cursor)
        return {**page, "total": None, "counts": {}}

    def show(self, command: CommandEntity) -> CommandView:
        if self.sight(command) is Sight.NOTHING:
            raise _unknown(command.command_id)
        return super().show(command)

    def show_all(self, commands: Sequence[CommandEntity]) -> list[CommandView]:
        return self._dimmed(commands, super().show_all(commands))

    def _views(
        self, commands: Sequence[CommandEntity], progress: Mapping[str, float]
    ) -> list[CommandView]:
        """A vendor steers the trees that it submitted; elsewhere it reports."""
        views = super()._views(commands, progress)
        roots = self._of(one.root_id for one in commands)
        for view in views:
            root = roots.get(view["root_id"])
            if root is None or not is_of_vendor(root, self.vendor):
                forbid(view, f"the vendor {self.vendor!r} did not submit this tree; it may report")
        return views

    def tree(self, commands: Sequence[CommandEntity]) -> list[CommandView]:
        if commands and self.sight(commands[0]) is Sight.NOTHING:
            raise _unknown(commands[0].command_id)
        return self._dimmed(commands, super().tree(commands))

    def kinds(self) -> list[KindView]:
        """Gives the kinds that the vendor was granted."""
        granted = self._store.grants(vendor=self.vendor, about=GrantAbout.KIND)
        wanted = {one.subject for one in granted}
        return [self._kind(one) for one in self._catalog.kinds if one in wanted]

    def kind(self, kind: str) -> KindView:
        if not self._store.grants(vendor=self.vendor, about=GrantAbout.KIND, subject=kind):
            raise NotFoundError(f"there is no kind {kind!r}")
        return super().kind(kind)

    def detail(self, command: CommandEntity) -> CommandDetail:
        match self.sight(command):
            case Sight.WHOLE:
                return super().detail(command)
            case Sight.OUTLINE:
                return {
                    **self.show(command),
                    "parameters": {},
                    "return_value": None,
                    "submitted_by": None,
                    "tasks": [],
                    "locks": [],
                    "parts_by_status": {},
                    "paused": None,
                }
            case Sight.NOTHING:
                raise _unknown(command.command_id)

    def history(self, command_id: str, after: str | None, limit: int) -> EventPage:
        self._check_sees(command_id)
        return super().history(command_id, after, limit)

    def events(self, rows: Sequence[Transition]) -> list[EventView]:
        known = self._of(one.command_id for one in rows)
        sights = self._sights(list(known.values()))
        shown = []
        for view in super().events(rows):
            match sights.get(view["command_id"], Sight.NOTHING):
                case Sight.WHOLE:
                    shown.append(view)
                case Sight.OUTLINE:
                    shown.append(
                        {**view, "message": None, "worker": None, "actor": None, "deed": None}
                    )
                case Sight.NOTHING:
                    pass
        return shown

    def _check_sees(self, command_id: str) -> None:
        command = self._store.get(command_id)
        if command is None or self.sight(command) is Sight.NOTHING:
            raise _unknown(command_id)

    def _of(self, ids: Iterable[str]) -> dict[str, CommandEntity]:
        return {one.command_id: one for one in self._store.get_all(list(dict.fromkeys(ids)))}

    def _dimmed(
        self, commands: Sequence[CommandEntity], views: list[CommandView]
    ) -> list[CommandView]:
        sights = self._sights(commands)
        return [
            view if sights[view["id"]] is Sight.WHOLE else outline(view)
            for view in views
            if sights[view["id"]] is not Sight.NOTHING
        ]

    def _sights(self, commands: Sequence[CommandEntity]) -> dict[str, Sight]:
        """Says how much is seen of each: one query for all their trees, and one for each level above."""
        found = {one.command_id: Sight.NOTHING for one in commands}
        own = self._store.of_vendor(self.vendor, {one.root_id for one in commands})
        roots = {one.root_id for one in own}
        asked = [one for one in commands if one.root_id in roots]
        known = self._with_all_above([*asked, *own])
        enclosing = {above for one in own for above in _above(one, known)}
        ours = {one.command_id for one in own}
        for one in asked:
            if one.command_id in ours:
                found[one.command_id] = Sight.WHOLE
            elif one.command_id in enclosing or ours.intersection(_above(one, known)):
                found[one.command_id] = Sight.OUTLINE
        return found

    def _with_all_above(self, commands: Iterable[CommandEntity]) -> dict[str, CommandEntity]:
        known = {one.command_id: one for one in commands}
        missing = {one.parent_id for one in known.values() if one.parent_id} - known.keys()
        while missing:
            level = self._of(missing)
            known.update(level)
            missing = {one.parent_id for one in level.values() if one.parent_id} - known.keys()
        return known


def outline(view: CommandView) -> CommandView:
    """Gives how a command stands, without what parameters and people's words may have told."""
    return {
        **view,
        "label": view["kind"],
        "message": None,
        "owner": "",
        "entity": None,
        "correlation_id": None,
        "worker": None,
        "stuck_part": None,
        "actions": [],
        "refused": {},
    }


def _above(command: CommandEntity, known: dict[str, CommandEntity]) -> Iterable[str]:
    parent = command.parent_id
    while parent is not None and parent in known:
        yield parent
        parent = known[parent].parent_id


def _unknown(command_id: str) -> NotFoundError:
    """The words of one that does not exist: a vendor is not told that there is something."""
    return NotFoundError(f"there is no command {command_id}")
