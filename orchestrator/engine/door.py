"""Whether vendors could reach us: a silence while our door was shut is ours, not theirs."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.core.ports import Clock, OpenDoor, Store

BEAT = timedelta(seconds=3)
CERTAIN_FOR = timedelta(seconds=10)


class Door:
    """Notes for one API process, again and again, that it answers."""

    def __init__(self, store: Store, clock: Clock, process_id: str) -> None:
        self.store = store
        self.clock = clock
        self.process_id = process_id
        self._known: OpenDoor | None = None

    def beat(self) -> None:
        """Says that the door is open. After a gap (a frozen process, a database that was away) it opened anew."""
        now = self.clock.now()
        known = self._known
        since = known.open_since if known is not None and now <= known.open_until else now
        opened = OpenDoor(
            process_id=self.process_id, open_since=since, open_until=now + CERTAIN_FOR
        )
        self.store.keep_door(opened)
        self._known = opened


def heard_until(store: Store, lease: timedelta, now: datetime) -> datetime | None:
    """Gives until when a silence is not held against a vendor; None when it is.

    Its lease runs anew from when our door opened, and does not run while that is shut. Where no API process
    was ever seen, nobody could say so: vendors speak through engine code there.
    """
    doors = store.doors()
    if not doors:
        return None
    open_since = min((one.open_since for one in doors if one.open_until > now), default=None)
    until = now + min(lease, BEAT) if open_since is None else open_since + lease
    return until if until > now else None
