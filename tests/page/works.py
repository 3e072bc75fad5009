"""Commands to look at: disks move, volumes balance, a vendor clones. Nothing is really done."""

from __future__ import annotations

from datetime import timedelta

from orchestrator import (
    AsyncTask,
    Command,
    Locks,
    Outcome,
    Plan,
    Refused,
    TryAgain,
    best_effort,
    exclusive,
    external,
    parallel,
    sequence,
)


class Note(Command, kind="engine.note", label="{text}"):
    """A step of the engine's own, done at once."""

    text: str

    def execute(self) -> dict[str, str]:
        return {"noted": self.text}

    def compensate(self) -> None:
        pass


class Work(Command, kind="host.work", label="{text}", timeout=timedelta(hours=2), weight=4):
    """A step that a host works on until the test reports its end."""

    text: str
    host: str = "host-1"

    def execute(self) -> AsyncTask[None]:
        return AsyncTask(system="vdsm", scope=self.host, verb="work", description=self.text)

    def compensate(self) -> None:
        pass


class Refusing(Command, kind="host.refuse", label="{text}"):
    """A step that always fails."""

    text: str
    error: str

    def execute(self) -> None:
        raise Refused(self.error)


class Stubborn(Command, kind="host.retry", label="{text}"):
    """A step whose host is away, so that it is asked again an hour later."""

    text: str

    def execute(self) -> None:
        raise TryAgain("host-2 is in maintenance", after=timedelta(hours=1))


class StuckEnd(Command, kind="vm.backup", label="Back up {vm}"):
    """A command whose end cannot be done."""

    vm: str

    def execute(self) -> None:
        pass

    def end(self, outcome: Outcome) -> None:
        raise Refused("no space is left on the backup target; the snapshot is still there")


class Nightly(Command, kind="vm.nightly", label="Nightly care of {vm}"):
    """A part of it gets stuck."""

    vm: str

    def plan(self) -> Plan:
        return sequence(Note(text="Freeze"), StuckEnd(vm=self.vm), Note(text="Thaw"))


class MoveDisk(Command, kind="disk.live_migrate", label="Live move of disk {vm}"):
    """Moves a disk while its VM runs; with `error`, starting the mirror fails."""

    vm: str
    error: str | None = None

    def locks(self) -> Locks:
        return exclusive("vm", self.vm)

    def plan(self) -> Plan:
        mirror: Command = Work(text="Start mirror")
        if self.error:
            mirror = Refusing(text="Start mirror", error=self.error)
        return sequence(
            Note(text="Validate"),
            Work(text="Create snapshot"),
            Note(text="Create image placeholder"),
            mirror,
            parallel(Work(text="Sync base image"), Work(text="Sync overlay", host="host-2")),
            Work(text="Pivot"),
            best_effort(Work(text="Delete source image")),
        )


class Rebalance(
    Command, kind="gluster.volume.rebalance", label="Rebalance Gluster volume {volume}"
):
    """Moves files between bricks."""

    volume: str
    bricks: int = 4

    def locks(self) -> Locks:
        return exclusive("volume", self.volume)

    def plan(self) -> Plan:
        bricks = [
            Work(text=f"Move files of brick {one + 1}", host="gluster01")
            for one in range(self.bricks)
        ]
        return sequence(Note(text="Start rebalance"), parallel(*bricks), Note(text="Commit"))


class RapidClone(Command, kind="vm.rapid_clone", label="Rapid clone of {vm}"):
    """Our steps and a vendor's in one chain."""

    vm: str

    def plan(self) -> Plan:
        return sequence(
            Note(text=f"Shut down {self.vm}"),
            external("netapp", "Clone the LUN", data={"lun": "/vol/vm12/lun0", "clones": 1}),
            external("netapp", "Update metadata"),
            Note(text="Attach disks"),
        )


class Inventory(Command, kind="host.inventory", label="Inventory of {hosts} hosts"):
    """A wide command: one part for each host."""

    hosts: int

    def plan(self) -> Plan:
        return parallel(*(Note(text=f"Ask host {one + 1:05d}") for one in range(self.hosts)))


class Sweep(Command, kind="host.sweep", label="Sweep of {hosts} hosts"):
    """A wide command of which some parts fail, and go on to be looked for."""

    hosts: int
    broken: tuple[int, ...] = ()

    def plan(self) -> Plan:
        hosts: list[Command] = [Note(text=f"Ask host {one + 1}") for one in range(self.hosts)]
        for one in self.broken:
            hosts[one - 1] = Refusing(text=f"Ask host {one}", error="no route to host")
        return parallel(*hosts)


ALL = (
    Sweep,
    Note,
    Work,
    Nightly,
    Refusing,
    Stubborn,
    StuckEnd,
    MoveDisk,
    Rebalance,
    RapidClone,
    Inventory,
)
