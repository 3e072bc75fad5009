"""What the client part of the program must know: where the API is, and who asks."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from orchestrator.cli.exits import CliError
from orchestrator.running import Running, find_running

CONFIG = "ORCHESTRATOR_CONFIG"
TOKEN_FILE = "token"


class ClientSettings(BaseSettings):
    """`ORCHESTRATOR_*` in the environment, or else the TOML file named by `ORCHESTRATOR_CONFIG`.

    Settings that concern other parts of the system are left alone here.
    """

    model_config = SettingsConfigDict(env_prefix="ORCHESTRATOR_", extra="ignore", frozen=True)

    api_url: str = "http://127.0.0.1:8080"
    token: SecretStr | None = None
    data_dir: Path = Field(default_factory=lambda: Path.home() / ".orchestrator")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Reads the environment before the file, and no other source."""
        return (env_settings, init_settings)

    @property
    def token_file(self) -> Path:
        """Where `up` and `login` keep the token."""
        return self.data_dir / TOKEN_FILE

    def find_token(self) -> str | None:
        """Gives the token of the settings, or else the one in the token file."""
        if self.token is not None and self.token.get_secret_value():
            return self.token.get_secret_value()
        try:
            return self.token_file.read_text().strip() or None
        except OSError:  # absent, or somebody else's
            return None


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
    return found.model_copy(update={"api_url": url, "data_dir": running.data})


def running_of(settings: ClientSettings) -> Running | None:
    """Gives the system that `up` runs on this machine, where the settings name no other."""
    told = settings.model_fields_set
    if "api_url" in told:
        return None
    return find_running(settings.data_dir if "data_dir" in told else None)


def read(kind: type[SettingsType]) -> SettingsType:
    """Gives settings of that type. Raises CliError with one sentence when they cannot be read."""
    try:
        found = kind(**_config_file())
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(one) for one in first["loc"])
        raise CliError(f"setting {name} cannot be used: {first['msg']}") from error
    directory = found.data_dir.expanduser()
    if directory == found.data_dir:
        return found  # a copy would say of a default that it was set
    return found.model_copy(update={"data_dir": directory})


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
