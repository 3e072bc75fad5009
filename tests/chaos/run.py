"""One chaos run: everybody works while the gremlin breaks things; then there is calm, and the books are checked."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.app import Orchestrator
from orchestrator.core.errors import ContendedError, UnavailableError
from orchestrator.core.query import CommandQuery
from orchestrator.store.sql import SqlStore
from tests.chaos.actors import LIVE, Actor, Client, Operators, Reader, Vendor
from tests.chaos.gremlin import Gremlin
from tests.chaos.installation import Installation, front_door, installation, seen, staff, unseen
from tests.chaos.recovery import Recovery, measure
from tests.chaos.verdict import Verdict, judge
from tests.chaos.web import Web, open_web

TICK_S = 0.02
BOOT_S = 60.0
HUSH_S = 0.5
CALM_S = 600.0
STANDSTILL_S = 90.0  # longer than any timeout of the scripts: who waits longer waits for ever


@dataclass(slots=True, kw_only=True)
class Wish:
    """What to run.

    `pace` above 1 has the gremlin work faster, 0 not at all; `trees` is how many may be under way. With
    `until_every_point`, the run is over when each named fault point has killed a process. With `recovery`, all
    workers are killed once more at the end, under a load whose time is known.
    """

    seconds: float
    seed: int
    store: str = "postgres"
    pace: float = 1.0
    trees: int = 400
    meddling: float = 0.3
    until_every_point: bool = False
    recovery: bool = False


@dataclass(slots=True)
class Result:
    """What came of it."""

    wish: Wish
    verdict: Verdict
    trees: int
    done: Counter[str]
    faults: Counter[str]
    orders: Counter[str]
    deaths: int
    kills: int
    settled_s: float
    room: Path
    recovery: Recovery | None


@dataclass(slots=True)
class Cast:
    """Everybody who uses the installation."""

    client: Client
    operators: Operators
    readers: tuple[Reader, ...]
    actors: dict[str, Actor]


def run(wish: Wish) -> Result:
    """Plays a whole run."""
    rng = random.Random(wish.seed)
    room = Path(tempfile.mkdtemp(prefix=f"orchestrator-chaos-{wish.seed}-"))
    room.chmod(0o755)
    with installation(room, wish.store, rng) as here, front_door() as front:
        web = open_web(here, front)
        cast = _cast(front, web, wish, rng)
        gremlin = Gremlin(
            random.Random(rng.random()),
            here.crew,
            here.database,
            here.broker,
            lambda: _hushed(cast, front),
            wish.pace or 1,
        )
        staff(here, rng)
        await_workers(front, here)
        for actor in cast.actors.values():
            actor.start()
        _break_things(here, gremlin, wish)
        settled_s = _calm(here, gremlin, cast, front)
        _await_web(here, web)
        verdict = judge(front, here, cast.client.trees, cast.operators.orders, cast.readers)
        result = Result(
            wish=wish,
            verdict=verdict,
            trees=len(cast.client.trees),
            done=gremlin.done,
            faults=Counter(seen(here.fault_log)),
            orders=cast.operators.done,
            deaths=here.crew.deaths,
            kills=gremlin.kills,
            settled_s=settled_s,
            room=room,
            recovery=measure(front, here) if wish.recovery else None,
        )
    if not verdict.findings():  # else it is kept, for who wants to look into it
        shutil.rmtree(room, ignore_errors=True)
    return result


def _cast(front: Orchestrator, web: Web, wish: Wish, rng: random.Random) -> Cast:
    client = Client(front, random.Random(rng.random()), web, wish.trees)
    operators = Operators(front, random.Random(rng.random()), wish.meddling)
    vendor = Vendor(front)
    readers = tuple(Reader(front, limit) for limit in (500, 50, 7))
    actors = {
        "client": Actor("client", client.act, 0.02),
        "operators": Actor("operators", operators.act, 0.5),
        "vendor": Actor("vendor", vendor.act, 0.5),
        **{
            f"reader {one.limit}": Actor("reader", one.act, 0.01 + one.limit / 5_000)
            for one in readers
        },
    }
    return Cast(client, operators, readers, actors)


@contextmanager
def _hushed(cast: Cast, front: Orchestrator) -> Iterator[bool]:
    """Has the harness leave the database alone, and keep no connection to it open.

    Gives False when some of it are in the midst of something: what they wait for may be frozen.
    """
    turns = [actor.turn for actor in cast.actors.values()]
    mine = [one for one in turns if one.acquire(timeout=HUSH_S)]
    try:
        if isinstance(front.store, SqlStore) and len(mine) == len(turns):
            front.store.close()
        yield len(mine) == len(turns)
    finally:
        for one in mine:
            one.release()


def await_workers(front: Orchestrator, here: Installation, number: int = 1) -> None:
    """Waits until so many workers and a scheduler have registered."""
    deadline = time.monotonic() + BOOT_S
    while time.monotonic() < deadline:
        here.crew.tend()
        roles = Counter(one.role for one in front.store.workers())
        if roles["worker"] >= number and roles["scheduler"]:
            return
        time.sleep(TICK_S)
    raise AssertionError(f"no worker registered in {BOOT_S:g} s; see the logs in {here.room}")


def _break_things(here: Installation, gremlin: Gremlin, wish: Wish) -> None:
    until = time.monotonic() + wish.seconds
    while time.monotonic() < until:
        here.crew.tend()
        if wish.pace:
            gremlin.tick()
        if wish.until_every_point and not unseen(here.fault_log):
            return
        time.sleep(TICK_S)


def _calm(here: Installation, gremlin: Gremlin, cast: Cast, front: Orchestrator) -> float:
    """Lets everything come to rest; gives how long that took, in seconds."""
    gremlin.rest()
    here.calm()
    cast.actors["client"].stop()
    cast.operators.meddling = 0.0
    started = time.monotonic()
    cursor, moved = 0, started
    while time.monotonic() < started + CALM_S and time.monotonic() < moved + STANDSTILL_S:
        here.crew.tend()
        if cast.readers[0].cursor != cursor:
            cursor, moved = cast.readers[0].cursor, time.monotonic()
        if _is_quiet(front, cast):
            break
        time.sleep(0.2)
    settled_s = time.monotonic() - started
    for name in cast.actors.keys() - {"client"}:
        cast.actors[name].stop()
    for reader in cast.readers:
        _read_to_the_end(reader)
    return settled_s


def _await_web(here: Installation, web: Web) -> None:
    """Sees the API ready again: nobody had to tell it that all is well."""
    deadline = time.monotonic() + BOOT_S
    while web.health("/readyz") != 200:
        here.crew.tend()
        if time.monotonic() > deadline:
            raise AssertionError(f"the API is not ready; see the logs in {here.room}")
        time.sleep(TICK_S)


def _is_quiet(front: Orchestrator, cast: Cast) -> bool:
    try:
        cast.client.finish()
        live = front.commands(CommandQuery(statuses=LIVE, parts=True, limit=1)).total
        return not live and not front.store.scopes()
    except (UnavailableError, ContendedError):
        return False


def _read_to_the_end(reader: Reader) -> None:
    """Reads until there has been nothing new for a while."""
    deadline = time.monotonic() + 60
    last = reader.orchestrator.store.last_event()
    while reader.cursor < last and time.monotonic() < deadline:
        reader.act()
