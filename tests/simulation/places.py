"""Where the simulated processes run: places with few process ids, and a `/proc` that may hide things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator.core.entity import Transition
from orchestrator.engine.place import ProcessTable, Seen

if TYPE_CHECKING:
    from tests.simulation.actors import Process
    from tests.simulation.play import Play

PLACES = ("a", "a", "b")
PIDS = 3  # the lowest that are free: they are used again soon


class SimTable(ProcessTable):
    """The process table as one process sees it: of its own place, and perhaps with the others hidden."""

    def __init__(self, play: Play, own: Process) -> None:
        super().__init__(self._signal, self._show)
        self._play, self._own = play, own

    def here(self) -> str:
        return self._own.place

    def _signal(self, pid: int, _signal: int) -> None:
        if self._find(pid) is None:
            raise ProcessLookupError
        if self._play.hides:
            raise PermissionError

    def _show(self, pid: int) -> Seen | None:
        found = self._find(pid)
        if found is None or self._play.hides:
            return None
        return Seen(state="S", threads=1, born=found.born)

    def _find(self, pid: int) -> Process | None:
        living = (one for one in self._play.known_processes if one.is_alive)
        return next((one for one in living if (one.place, one.pid) == (self.here(), pid)), None)


def settle_in(play: Play, process: Process) -> None:
    """Gives a process its place, and an id that no other has there now."""
    process.place = play.rng.choice(PLACES)
    process.born = play.clock.now().microsecond + len(play.known_processes)
    taken = {one.pid for one in play.known_processes if one.is_alive and one.place == process.place}
    free = [one for one in range(1, len(taken) + PIDS + 1) if one not in taken]
    process.pid = play.rng.choice(free[:PIDS])
    play.known_processes.append(process)


def taken_for_dead(log: Sequence[Transition], processes: Sequence[Process]) -> Iterator[str]:
    """Finds who lost a claim although it lived and its lease ran: a look may err, a verdict may not."""
    holders: dict[str, str | None] = {}
    by_id = {one.worker_id: one for one in processes}
    for one in log:
        holder = by_id.get(holders.get(one.command_id) or "")
        holders[one.command_id] = one.worker_id
        if "Abandoned" not in one.causes or holder is None:
            continue
        said = [until for seq, until in holder.leases if seq < one.seq]
        lives = holder.died_at is None or holder.died_at > one.at
        if lives and said and said[-1] > one.at:
            yield (
                f"event {one.seq}: {holder.worker_id} was taken for dead at {one.at:%M:%S.%f}, though it lived"
                f" and its lease ran until {said[-1]:%M:%S.%f}"
            )
