"""The floor once more, sent by pgbench: what the database does when no Python is in the way."""

from __future__ import annotations

import re
import subprocess

from benchmarks.floor import ROWS, STEP, Floor
from benchmarks.order import Answer, Order
from benchmarks.play import main, measured
from benchmarks.processes import Processes
from benchmarks.servers import pgbench

SCRIPT = f"\\set id random(0, {ROWS - 1})\n" + (
    # Rows are chosen at random here, so nobody knows the revision that a row has reached.
    STEP.replace("%s AND revision = %s", ":id AND revision >= 0").strip().replace("\n", " ") + ";\n"
)


class PgBench(Floor):
    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._order = order

    def floor(self, processes: Processes) -> Answer:
        program = pgbench()
        if program is None:
            raise RuntimeError("pgbench is not installed")
        order = self._order
        script = order.room / "step.sql"
        script.write_text(SCRIPT)
        clients = str(order.workers * order.threads)
        options = ["-n", "-M", "prepared", "-c", clients, "-j", str(order.workers)]
        options += ["-T", str(max(1, round(order.window_s))), "-f", str(script)]
        with measured() as elapsed:
            done = subprocess.run(
                [program, *options, order.postgres], check=True, capture_output=True, text=True
            )
            seconds = elapsed()
        found = re.search(r"actually processed: (\d+)", done.stdout)
        rate = re.search(r"tps = ([\d.]+)", done.stdout)
        if found is None or rate is None:
            raise RuntimeError(f"pgbench said something unexpected: {done.stdout[-200:]!r}")
        units = int(found[1])
        # Its own rate leaves out the time in which it connects.
        return Answer(seconds=units / float(rate[1]), units=units, facts={"wall_s": seconds})


if __name__ == "__main__":
    main(PgBench)
