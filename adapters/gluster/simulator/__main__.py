"""The simulated `gluster` program: its arguments in, its answers and exit codes out."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from adapters.gluster.simulator import healing, migration, volumes
from adapters.gluster.simulator.answers import (
    CONNECTION_FAILED,
    Answer,
    misunderstand,
    refuse,
    refuse_in_words,
)
from adapters.gluster.simulator.state import Cluster

BUSY = 30802
STATE = "GLUSTER_SIMULATOR_STATE"
_USAGE = "gluster [options] <help> <peer> <pool> <volume>"
_REMOVALS = ("start", "status", "stop", "commit", "force")


def main(arguments: list[str]) -> Answer:
    """Gives the answer to one request."""
    # Options (--mode, --xml, --timeout, --glusterd-sock, ...) may stand anywhere and change nothing
    # here: every caller wants XML, nobody is asked for anything, and there is one cluster.
    words = [word for word in arguments if not word.startswith("--")]
    if not os.environ.get(STATE):
        return Answer(stderr=f"set {STATE} to the directory of the simulated cluster\n", code=2)
    cluster = Cluster(Path(os.environ[STATE]))
    if cluster.faults.has("glusterd_down"):
        cluster.was_down(True)
        return CONNECTION_FAILED
    try:
        with cluster.locked():
            if cluster.was_down(False):
                migration.revive(cluster)
            if cluster.faults.has("busy"):
                return refuse("Another transaction is in progress. Please try again later.")
            if _needs_lock(words) and words[2] in cluster.faults.names("busy_volumes"):
                return _busy(words)
            answer = _answer(cluster, words)
            if words[-1:] in (["stop"], ["commit"]) or "commit" in words:
                time.sleep(float(os.environ.get(migration.START_SECONDS, "5")) / 4)
            return answer
    except Answer as answer:
        return answer


def _needs_lock(words: list[str]) -> bool:
    return len(words) > 2 and words[0] == "volume" and words[1] not in ("info", "heal")


def _busy(words: list[str]) -> Answer:
    """Gives the no of a volume whose lock another node's request holds."""
    rest = "Please try again after some time."
    text = f"Another transaction is in progress. {rest}"
    if words[1] == "rebalance" and "start" in words:
        op = "4" if "fix-layout" in words else "1"
        return refuse(text, ("volRebalance", [("op", op)]), errno=BUSY)
    if words[1] == "rebalance":
        return refuse_in_words(text, "volRebalance", errno=BUSY, code=1)
    text = f"Another transaction is in progress for {words[2]}. {rest}"
    if words[1] == "status":
        return refuse_in_words(text, "volStatus", errno=BUSY)
    return refuse(text, errno=BUSY)


def _answer(cluster: Cluster, words: list[str]) -> Answer:  # noqa: PLR0912 - one case a request
    match words:
        case ["volume", "create", name, *rest]:
            return volumes.create(cluster, name, rest)
        case ["volume", "start", name] | ["volume", "start", name, "force"]:
            return volumes.start(cluster, name)
        case ["volume", "stop", name] | ["volume", "stop", name, "force"]:
            return volumes.stop(cluster, name)
        case ["volume", "info"] | ["volume", "info", "all"]:
            return volumes.info(cluster, None)
        case ["volume", "info", name]:
            return volumes.info(cluster, name)
        case ["volume", "list"]:
            return volumes.list_names(cluster)
        case ["volume", "status", name, "tasks"]:
            return migration.list_tasks(cluster, name)
        case ["volume", "rebalance", name, *rest] if " ".join(rest) in migration.REBALANCE_ACTIONS:
            return migration.rebalance(cluster, name, rest)
        case ["volume", "rebalance", *_]:
            return misunderstand(migration.REBALANCE_USAGE)
        case ["volume", "remove-brick", name, "replica", count, *bricks, action] if (
            count.isdigit() and bricks and action in _REMOVALS
        ):
            return migration.remove_brick(cluster, name, bricks, action, replicas=int(count))
        case ["volume", "remove-brick", name, *bricks, action] if bricks and action in _REMOVALS:
            return migration.remove_brick(cluster, name, bricks, action)
        case ["volume", "add-brick", name, *rest] if rest:
            return volumes.add_brick(cluster, name, rest)
        case ["volume", "replace-brick", name, *rest]:
            return healing.replace_brick(cluster, name, rest)
        case ["volume", "reset-brick", name, _, _, *_]:
            return healing.reset_brick(cluster, name, words[3:])
        case ["volume", "heal", name, *rest]:
            return healing.heal(cluster, name, rest)
        case _:
            return misunderstand(_USAGE)


if __name__ == "__main__":
    answer = main(sys.argv[1:])
    sys.stdout.write(answer.stdout)
    sys.stderr.write(answer.stderr)
    sys.exit(answer.code)
