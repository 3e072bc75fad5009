"""The console script `orchestrator`: a client of the REST API, and what brings a system up."""

import sys

from orchestrator.cli.app import make_app


def main() -> None:
    """Runs the program with the words of the command line, and ends with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no ✓ gets a question mark instead of a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    make_app()(prog_name="orchestrator")
