"""The settings of the Gluster adapter, read from ORCHESTRATOR_GLUSTER_* in the environment."""

from __future__ import annotations

import shlex
from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.gluster.cli import SHORTEST_TIMEOUT


class GlusterSettings(BaseSettings):
    """Each field is an environment variable, for instance ORCHESTRATOR_GLUSTER_COMMAND."""

    model_config = SettingsConfigDict(env_prefix="ORCHESTRATOR_GLUSTER_", frozen=True)

    command: str = Field(
        default="gluster",
        min_length=1,
        description="the gluster program and its options, as a shell would read them",
    )
    cluster: str = Field(default="gluster", description="what this cluster is called, its scope")
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

    @property
    def command_words(self) -> tuple[str, ...]:
        """The command line in words."""
        return tuple(shlex.split(self.command))

    @property
    def timeout(self) -> timedelta:
        """How long one call may take."""
        return timedelta(seconds=self.timeout_s)
