"""Parameters of a command as they are written on the command line or in a file."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterable
from getpass import getpass
from pathlib import Path
from typing import Any

from orchestrator.cli.exits import CliError, ExitCode

WRONG = ExitCode.WRONG_USAGE


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


def read_secrets(pairs: Iterable[str]) -> dict[str, str]:
    """Gives the parameters whose values are not to stand on the command line: `name=env:VARIABLE`,
    `name=file:PATH` (without the newline at its end), `name=-` (a line of stdin), `name=ask` (typed unseen).

    Raises CliError (wrong usage), without the value, for a source that cannot be read.
    """
    found = {}
    for pair in pairs:
        name, equals, source = pair.partition("=")
        if not equals or not name:
            raise CliError(
                "a --secret is name=env:VARIABLE, name=file:PATH, name=- or name=ask", WRONG
            )
        found[name] = _read_secret(name, source)
    return found


def _read_secret(name: str, source: str) -> str:
    kind, _, where = source.partition(":")
    try:
        match kind:
            case "env" if where in os.environ:
                return os.environ[where]
            case "env":
                raise CliError(f"--secret {name}: there is no {where!r} in the environment", WRONG)
            case "file":
                return Path(where).expanduser().read_text().removesuffix("\n")
            case "-":
                return sys.stdin.readline().removesuffix("\n")
            case "ask":
                return getpass(f"{name}: ")
    except OSError as error:
        raise CliError(
            f"--secret {name}: {where} cannot be read: {error.strerror}", WRONG
        ) from error
    except UnicodeDecodeError as error:
        raise CliError(f"--secret {name}: {where} is no text", WRONG) from error
    raise CliError(
        f"--secret {name}: say where it is, not what it is: env:VARIABLE, file:PATH, - or ask",
        WRONG,
    )


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
