"""Every setting, in one place: from the environment (`ORCHESTRATOR_*`) or a TOML file."""

from __future__ import annotations

import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from orchestrator.core.catalog import describe_problems
from orchestrator.core.errors import BadInputError
from orchestrator.engine.keyring import check_key

CONFIG = "ORCHESTRATOR_CONFIG"


LEASE_HEARTBEATS = 3  # an idle process renews at every second one, and one may come late


class Settings(BaseSettings):
    """What can be set. The environment outweighs the file; what neither says has a sound default."""

    model_config = SettingsConfigDict(env_prefix="ORCHESTRATOR_", extra="ignore")

    data_dir: Path = Field(
        Path("~/.orchestrator"), description="where the embedded database and the simulators live"
    )
    database_url: str = Field(
        "", description="SQLAlchemy URL; empty is SQLite in the data directory"
    )
    broker_url: str = Field(
        "redis://127.0.0.1:6379/0", description="Celery's broker; carries nudges only"
    )
    api_url: str = Field("http://127.0.0.1:8080", description="where the API is reached")
    token: str = Field(
        "", description="the CLI's token; empty is the file `token` in the data directory"
    )
    modules: str = Field("", description="modules with commands of your own, comma-separated")
    fusion: bool = Field(True, description="let a worker go on with the next step in place")
    fusion_seconds: float = Field(1.0, gt=0, description="how long one message may go on")
    crew: int = Field(
        32,
        gt=0,
        description="nudges for commands that become ready together; best the number of worker slots",
    )
    max_parts: int = Field(100_000, gt=0, description="parts of one command")
    max_depth: int = Field(1_000, gt=0, description="how deep a plan may be nested")
    max_parameter_bytes: int = Field(
        1024 * 1024, gt=0, description="size of one command's parameters"
    )
    audit_days: float = Field(
        730, gt=0, description="how long the audit is kept; gc deletes what is older"
    )
    max_deaths: int = Field(
        5, gt=0, description="workers that may die under a command before it is given up"
    )
    launch_grace_seconds: float = Field(
        1.0, gt=0, description="how late a nudge may be before another is sent"
    )
    heartbeat_seconds: float = Field(1.0, gt=0, description="how often a process renews its lease")
    lease_seconds: float = Field(3.0, gt=0, description="how long a silent process counts as alive")
    sweep_seconds: float = Field(
        0.5, gt=0, description="how often the scheduler looks at what is due"
    )
    poll_seconds: float = Field(
        2.0, gt=0, description="how often an outside scope with tasks of ours is asked"
    )
    discover_seconds: float = Field(
        10.0, gt=0, description="how often an outside scope is searched for what others began there"
    )
    poll_threads: int = Field(8, gt=0, description="outside scopes that are asked at the same time")
    webhooks_to_private: bool = Field(
        False, description="let webhooks go to private addresses, and without TLS"
    )
    database_pool: int = Field(10, gt=0, description="database connections a process keeps")
    session_secret: str = Field(
        "", description="seals kept answers; empty is a file in the data directory"
    )
    secret_key: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="encrypts secret parameters: the first of these keys encrypts, all decrypt; see `secret-key new`",
    )
    flower_url: str = Field("", description="where Flower is reached, for the link on the page")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        ours = [init_settings, env_settings]
        if path := os.environ.get(CONFIG):
            ours.append(TomlConfigSettingsSource(settings_cls, toml_file=Path(path)))
        return tuple(ours)

    @field_validator("secret_key", mode="before")
    @classmethod
    def _are_keys(cls, given: Any) -> tuple[SecretStr, ...]:
        """Reads keys separated by commas, or a list of them. What is wrong with one is said without it."""
        words = given.replace(",", " ").split() if isinstance(given, str) else list(given)
        plain = [one.get_secret_value() if isinstance(one, SecretStr) else one for one in words]
        try:
            return tuple(SecretStr(check_key(str(one))) for one in plain)
        except BadInputError as problem:
            raise ValueError(str(problem)) from None

    @field_validator("lease_seconds")
    @classmethod
    def _outlives_a_late_heartbeat(cls, lease: float, info: ValidationInfo) -> float:
        often = info.data.get("heartbeat_seconds")  # absent where it is wrong itself
        if often is not None and lease < LEASE_HEARTBEATS * often * (1 - 1e-9):  # 3 * 0.1 > 0.3
            raise ValueError(
                f"{lease:g} is less than {LEASE_HEARTBEATS} times heartbeat_seconds ({often:g}), and"
                f" living processes would be taken for dead; set it to"
                f" {LEASE_HEARTBEATS * often:g} or more"
            )
        return lease

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys themselves."""
        return tuple(one.get_secret_value() for one in self.secret_key)

    @property
    def data_path(self) -> Path:
        """The data directory, spelled out."""
        return self.data_dir.expanduser().absolute()

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.data_path / 'orchestrator.db'}"

    @property
    def module_names(self) -> list[str]:
        """The modules to load commands from."""
        return [name.strip() for name in self.modules.split(",") if name.strip()]

    @property
    def launch_grace(self) -> timedelta:
        """How late a nudge may be."""
        return timedelta(seconds=self.launch_grace_seconds)


def load_settings(**given: Any) -> Settings:
    """Reads the settings. Raises BadInputError that names the file, or the setting, that is wrong."""
    path = os.environ.get(CONFIG)
    if path and not Path(path).is_file():
        raise BadInputError(f"{CONFIG} names {path!r}, and there is no such file")
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as problem:
        raise BadInputError(f"a setting is wrong: {describe_problems(problem)}") from problem
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise BadInputError(f"the config file {path!r} cannot be read: {problem}") from problem
