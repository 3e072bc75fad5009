"""Draws the states from the transition table: `python -m orchestrator.monitor.picture`."""

from __future__ import annotations

import sys
from collections import defaultdict

from orchestrator.core.machine import TABLE
from orchestrator.core.status import FINAL, Status

HEAD = """\
# The states of a command

Drawn from the transition table in `orchestrator/core/machine.py` by `python -m orchestrator.monitor.picture`;
a test sees to it that both say the same. What leaves a command in its status is not drawn.

"""
MEANING = {
    Status.PENDING: "stored; its turn has not come",
    Status.BLOCKED: "waits for a lock",
    Status.READY: "a worker may claim it",
    Status.RUNNING: "a worker calls its verb",
    Status.WAITING: "for its parts, or for work outside; holds no worker",
    Status.DELAYED: "until a time: retry back-off, a passing condition, a worker that knows it",
    Status.NEEDS_ATTENTION: "the outcome is unknown, or an end or undo cannot be done",
    Status.SUCCEEDED: "done",
    Status.FAILED: "could not be done; what it did is undone",
    Status.STOPPED: "somebody stopped it; what it did is undone",
    Status.SKIPPED: "never begun: an earlier part failed, or an operator said so",
    Status.COMPENSATED: "had succeeded, and was undone because a later part failed",
}


def draw() -> str:
    """Gives the page: a Mermaid diagram of all steps, and what each status means."""
    return "\n".join(
        [HEAD + "```mermaid", "stateDiagram-v2", *_lines(), "```", "", *_meanings(), ""]
    )


def _lines() -> list[str]:
    causes: dict[tuple[Status, Status], dict[str, None]] = defaultdict(dict)
    for row in TABLE:
        for given in row.given:
            for to in row.to:
                if given is not to:
                    causes[given, to][row.event.__name__] = None
    steps = [
        f"    {given} --> {to}: {', '.join(causes[given, to])}"
        for given in Status
        for to in Status
        if (given, to) in causes
    ]
    return [f"    [*] --> {Status.PENDING}", *steps, *(f"    {one} --> [*]" for one in _ends())]


def _ends() -> list[Status]:
    return [one for one in Status if one in FINAL]


def _meanings() -> list[str]:
    rows = [f"| `{one}` | {MEANING[one]} |" for one in Status]
    return ["| status | meaning |", "|---|---|", *rows]


def main() -> None:
    """Prints the page."""
    sys.stdout.write(draw())


if __name__ == "__main__":
    main()
