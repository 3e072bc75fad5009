"""The command of the benchmarks: python -m benchmarks [--quick] [--only a,b] [--peers ours]."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.contest import Result, contest
from benchmarks.machine import describe
from benchmarks.peers import PEERS, Peer
from benchmarks.servers import NoServerError, servers
from benchmarks.summary import summarise
from benchmarks.table import show
from benchmarks.works import Work, works

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5
QUICK_ROUNDS = 3


def main() -> int:
    """Runs what was asked for; gives 0, or 1 when we ourselves failed on a work."""
    options = _options()
    chosen_works, chosen_peers = _works(options), _peers(options)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    results: list[Result] = []
    # Servers and contestants are stopped on the way out, and that way is the same for both signals.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with servers() as running:
            machine = describe(running)
            for result in contest(running, chosen_peers, chosen_works, rounds):
                results.append(result)
                _tell(result)
    except NoServerError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the table shows what was measured so far", file=sys.stderr)
    lines = summarise(chosen_works, [peer.name for peer in chosen_peers], results)
    show(machine, lines, {peer.name: peer.setting for peer in chosen_peers})
    if rounds < QUICK_ROUNDS:
        print(f"\n{rounds} round(s) are a trial, not a result")
    text = {
        "machine": machine,
        "quick": options.quick,
        "rounds": rounds,
        "peers": [asdict(peer) for peer in chosen_peers],
        "lines": [asdict(line) for line in lines],
        "results": [asdict(result) for result in results],
    }
    print(f"\nkept in {_keep(text)}")
    return int(any(line.peer == "ours" and line.value is None for line in lines))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, three rounds")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default {ROUNDS}")
    parser.add_argument("--only", metavar="a,b1,…", help="works, by letter or by key")
    parser.add_argument("--peers", metavar="ours,dbos,…", help="contestants; default is all")
    return parser.parse_args()


def _works(options: argparse.Namespace) -> tuple[Work, ...]:
    known = works(quick=options.quick)
    if options.only is None:
        return known
    wanted = set(options.only.split(","))
    unknown = wanted - {work.key for work in known} - {work.letter for work in known}
    if unknown:
        keys = ", ".join(work.key for work in known)
        _refuse(f"no such work: {', '.join(sorted(unknown))}; there are {keys}")
    letters = wanted - {work.key for work in known}  # `b` is the one work, not all that begin so
    return tuple(work for work in known if work.key in wanted or work.letter in letters)


def _peers(options: argparse.Namespace) -> tuple[Peer, ...]:
    if options.peers is None:
        return PEERS
    wanted = set(options.peers.split(","))
    unknown = wanted - {peer.name for peer in PEERS}
    if unknown:
        names = ", ".join(peer.name for peer in PEERS)
        _refuse(f"no such contestant: {', '.join(sorted(unknown))}; there are {names}")
    return tuple(peer for peer in PEERS if peer.name in wanted)


def _refuse(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


def _tell(result: Result) -> None:
    """Writes one line for a finished run on stderr."""
    if result.answer is not None:
        what = f"{result.answer.units:,} in {result.answer.seconds:.2f} s"
    else:
        what = f"– {result.failure}"
    print(f"round {result.round + 1}  {result.work:<6} {result.peer:<14} {what}", file=sys.stderr)


def _keep(text: object) -> Path:
    """Writes the whole of the results as JSON; gives the file."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    file.write_text(json.dumps(text, indent=1, default=str) + "\n")
    return file


if __name__ == "__main__":
    sys.exit(main())
