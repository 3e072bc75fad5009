"""Medians over rounds, ratios to us, and the slopes of growth."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.contest import Result
from benchmarks.works import Work

OURS = "ours"
COSTS = ("writes", "statements", "wal_bytes", "broker_commands", "cpu_ms", "memory_bytes")


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one contestant reached on one work: the median, the extremes, the number of rounds.

    `value` is in the work's unit. `ratio` says how many times better than the contestant we are;
    above one is in our favour whatever the unit. `details` are medians of further facts.
    """

    work: Work
    peer: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    ratio: float | None = None
    cost: Mapping[str, float | None] = field(default_factory=dict)
    details: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


def summarise(works: Sequence[Work], peers: Sequence[str], results: Iterable[Result]) -> list[Line]:
    """Gives one line for each work and contestant, in their order."""
    by_place: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        by_place.setdefault((result.work, result.peer), []).append(result)
    lines: list[Line] = []
    for work in works:
        group = [
            _line(work, peer, by_place[work.key, peer])
            for peer in peers
            if (work.key, peer) in by_place
        ]
        ours = next((line.value for line in group if line.peer == OURS), None)
        lines += [_with_ratio(line, ours) for line in group]
    return lines


def _line(work: Work, peer: str, results: Sequence[Result]) -> Line:
    good = [result for result in results if result.answer is not None]
    failures = [result.failure for result in results if result.failure is not None]
    if not good:
        return Line(work=work, peer=peer, reason=failures[-1] if failures else "not run")
    values = [_value(work, result) for result in good]
    return Line(
        work=work,
        peer=peer,
        value=statistics.median(values),
        low=min(values),
        high=max(values),
        rounds=len(values),
        cost={name: _median(result.cost.get(name) for result in good) for name in COSTS},
        details=_details(work, good),
        reason=f"{len(failures)} of {len(results)} failed: {failures[-1]}" if failures else None,
    )


def _with_ratio(line: Line, ours: float | None) -> Line:
    if ours is None or not line.value or not ours or line.peer == OURS:
        return line
    more_is_better = line.work.figure == "rate"
    ratio = ours / line.value if more_is_better else line.value / ours
    return Line(**{**vars(line), "ratio": ratio})


def _value(work: Work, result: Result) -> float:
    assert result.answer is not None
    match work.figure:
        case "rate":
            return result.answer.units / result.answer.seconds
        case "latency":
            return percentile(result.answer.latencies_s, 50) * 1000
        case "recovery":
            return result.answer.seconds
        case "idle":
            spent_s = result.cost["cpu_s"] or 0.0
            return 100 * spent_s / result.answer.seconds


def _details(work: Work, results: Sequence[Result]) -> dict[str, float]:
    """Gives the medians of all facts, and of the latencies' percentiles in milliseconds."""
    found: dict[str, list[float]] = {}
    for result in results:
        assert result.answer is not None
        for name, fact in result.answer.facts.items():
            found.setdefault(name, []).append(float(fact))
        if work.figure == "latency":
            for share in (50, 95, 99):
                value = percentile(result.answer.latencies_s, share) * 1000
                found.setdefault(f"p{share}_ms", []).append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def percentile(values: Sequence[float], share: int) -> float:
    """Gives the value below which that share of a hundred lies (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * share // 100) - 1)]


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def slopes(lines: Iterable[Line]) -> list[str]:
    """Says for each contestant how the cost of a step grew from the least size to the largest."""
    series: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        if line.work.letter == "g" and line.value:
            name = "stored commands" if line.work.stored else "parts in one tree"
            series.setdefault((line.peer, name), []).append(line)
    found = []
    for (peer, name), members in series.items():
        if len(members) > 1:
            size: Callable[[Line], int] = lambda line: line.work.stored or line.work.parts  # noqa: E731 - two lines' use
            first, last = min(members, key=size), max(members, key=size)
            assert first.value is not None
            assert last.value is not None
            found.append(
                f"{peer}: a step costs {first.value / last.value:.2f} × as much at "
                f"{size(last):,} {name} as at {size(first):,}"
            )
    return found
