"""The gremlin: breaks one thing after the other, as a seed has it, and keeps count."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import psutil
import redis

from tests.chaos.crew import Crew
from tests.chaos.servers import Broker, Database

QUEUE = "orchestrator"
PAST_LEASE_S = (4.0, 7.0)  # the lease is 3 s
MESSAGES_KEPT = 500
AGAIN_S = 2.0  # until it tries again what could not be done


@dataclass(slots=True)
class Act:
    """Something that the gremlin does, about every so many seconds."""

    name: str
    do: Callable[[], bool]
    every_s: float
    due: float = 0.0


@dataclass(slots=True)
class Gremlin:
    """Does what its seed says; `tick` is called again and again. `pace` above 1 has it work faster."""

    rng: random.Random
    crew: Crew
    database: Database
    broker: Broker
    hush: Callable[[], AbstractContextManager[bool]]
    pace: float = 1.0
    done: Counter[str] = field(default_factory=Counter)
    acts: list[Act] = field(init=False)
    _later: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    _old: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        now = time.monotonic()
        self.acts = [
            Act("worker killed", lambda: self._kill("worker"), 11),
            Act("worker child killed", self._kill_child, 7),
            Act("all workers killed", self._kill_all, 75),
            Act("scheduler killed", lambda: self._kill("scheduler"), 13),
            Act("API killed", lambda: self._kill("api"), 20),
            Act("worker frozen past its lease", self._freeze, 23),
            Act("broker flushed", self._flush, 20),
            Act("broker killed", self._kill_broker, 55),
            Act("database restarted", self._restart_database, 45),
            *([Act("connections cut", self._cut, 9)] if self.database.has_server else []),
            Act("old messages replayed", self._replay, 5),
            Act("messages doubled", self._double, 5),
            Act("messages shuffled", self._shuffle, 5),
            Act("messages delayed", self._delay, 7),
            Act("outside system killed", lambda: self._kill("outside", 3), 20),
        ]
        for act in self.acts:
            act.due = now + self._wait(act) * self.rng.random()

    def tick(self) -> None:
        """Does whatever is due."""
        now = time.monotonic()
        for act in self.acts:
            if now >= act.due:
                done = self._do(act)
                act.due = now + (self._wait(act) if done else AGAIN_S)
        for one in [one for one in self._later if one[0] <= now]:
            self._later.remove(one)
            one[1]()
        with contextlib.suppress(redis.exceptions.RedisError):
            self._listen()

    def rest(self) -> None:
        """Puts everything right again that it would have put right later."""
        for _, restore in self._later:
            restore()
        self._later.clear()

    def _wait(self, act: Act) -> float:
        return act.every_s * (0.5 + self.rng.random()) / self.pace

    def _do(self, act: Act) -> bool:
        # A broker that is away now, or a database that is coming up, is trouble enough.
        with contextlib.suppress(redis.exceptions.RedisError, psutil.Error):
            if act.do():
                self.done[act.name] += 1
                return True
        return False

    @property
    def kills(self) -> int:
        """How many processes of ours it has killed, not counting those that a restart took along."""
        return sum(number for name, number in self.done.items() if name.endswith("killed"))

    # --- processes -------------------------------------------------------------------------------

    def _kill(self, prefix: str, down_s: float = 0) -> bool:
        names = self.crew.named(prefix)
        if not names:
            return False
        return self.crew.kill(self.rng.choice(names), down_s=self.rng.uniform(0, down_s))

    def _kill_all(self) -> bool:
        return sum(self.crew.kill(name) for name in self.crew.named("worker")) > 0

    def _kill_child(self) -> bool:
        forking = self.crew.named("worker-forks")
        children = [
            one for name in forking for one in self.crew.family(self.crew.members[name])[1:]
        ]
        if not children:
            return False
        self.rng.choice(children).send_signal(signal.SIGKILL)
        return True

    def _freeze(self) -> bool:
        name = self.rng.choice(self.crew.named("worker") + self.crew.named("scheduler"))
        return self.crew.freeze(name, self.rng.uniform(*PAST_LEASE_S))

    # --- the database ----------------------------------------------------------------------------

    def _restart_database(self) -> bool:
        if self.database.has_server:
            self.database.restart()
            return True
        # Embedded, it is down when nobody has its file open, and has crashed when nobody closed it.
        with self.hush() as is_quiet:
            for name in self.crew.members if is_quiet else ():
                self.crew.kill(name)
            return is_quiet and not self.database.url.endswith(tuple(_open_files()))

    def _cut(self) -> bool:
        self.database.cut()
        return True

    # --- the broker ------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Remembers messages, to replay them when they are old."""
        self._old.extend(self._messages(20))
        del self._old[:-MESSAGES_KEPT]

    def _flush(self) -> bool:
        self.broker.flush()
        return True

    def _kill_broker(self) -> bool:
        if self.broker.process.poll() is not None:
            return False
        self.broker.kill()
        self._later.append((time.monotonic() + self.rng.uniform(0.2, 4), self.broker.start))
        return True

    def _replay(self) -> bool:
        old = self.rng.sample(self._old, min(20, len(self._old)))
        if old:
            self.broker.client.lpush(QUEUE, *old)
        return bool(old)

    def _double(self) -> bool:
        found = self._messages(-1)
        if found:
            self.broker.client.rpush(QUEUE, *found[:200])
        return bool(found)

    def _shuffle(self) -> bool:
        found = self._take_all()
        self.rng.shuffle(found)
        if found:
            self.broker.client.rpush(QUEUE, *found)
        return bool(found)

    def _delay(self) -> bool:
        found = self._take_all()

        def bring_back() -> None:
            with contextlib.suppress(redis.exceptions.RedisError):
                self.broker.client.lpush(QUEUE, *found)

        if found:
            self._later.append((time.monotonic() + self.rng.uniform(1, 10), bring_back))
        return bool(found)

    def _messages(self, last: int) -> list[bytes]:
        found = self.broker.client.lrange(QUEUE, 0, last)
        return [one for one in found if isinstance(one, bytes)]

    def _take_all(self) -> list[bytes]:
        with self.broker.client.pipeline() as pipe:
            pipe.lrange(QUEUE, 0, -1)
            pipe.delete(QUEUE)
            found: list[bytes] = pipe.execute()[0]
        return found


def _open_files() -> set[str]:
    """Gives what is open in any process of this machine that we may look into."""
    found: set[str] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found.update(one.path for one in process.open_files())
    return found
