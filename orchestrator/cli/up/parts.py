"""What a whole system consists of: the processes of each part, and what they are told."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.cli.up.child import Part
from orchestrator.cli.up.ports import HERE

BROKER, SIMULATORS, SERVICES = 0, 1, 2
FLOWER_PORT = 5555
VDSM_PORT = 54321


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be brought up. `port` None takes any free one; 0 workers, none.

    `environment` is for all parts and outweighs ours; `vdsm_speed` paces the simulated storage, in
    bytes per second of each task.
    """

    data: Path
    port: int | None = 8080
    host: str = HERE
    workers: int = 1
    flower: bool = True
    simulators: bool = True
    database_url: str = ""
    broker_url: str = ""
    vdsm_speed: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the parts of one system are: ports, URLs and directories."""

    api_port: int
    broker_port: int | None
    vdsm_port: int | None
    flower_port: int | None
    broker_url: str
    database_url: str

    @property
    def api_url(self) -> str:
        """Where the API and the page are reached from this machine."""
        return f"http://{HERE}:{self.api_port}"

    @property
    def flower_url(self) -> str | None:
        """Where Flower is reached."""
        return None if self.flower_port is None else f"http://{HERE}:{self.flower_port}"


def environment(wish: Wish, places: Places) -> dict[str, str]:
    """Gives the environment of all parts."""
    found = {
        "ORCHESTRATOR_DATA_DIR": str(wish.data),
        "ORCHESTRATOR_DATABASE_URL": places.database_url,
        "ORCHESTRATOR_BROKER_URL": places.broker_url,
        "ORCHESTRATOR_API_URL": places.api_url,
        "ORCHESTRATOR_FLOWER_URL": places.flower_url or "",
    }
    if wish.simulators:
        found |= {
            "ORCHESTRATOR_VDSM_ADDRESS": f"{HERE}:{places.vdsm_port}",
            "ORCHESTRATOR_VDSM_OUTBOX": str(wish.data / "outbox"),
            "ORCHESTRATOR_GLUSTER_COMMAND": shlex.join(
                (sys.executable, "-m", "adapters.gluster.simulator")
            ),
            "GLUSTER_SIMULATOR_STATE": str(wish.data / "gluster"),
        }
    return {**found, **wish.environment}


def broker(wish: Wish, port: int) -> Part:
    """A Redis that keeps nothing; where none is installed, a stand-in written in Python."""
    redis = shutil.which("redis-server")
    command: tuple[str, ...] = (sys.executable, "-m", "workers.broker", "--port", str(port))
    if redis is not None:
        command = (
            *(redis, "--port", str(port), "--bind", HERE),
            *("--save", "", "--appendonly", "no"),
            *("--dir", str(wish.data), "--loglevel", "warning"),
        )
    return Part(name="broker", command=command, stage=BROKER, port=port, is_awaited=True)


def vdsm_simulator(data: Path, port: int, *, host: str = HERE, speed: float | None = None) -> Part:
    """The simulated VDSM; the simulated Gluster is a program that needs no server."""
    command = (
        *(sys.executable, "-m", "adapters.vdsm.simulator"),
        *("--data", str(data / "vdsm"), "--host", host, "--port", str(port)),
        *(() if speed is None else ("--speed", str(speed))),
    )
    return Part(name="vdsm", command=command, stage=SIMULATORS, port=port, is_awaited=True)


def api(host: str, port: int) -> Part:
    """The REST API and the page."""
    command = (sys.executable, "-m", "workers.asgi", "--host", host, "--port", str(port))
    return Part(name="api", command=command, stage=SERVICES, port=port)


def worker(node: str) -> Part:
    """A Celery worker; threads, because verbs wait for others more than they compute."""
    command = (
        *(sys.executable, "-m", "workers.worker"),
        *("-n", f"{node}@%h", "--task-events"),
    )
    return Part(name=node, command=command, stage=SERVICES)


def scheduler() -> Part:
    """The scheduler; of several, one leads."""
    return Part(
        name="scheduler", command=(sys.executable, "-m", "workers.schedule"), stage=SERVICES
    )


def flower(host: str, port: int) -> Part:
    """Flower, Celery's own page."""
    command = (
        *(sys.executable, "-m", "celery", "-A", "workers", "flower"),
        *(f"--address={host}", f"--port={port}", "--logging=error"),
    )
    return Part(name="flower", command=command, stage=SERVICES, port=port)
