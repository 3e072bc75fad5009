"""What needs the database or every setting: run as `python -m workers.admin`, its own process.

This package is a client and knows neither the store nor Celery; the administrator's program does.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping

from orchestrator.cli.exits import CliError
from orchestrator.cli.settings import ClientSettings, read, running_of

# `sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection failed: ...`
_RAISED = re.compile(r"[\w.]+(?:Error|Exception): (?:\([\w.]+\) )?(.+)")
PROGRAM = (sys.executable, "-m", "workers.admin")


def administrate(*words: str, environment: Mapping[str, str] | None = None) -> str:
    """Runs one of the administrator's verbs and gives what it printed.

    It is told what the parts of a running `up` were told, unless our own environment says otherwise.

    `environment` is added to ours. Raises CliError with the program's own last line.
    """
    done = subprocess.run(
        [*PROGRAM, *words],
        env={**_of_running(), **os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CliError(_last_line(done.stderr) or f"`{' '.join(words)}` ended with no word")
    return done.stdout.strip()


def _of_running() -> Mapping[str, str]:
    running = running_of(read(ClientSettings))
    return {} if running is None else running.environment


def _last_line(text: str) -> str:
    """Gives our own sentence, or the error's own line at the end of a trace of Python's."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    errors = [found[1] for line in lines if (found := _RAISED.match(line))]
    return errors[-1] if errors else lines[-1].removeprefix("error: ") if lines else ""
