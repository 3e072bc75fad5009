"""What stands around a play: the world that its verbs touch, the outside systems, and the broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.core.catalog import Catalog
from orchestrator.core.external import ExternalTask
from orchestrator.testing import FakeVendors
from tests.model.commands import KINDS
from tests.model.odd import UNSTORABLE
from tests.model.world import World
from tests.simulation.actors import Crash
from tests.simulation.street import Street
from tests.simulation.weather import TOO_MUCH

if TYPE_CHECKING:
    from tests.simulation.play import Play


class SimWorld(World):
    """The world of the play: its clock, and its way to die and to hang."""

    play: Play
    unstorable = (*UNSTORABLE, lambda: TOO_MUCH)

    def time(self) -> float:
        return self.play.clock.time.timestamp()

    def crash(self) -> None:
        self.play.count("scripted crash")
        raise Crash

    def hang(self, seconds: float) -> None:
        self.play.sleep(seconds)


WORLD, OUTSIDE, VENDORS = SimWorld(), Street(), FakeVendors()
CATALOG = Catalog({*KINDS.values(), ExternalTask}, (WORLD, OUTSIDE, VENDORS))


@dataclass(slots=True)
class Broker:
    """Carries nudges; loses, doubles and shuffles them while there is trouble."""

    play: Play
    nudges: list[str] = field(default_factory=list)

    def send(self, ids: list[str]) -> None:
        """Takes nudges in, unless it is away."""
        if self.play.outage.is_on:
            return
        for one in ids:
            chance = self.play.rng.random() if self.play.trouble else 1.0
            if chance >= 0.1:
                self.nudges.append(one)
            if chance < 0.2:
                self.nudges.append(one)

    def go_away(self) -> None:
        """Loses all that it carries, and takes nothing more."""
        self.play.outage.begin()
        self.nudges.clear()

    def take(self) -> str:
        """Gives some nudge, not the oldest by any means."""
        number = self.play.rng.randrange(len(self.nudges))
        return self.nudges.pop(number)
