"""How processes write their logs: one line for each event, fields after it."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging() -> None:
    """Sends structlog's and the standard library's lines to stderr."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    configure_structlog()


def configure_structlog() -> None:
    """Sends structlog's lines to stderr; tracebacks are plain, for parameters are nobody's business."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
