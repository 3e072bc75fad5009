"""Breaks a running simulator from the command line: puts faults in force, or takes them back."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from adapters.vdsm.simulator.faults import Effect, Fault, write_faults

ALL = "*"
FAULTS: dict[str, tuple[str, Callable[[str, str], Fault]]] = {
    "slow": (
        "slow=SECONDS     each call takes that much longer",
        lambda verb, value: Fault(verb=verb, effect=Effect.SLOW_CALL, seconds=float(value or 2)),
    ),
    "lost-reply": (
        "lost-reply       the next call is done, and its answer is lost",
        lambda verb, value: Fault(verb=verb, effect=Effect.LOSE_REPLY, times=int(value or 1)),
    ),
    "crash": (
        "crash            the process dies in the next call, after the deed",
        lambda verb, value: Fault(verb=verb, effect=Effect.CRASH, times=1),
    ),
    "flip-spm": (
        "flip-spm         the host stops being the pool's manager",
        lambda verb, value: Fault(verb=verb, effect=Effect.FLIP_SPM, times=1),
    ),
    "fail-copy-at": (
        "fail-copy-at=PERCENT   copies fail there",
        lambda verb, value: Fault(
            verb="SDM.copy_data", effect=Effect.FAIL_WORK, at=float(value or 50) / 100
        ),
    ),
    "unreachable": (
        "unreachable      nothing is answered",
        lambda verb, value: Fault(verb=verb, effect=Effect.DROP_REQUEST),
    ),
    "starting": (
        "starting         everything is answered with 99",
        lambda verb, value: Fault(verb=verb, effect=Effect.REFUSE, code=99),
    ),
}


def main(words: Sequence[str]) -> int:
    """Puts the faults that are named in force, and no others; none clears them."""
    parser = argparse.ArgumentParser(
        prog="python -m adapters.vdsm.simulator fault",
        description=__doc__,
        epilog="\n".join(text for text, _ in FAULTS.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("VDSM_SIMULATOR_DATA"))
    parser.add_argument("--verb", default=ALL, help="strike only calls of this verb")
    parser.add_argument("faults", nargs="*", metavar="FAULT[=VALUE]")
    options = parser.parse_args(words)
    if options.data is None or not options.data.is_dir():
        print("expected --data to be the simulator's directory", file=sys.stderr)
        return 2
    chosen = []
    for word in options.faults:
        name, _, value = word.partition("=")
        if name not in FAULTS:
            print(f"unknown fault {name!r}; there are {', '.join(FAULTS)}", file=sys.stderr)
            return 2
        try:
            chosen.append(FAULTS[name][1](options.verb, value))
        except ValueError:
            print(f"expected {name} to be a number, got {value!r}", file=sys.stderr)
            return 2
    write_faults(options.data / "faults.json", chosen)
    print(f"in force: {', '.join(options.faults) or 'nothing'}")
    return 0
