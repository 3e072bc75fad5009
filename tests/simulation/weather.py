"""How the database is at times, as the simulated processes find it: away, or what was read is old by now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import UnavailableError
from orchestrator.core.ports import Transaction
from tests.simulation.actors import Scheduler, Worker

if TYPE_CHECKING:
    from tests.simulation.play import Play

READS_AWAY = {"values": 5, "get": 25}
"""Times as often as a commit; workers read `get` when they fence."""
OLD = 0.4


TOO_MUCH = "more than the store takes"


def refuse_values(play: Play) -> None:
    """Has the store refuse one value, at the commit: what is stored is judged by nobody else in the end."""
    begin = play.store.begin

    @contextmanager
    def beginning() -> Iterator[Transaction]:
        with begin() as tx:
            finish = tx.finish

            def finishing(*given: Any, **named: Any) -> None:
                if TOO_MUCH in (named.get("values") or {}).values():
                    raise ValueError(TOO_MUCH)
                finish(*given, **named)

            setattr(tx, "finish", finishing)  # noqa: B010 - mypy
            yield tx

    setattr(play.store, "begin", beginning)  # noqa: B010 - mypy


def break_reads(play: Play) -> None:
    """Has reads of workers fail now and then, and a scheduler act on claims that it read a while ago."""
    for name, times in READS_AWAY.items():
        setattr(play.store, name, _failing(play, name, times, getattr(play.store, name)))
    setattr(play.store, "claimed_by", _ageing(play, play.store.claimed_by))  # noqa: B010 - mypy


def _failing(play: Play, name: str, times: int, read: Callable[..., Any]) -> Callable[..., Any]:
    def failing(*given: Any) -> Any:
        thread = play.current
        works = thread is not None and isinstance(thread.process, Worker)
        if works and play.trouble and play.rng.random() < times * play.away_rate:
            play.count(f"database away at a read ({name})")
            raise UnavailableError("the connection broke while something was read")
        return read(*given)

    return failing


def _ageing(
    play: Play, read: Callable[[Collection[str]], list[CommandEntity]]
) -> Callable[[Collection[str]], list[CommandEntity]]:
    def ageing(worker_ids: Collection[str]) -> list[CommandEntity]:
        thread = play.current
        schedules = thread is not None and isinstance(thread.process, Scheduler)
        if schedules and play.trouble and play.rng.random() < OLD:
            play.hub.switch()
        return read(worker_ids)

    return ageing
