"""What a demo is told to play. Scenarios are found by the entry point group `orchestrator.demos`.

They live beside the adapters whose outside systems they fill, and need nothing of ours but to have
these shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

from orchestrator.cli.exits import CliError, ExitCode

GROUP = "orchestrator.demos"


class Trial(Protocol):
    """One command of a scenario, and how it must end."""

    @property
    def title(self) -> str:
        """What it shows, in a few words."""

    @property
    def kind(self) -> str:
        """The command's kind."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters, JSON."""

    @property
    def owner(self) -> str:
        """On whose behalf it is submitted."""

    @property
    def ending(self) -> str:
        """The final status that it must come to."""

    @property
    def stop_at(self) -> float | None:
        """The operator stops it at this progress, 0 to 1; None leaves it alone."""

    @property
    def parts(self) -> Mapping[str, str]:
        """Kinds of parts, and the status that all parts of that kind must come to."""

    @property
    def passes(self) -> Sequence[str]:
        """Statuses that it must have passed."""

    def faults(self) -> Sequence[str]:
        """Looks at the files on disk after the end; gives what is not as it must be."""


class Scenario(Protocol):
    """A demo: what to seed, what to submit, who takes part."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Settings for all parts of the system."""

    @property
    def vdsm_speed(self) -> float:
        """How fast the simulated storage works, in bytes per second of each task."""

    @property
    def trials(self) -> Sequence[Trial]:
        """What is submitted, in this order, all at once."""

    def seed(self) -> None:
        """Fills the outside systems before they are started."""

    def players(self, url: str, token: str) -> Mapping[str, Sequence[str]]:
        """Gives the programs that take part, by name: their words."""


Maker: TypeAlias = Callable[[Path], Scenario]
"""Makes a scenario for a data directory."""


def find_scenario(name: str) -> Maker:
    """Gives the scenario of that name. Raises CliError when there is none."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise CliError(
            f"there is no demo scenario {name!r}; known are: {known}", ExitCode.WRONG_USAGE
        )
    return cast(Maker, found[name].load())
