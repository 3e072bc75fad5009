"""Runs commands on Celery. The only place that knows Celery, and the only place that wires."""

import sys

# structlog loads rich where it finds it, which costs each process 5 MB and 30 ms; these processes draw nothing.
if "structlog" not in sys.modules and "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog  # noqa: F401

    del sys.modules["rich"]

from workers.connect import connect

__all__ = ["connect"]
