"""What a contestant is asked to do, and what it answers. Peers import it: standard library only."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

Shape: TypeAlias = Literal["chain", "fan"]
Play: TypeAlias = Literal["run", "latency", "crash", "submit", "waiting", "stored", "floor"]

ORDER_VARIABLE = "BENCH_ORDER"
WARM_UP_FROM = 1_000_000
"""Commands numbered from here on are warm-up: neither counted nor timed."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One piece of work for one contestant in one round.

    `commands` commands of `parts` trivial parts each, one after the other (`chain`) or side by side
    with a join (`fan`). `step_s` is how long each part sleeps, in seconds; mostly not at all.
    `stored` is how many ended commands lie in the store beforehand, `window_s` how long is measured
    where time is given and not work. `directory` is the run's own.
    """

    play: Play
    shape: Shape
    commands: int
    parts: int
    workers: int
    threads: int
    step_s: float
    stored: int
    window_s: float
    deadline_s: float
    embedded: bool
    postgres: str
    redis: str
    directory: str

    @property
    def room(self) -> Path:
        return Path(self.directory)

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> Order:
        """Reads the order of this process, which a worker inherits from its contestant."""
        return cls(**json.loads(os.environ[ORDER_VARIABLE]))


@dataclass(kw_only=True)
class Answer:
    """What came out: `units` of work in `seconds`, single latencies in seconds, further facts."""

    seconds: float
    units: int
    latencies_s: Sequence[float] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Contestant(Protocol):
    """A system that can be measured. One instance plays one order."""

    def prepare(self) -> None:
        """Makes the schema and starts servers of its own, if it has any."""

    def worker_commands(self) -> Sequence[Sequence[str]]:
        """Gives the command line of each worker process."""

    def await_workers(self) -> None:
        """Returns when all workers take work."""

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        """Submits commands of so many parts, one by one as a caller would; gives their handles."""

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        """Waits for the handles' final states, as a caller would; gives how many ended in time."""

    def close(self) -> None:
        """Stops what `prepare` started."""
