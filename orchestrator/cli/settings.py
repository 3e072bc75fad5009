"""What the client part of the program must know: where the API is, and who asks."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.cli.exits import CliError
from orchestrator.running import Running, find_running

CONFIG = "ORCHESTRATOR_CONFIG"
PREFIX = "ORCHESTRATOR_"
TOKEN_FILE = "token"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """`ORCHESTRATOR_*` in the environment, or else the TOML file named by `ORCHESTRATOR_CONFIG`.

    Settings that concern other parts of the system are left alone here. `told` names those that were not left to
    their defaults. Read without pydantic: to load that takes as long as to ask the server.
    """

    api_url: str = "http://127.0.0.1:8080"
    token: str = field(default="", repr=False)
    data_dir: Path = field(default_factory=lambda: Path.home() / ".orchestrator")
    told: frozenset[str] = frozenset()

    @property
    def token_file(self) -> Path:
        """Where `up` and `login` keep the token."""
        return self.data_dir / TOKEN_FILE

    def find_token(self) -> str | None:
        """Gives the token of the settings, or else the one in the token file."""
        if self.token:
            return self.token
        try:
            return self.token_file.read_text().strip() or None
        except OSError:  # absent, or somebody else's
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings(ClientSettings):
    """What `up` must know beside that: which servers are there already; empty is none."""

    database_url: str = ""
    broker_url: str = ""


SettingsType = TypeVar("SettingsType", bound=ClientSettings)


def read_settings() -> ClientSettings:
    """Gives the client's settings. Raises CliError with one sentence when they cannot be read.

    Where they do not say which server, it is the one that `up` runs on this machine.
    """
    found = read(ClientSettings)
    running = running_of(found)
    if running is None:
        return found
    url = running.setting("api_url") or found.api_url
    return replace(found, api_url=url, data_dir=running.data)


def running_of(settings: ClientSettings) -> Running | None:
    """Gives the system that `up` runs on this machine, where the settings name no other."""
    if "api_url" in settings.told:
        return None
    return find_running(settings.data_dir if "data_dir" in settings.told else None)


def read(kind: type[SettingsType]) -> SettingsType:
    """Gives settings of that type. Raises CliError with one sentence when they cannot be read."""
    in_file = _config_file()
    names = {one.name for one in fields(kind)} - {"told"}
    found: dict[str, Any] = {name: in_file[name] for name in names if name in in_file}
    for name in names:
        said = os.environ.get(f"{PREFIX}{name.upper()}")
        if said is not None:
            found[name] = said
    for name, value in found.items():
        if not isinstance(value, str):
            raise CliError(f"setting {name} cannot be used: {value!r} is no text")
    told = frozenset(found)
    if "data_dir" in found:
        found["data_dir"] = Path(found["data_dir"]).expanduser()
    return kind(**found, told=told)


def _config_file() -> dict[str, Any]:
    path = os.environ.get(CONFIG)
    if not path:
        return {}
    try:
        found = tomllib.loads(Path(path).expanduser().read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CliError(f"config file {path} cannot be read: {reason}; mend {CONFIG}") from error
    return {name.lower(): value for name, value in found.items()}
