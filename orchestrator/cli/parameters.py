"""Parameters of a command as they are written on the command line or in a file."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestrator.cli.exits import CliError, ExitCode


def read_parameters(pairs: Iterable[str], file: Path | None) -> dict[str, Any]:
    """Gives the parameters of the file, and over them those of the `k=v` pairs.

    Raises CliError (wrong usage) for a pair without `=` and for an unreadable file.
    """
    found = {} if file is None else read_file(file)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise CliError(f"{pair!r} is no parameter; write name=value", ExitCode.WRONG_USAGE)
        found[name] = read_value(text)
    return found


def read_value(text: str) -> Any:
    """Gives the JSON value that the text stands for, or else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_file(path: Path) -> dict[str, Any]:
    """Reads a JSON or TOML file of parameters; `-` is stdin, in JSON. Raises CliError."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text()
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}", ExitCode.WRONG_USAGE) from error
    except ValueError as error:  # of JSON, TOML and UTF-8 alike
        raise CliError(f"{path} cannot be read: {error}", ExitCode.WRONG_USAGE) from error
    if not isinstance(found, dict):
        raise CliError(
            f"{path} must hold an object of parameters by name, not {type(found).__name__}",
            ExitCode.WRONG_USAGE,
        )
    return found
