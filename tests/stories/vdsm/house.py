"""A pool of two simulated hosts and the real engine on it, with a clock that runs fast: for whole stories."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from adapters.vdsm import Vdsm, VdsmSettings, VolumeAddress
from adapters.vdsm import commands as vdsm_commands
from adapters.vdsm.domain import Drive, parse_domain
from adapters.vdsm.settings import DOMAIN, POOL
from adapters.vdsm.simulator import Effect, Fault, seed
from orchestrator import Command, TaskStatus
from orchestrator.core.entity import CommandEntity, TaskEntity
from orchestrator.core.status import Status
from orchestrator.testing import Stage
from tests.adapters.vdsm.simulator_process import SimulatorProcess

COMMANDS: tuple[type[Command], ...] = tuple(
    getattr(vdsm_commands, one) for one in vdsm_commands.__all__
)
TURN = timedelta(seconds=1)
PATIENCE_S = 60.0
SETTLED = frozenset({Status.NEEDS_ATTENTION})


class PoolHouse:
    """Two hosts of one pool on one storage, an adapter on both, and the engine."""

    def __init__(self, directory: Path, *, speed: float = 400_000, **settings: Any) -> None:
        self.directory = directory
        seed(directory, vms={})
        self.hosts = tuple(
            SimulatorProcess(
                directory, speed=speed, connected=False, options=("--host-id", str(number))
            )
            for number in (1, 2)
        )
        hosts = [
            {"address": f"127.0.0.1:{one.port}", "host_id": number}
            for number, one in enumerate(self.hosts, start=1)
        ]
        pool = {"storage_pool": POOL, "storage_domain": DOMAIN, "hosts": hosts}
        told = {
            "fence_after_s": 0.5,
            "start_timeout_s": 2,
            "call_timeout_s": 2,
            "sources": {"vcenter": {"uri": "vpx://vcenter/dc/esx1", "username": "admin"}},
        }
        self.vdsm = Vdsm(
            VdsmSettings.model_validate(
                {"pools": [pool], "outbox": directory / "outbox", **told, **settings}
            )
        )
        self.stage = Stage(COMMANDS, (self.vdsm,))
        self.vendor: Callable[[TaskEntity], TaskStatus | None] = lambda task: None

    def close(self) -> None:
        self.vdsm.close()
        for one in self.hosts:
            one.kill()

    def vm(self, *sizes: int, host_id: int = 1, running: bool = True) -> SeededVm:
        """Makes a VM with an image of each size in bytes."""
        name = f"vm-{uuid4()}"
        status = "Up" if running else "Down"
        found = seed(self.directory, vms={name: sizes}, host_id=host_id, status=status)
        return SeededVm(self, found.vms[name], found.images[name])

    def inject(self, *faults: Fault) -> None:
        self.hosts[0].inject(*faults)

    def run(self, command: Command, *, until: Callable[[str], Any] | None = None) -> CommandEntity:
        """Plays a command to its end, or until it needs attention, or until that is true."""
        return self.go_on(self.stage.submit(command), until=until)

    def go_on(self, command_id: str, *, until: Callable[[str], Any] | None = None) -> CommandEntity:
        """Plays on with a command that was begun."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.stage.play()
            self._let_vendors_work(command_id)
            found = self.stage.orchestrator.get(command_id)
            if found.status.is_final or found.status in SETTLED or (until and until(command_id)):
                return found
            assert time.monotonic() < deadline, self.told(command_id)
            time.sleep(0.02)
            self.stage.clock.turn(TURN)

    def tidy_up(self, *, turns: int) -> None:
        """Lets the clock run after the end of a command: what is outside is tidied up then."""
        for _ in range(turns):
            time.sleep(0.02)
            self.stage.turn(TURN)

    def _let_vendors_work(self, command_id: str) -> None:
        for one in self.stage.orchestrator.tree(command_id):
            tasks = self.stage.orchestrator.tasks([one.command_id])
            for task in tasks[-1:]:
                if task.system == "vendor" and task.status is TaskStatus.RUNNING:
                    said = self.vendor(task)
                    if said is not None:
                        self.stage.report(one.command_id, said)

    def told(self, command_id: str) -> str:
        """Gives the tree as text, for who wonders where it stands."""
        tree = self.stage.orchestrator.tree(command_id)
        return "\n".join(f"{one.label}: {one.status.value} {one.message or ''}" for one in tree)

    def begun(self, verb: str) -> Callable[[str], bool]:
        """Gives a claim: a task of this verb runs for the command or a part of it."""

        def claim(command_id: str) -> bool:
            ids = [one.command_id for one in self.stage.orchestrator.tree(command_id)]
            tasks = self.stage.orchestrator.tasks(ids)
            return any(one.verb == verb and one.status is TaskStatus.RUNNING for one in tasks)

        return claim

    def pause(self, turns: int) -> Callable[[str], bool]:
        """Gives a claim that becomes true after so many turns of the clock."""
        left = iter(range(turns))
        return lambda command_id: next(left, None) is None

    def files(self, image_id: UUID, domain_id: UUID = DOMAIN) -> dict[str, bytes]:
        """Gives the data of an image's volumes by their ids; empty when the image is gone."""
        image = self.directory / "domains" / str(domain_id) / "images" / str(image_id)
        if not image.is_dir():
            return {}
        return {one.name: one.read_bytes() for one in image.iterdir() if one.suffix != ".json"}

    def fingerprint(self) -> dict[str, str]:
        """Gives all data on the storage, by path: what a story that comes to nothing must leave as it was."""
        root = self.directory / "domains"
        return {
            str(one.relative_to(root)): hashlib.sha256(one.read_bytes()).hexdigest()
            for one in sorted(root.rglob("*"))
            if one.is_file() and one.suffix != ".json"
        }

    def legal(self, image_id: UUID, domain_id: UUID = DOMAIN) -> bool:
        """Whether no volume of an image is marked as half written."""
        chain = self.vdsm.storage().chain(image_id, storage_domain_id=domain_id)
        return all(one.is_legal for one in chain)

    def locks(self) -> list[Any]:
        return self.stage.store.locks()


class SeededVm:
    """A VM that was there before the story."""

    def __init__(self, house: PoolHouse, vm_id: UUID, images: tuple[UUID, ...]) -> None:
        self._house = house
        self.id = vm_id
        self.images = images

    def drives(self) -> tuple[Drive, ...]:
        """Gives its disks as a host tells them; none when no host runs it."""
        for host in self._house.hosts:
            found = host.ask("Host.dumpxmls", vmList=[str(self.id)])
            if str(self.id) in found:
                return parse_domain(found[str(self.id)]).drives
        return ()

    def addresses(self) -> tuple[VolumeAddress, ...]:
        return tuple(one.volume for one in self.drives() if one.volume is not None)


def lost(verb: str) -> Fault:
    """The verb is done once and its reply never comes."""
    return Fault(verb=verb, effect=Effect.LOSE_REPLY, times=1)


def failing(verb: str, *, at: float = 0.4) -> Fault:
    """The work of the verb fails once, at that share of it."""
    return Fault(verb=verb, effect=Effect.FAIL_WORK, at=at, times=1)


def flip() -> Fault:
    """The manager gives up its role as it is asked for its tasks."""
    return Fault(verb="Host.getAllTasksStatuses", effect=Effect.FLIP_SPM, times=1)
