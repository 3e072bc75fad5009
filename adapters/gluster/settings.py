"""The settings of the Gluster adapter, read from ORCHESTRATOR_GLUSTER_* in the environment."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.gluster.cli import CALLS_AT_ONCE, SHORTEST_TIMEOUT

CLUSTER_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"


class ClusterSettings(BaseModel):
    """One cluster: its name, and the command that reaches it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=CLUSTER_NAME)
    command: str = Field(default="gluster", min_length=1)
    brick_command: str = ""

    @property
    def brick_words(self) -> tuple[str, ...]:
        """What runs a program on the host of a brick, in words."""
        return tuple(shlex.split(self.brick_command))

    @property
    def command_words(self) -> tuple[str, ...]:
        """The command line in words."""
        return tuple(shlex.split(self.command))


class GlusterSettings(BaseSettings):
    """Each field is an environment variable, for instance ORCHESTRATOR_GLUSTER_COMMAND."""

    model_config = SettingsConfigDict(env_prefix="ORCHESTRATOR_GLUSTER_", frozen=True)

    command: str = Field(
        default="gluster",
        min_length=1,
        description="the gluster program and its options, as a shell would read them",
    )
    cluster: str = Field(default="gluster", description="what this cluster is called, its scope")
    brick_command: str = Field(
        default="",
        description=(
            "what runs a program on a brick's host, `ssh root@{host}` or `env` for here: "
            "removed bricks are looked through for files left behind"
        ),
    )
    clusters: tuple[ClusterSettings, ...] = Field(
        default=(),
        description="other clusters, as JSON: a list of objects with name, command and brick_command",
    )
    calls_at_once: int = Field(
        default=CALLS_AT_ONCE, ge=1, description="calls of the program under way, for each cluster"
    )
    timeout_s: float = Field(
        default=60.0,
        ge=SHORTEST_TIMEOUT.total_seconds(),
        description="how long one call of the program may take, in seconds",
    )
    lease_s: float = Field(
        default=300.0, gt=0, description="how long a task may be silent before it counts as stale"
    )
    frozen_after_s: float = Field(
        default=120.0, gt=0, description="how long counters may stand still, in seconds"
    )
    absent_after_s: float = Field(
        default=30.0, ge=0, description="how long a task may be missing before it counts as lost"
    )
    details_per_poll: int = Field(
        default=8, ge=1, description="running tasks whose counters one poll reads"
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [self.cluster, *(one.name for one in self.clusters)]
        if len(set(names)) < len(names):
            raise ValueError(f"two gluster clusters have the same name: {', '.join(names)}")
        return self

    @property
    def command_words(self) -> tuple[str, ...]:
        """The command line in words."""
        return tuple(shlex.split(self.command))

    @property
    def brick_words(self) -> tuple[str, ...]:
        """What runs a program on the host of a brick, in words."""
        return tuple(shlex.split(self.brick_command))

    @property
    def timeout(self) -> timedelta:
        """How long one call may take."""
        return timedelta(seconds=self.timeout_s)
