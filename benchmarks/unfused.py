"""Ourselves with fusion off: every step has its own message, as raw Celery has."""

from __future__ import annotations

import os

from benchmarks.ours import Ours
from benchmarks.play import main


class Unfused(Ours):
    """The same, and every process of it told so."""

    def prepare(self) -> None:
        os.environ["ORCHESTRATOR_FUSION"] = "off"
        super().prepare()


if __name__ == "__main__":
    main(Unfused)
