"""Plays seeds from the command line: one in detail, or thousands side by side."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.store.memory import MemoryStore
from tests.simulation.embedded import Shelf
from tests.simulation.play import Play


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one seed."""

    seed: int
    wrong: tuple[str, ...]
    events: dict[str, int]


def play(seed: int) -> Played:
    """Plays one seed."""
    one = Play(seed)
    try:
        wrong = one.run()
    except (
        BaseException
    ) as problem:  # a seed that breaks the play is a finding too, by whatever a verb raised
        wrong = [f"the play broke: {type(problem).__name__}: {problem}"]
    return Played(seed, tuple(wrong), one.events)


def play_all(seeds: Iterable[int], *, processes: int) -> Iterator[Played]:
    """Plays seeds in several processes; gives each as it ends."""
    if processes <= 1:
        yield from map(play, seeds)
        return
    with get_context("fork").Pool(processes) as pool:
        yield from pool.imap_unordered(play, seeds, chunksize=20)
        # They end by themselves: forked from a process that handles SIGTERM, they would not heed that.
        pool.close()
        pool.join()


def main() -> int:
    """Reads the arguments, plays, and prints a summary; 1 when something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds from there")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="tell everything that happens")
    parser.add_argument("--sqlite", action="store_true", help="on a database, not in memory")
    parser.add_argument("--most", type=int, default=20, help="how many failures to show")
    given = parser.parse_args()
    if given.verbose or given.sqlite:
        with TemporaryDirectory() as folder:
            return _few(given, Shelf(Path(folder)))
    return _many(given)


def _few(given: argparse.Namespace, shelf: Shelf) -> int:
    failed = 0
    for seed in range(given.seed, given.seed + given.count):
        store = shelf.store if given.sqlite else MemoryStore
        wrong = Play(seed, store=store, verbose=given.verbose).run()
        failed += bool(wrong)
        if wrong or given.verbose:
            print(f"seed {seed}: " + ("\n    ".join(wrong) or "all was right"))
    return 1 if failed else 0


def _many(given: argparse.Namespace) -> int:
    began, failed, events = time.perf_counter(), 0, Counter[str]()
    seeds = range(given.seed, given.seed + given.count)
    for one in play_all(seeds, processes=given.processes):
        events.update(one.events)
        if one.wrong:
            failed += 1
            if failed <= given.most:
                print(f"seed {one.seed}: " + "\n    ".join(one.wrong[:4]))
    took = time.perf_counter() - began
    for what, times in sorted(events.items()):
        print(f"{times:8d}  {what}")
    print(
        f"{given.count} seeds from {given.seed}: {failed} failed; {took:.1f} s,"
        f" {1000 * took / given.count:.1f} ms a seed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
