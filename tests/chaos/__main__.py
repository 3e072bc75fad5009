"""`python -m tests.chaos --seconds 300 --seed 7 --store postgres`: breaks everything, and prints what was kept."""

from __future__ import annotations

import argparse
import random
import signal
import sys

from tests.chaos.run import Result, Wish, run

STORES = {
    "postgres": "PostgreSQL, Redis",
    "sqlite": "SQLite, embedded broker",
}
NOTES = {
    "sqlite": (
        "database restarted: SQLite is a file; every process that had it open was killed with -9 at once,",
        "and whoever opened it next recovered its log. There are no connections to be cut.",
        "broker flushed, broker killed: FLUSHALL to, and kill -9 of, the embedded broker's process",
    )
}


def main() -> None:
    """Runs once and prints a table; exits 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--store", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--pace", type=float, default=1.0, help="how fast the gremlin works")
    parser.add_argument("--trees", type=int, default=400, help="how many trees may be under way")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    wish = Wish(
        seconds=asked.seconds,
        seed=asked.seed,
        store=asked.store,
        pace=asked.pace,
        trees=asked.trees,
        recovery=True,
    )
    print(f"chaos on {wish.store}, seed {wish.seed}, {wish.seconds:g} s", flush=True)
    result = run(wish)
    print(summary(result))
    sys.exit(1 if result.verdict.findings() else 0)


def summary(result: Result) -> str:
    """Gives the table of a run, and the first findings if there are any."""
    verdict = result.verdict
    rows: list[tuple[str, object]] = [
        ("seed", result.wish.seed),
        ("store", STORES[result.wish.store]),
        ("trees", result.trees),
        *sorted((f"operators: {name}", number) for name, number in result.orders.items()),
        *sorted((f"gremlin: {name}", number) for name, number in result.done.items()),
        *sorted((f"fault point {name}", number) for name, number in result.faults.items()),
        ("processes killed in all", result.deaths + result.done["worker child killed"]),
        ("all at rest after (s)", f"{result.settled_s:.1f}"),
        ("lost", len(verdict.lost)),
        ("double effects", len(verdict.doubled)),
        ("illegal transitions", len(verdict.illegal)),
        ("feed gaps", len(verdict.feed)),
        ("other findings", len(verdict.others)),
    ]
    if result.recovery is not None:
        found = result.recovery
        rows += [
            ("in flight at the kill of all", found.in_flight),
            ("ended beyond own work (s)", f"{found.beyond_s:.2f}"),
            ("verbs running at the kill", found.running),
            ("verbs called again", found.calls - found.steps),
        ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    lines += NOTES.get(result.wish.store, ())
    findings = verdict.findings()
    if findings:
        lines += ["", f"logs are in {result.room}", *findings[:40]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
