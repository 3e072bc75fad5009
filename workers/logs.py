"""How processes write their logs: one line for each event, fields after it."""

from __future__ import annotations

import logging
import sys
from traceback import format_exception
from typing import Any

import structlog

from orchestrator.core.secret import masked_text


def configure_logging() -> None:
    """Sends structlog's and the standard library's lines to stderr."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    configure_structlog()


class MaskedRecord(logging.LogRecord):
    """A line of the standard library's in which no secret can be read, whoever writes it."""

    def getMessage(self) -> str:  # noqa: N802 - the standard library's name
        """Gives the text, and has the error beside it written without secrets."""
        if self.exc_info and self.exc_info[1] is not None and not self.exc_text:
            self.exc_text = masked_text("".join(format_exception(self.exc_info[1])).rstrip("\n"))
        return masked_text(super().getMessage())


def mask_lines(_logger: Any, _method: str, line: Any) -> str:
    """Gives one of structlog's lines without secrets."""
    return masked_text(line)


def configure_structlog() -> None:
    """Sends structlog's lines to stderr; tracebacks are plain, for parameters are nobody's business.

    From now on secrets are masked in all lines of this process, those of the standard library too.
    """
    logging.setLogRecordFactory(MaskedRecord)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
            mask_lines,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
