"""How the program ends: its exit codes, and the error that carries one."""

from __future__ import annotations

from enum import IntEnum

from orchestrator.core.errors import OrchestratorError


class ExitCode(IntEnum):
    """Exit codes that scripts may rely on."""

    DONE = 0
    ERROR = 1
    WRONG_USAGE = 2
    COMMAND_FAILED = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    UNREACHABLE = 7
    STILL_RUNNING = 8
    INTERRUPTED = 130


class CliError(OrchestratorError):
    """Ends the program with one sentence on stderr and this exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__(message)
        self.code = code
