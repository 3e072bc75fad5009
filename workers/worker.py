"""A Celery worker as a program of its own.

`celery -A workers worker` does the same, and takes all of Celery's options. That command loads every plug-in of
Celery's first, Flower and a shell among them: a third of a second and some 12 MB for each worker.
"""

from __future__ import annotations

import argparse
import sys

from celery.utils.nodenames import default_nodename, host_format

from orchestrator.core.errors import OrchestratorError
from workers.wiring import wiring

CONCURRENCY = 16


def main() -> None:
    """Works in front, until it is told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--hostname", default="celery@%h", help="name@%%h")
    parser.add_argument("-c", "--concurrency", type=int, default=CONCURRENCY, help="slots")
    parser.add_argument("-P", "--pool", default="threads", choices=("threads", "prefork", "solo"))
    parser.add_argument("-l", "--loglevel", default="WARNING", type=str.upper)
    parser.add_argument("-E", "--task-events", action="store_true", help="tell Flower of each task")
    asked = parser.parse_args()
    try:
        wired = wiring()
        wired.catalog, wired.store  # noqa: B018 - what is wrong with them is said now
    except OrchestratorError as problem:
        sys.exit(str(problem))
    worker = wired.celery.Worker(
        hostname=host_format(default_nodename(asked.hostname)),
        concurrency=asked.concurrency,
        pool_cls=asked.pool,
        loglevel=asked.loglevel,
        task_events=asked.task_events,
        # Workers have nothing to tell each other: who lives, and who is at what, stands in the store.
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=not asked.task_events,
        quiet=True,
    )
    worker.start()
    sys.exit(worker.exitcode)


if __name__ == "__main__":
    main()
