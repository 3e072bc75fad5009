"""A whole system on one machine: brought up in order, torn down in order."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import TracebackType
from typing import Self

import httpx

from orchestrator.cli.administration import administrate
from orchestrator.cli.exits import CliError
from orchestrator.cli.private import write_private
from orchestrator.cli.settings import TOKEN_FILE
from orchestrator.cli.up import parts
from orchestrator.cli.up.child import Part
from orchestrator.cli.up.house import House
from orchestrator.cli.up.logs import OWN, Log
from orchestrator.cli.up.parts import Places, Wish
from orchestrator.cli.up.ports import free_port, is_free
from orchestrator.cli.up.supervisor import Supervisor


class Stack:
    """The system that a wish describes, as a context: `start` it inside, it is stopped at the end.

    All methods raise CliError with one sentence for what is in the way.
    """

    def __init__(self, wish: Wish, log: Log) -> None:
        self.house = House(wish.data)
        self.wish = replace(wish, data=self.house.directory)
        self.log = log
        self.supervisor = Supervisor(log, self.house.note_process)
        self.environment: dict[str, str] = {}
        self.places: Places

    def __enter__(self) -> Self:
        for name in self.house.enter():
            self.log.write(OWN, f"{name} was left over from an earlier start; ended it")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.supervisor.stop()
        self.house.forget_processes()
        self.house.leave()

    def start(self) -> None:
        """Starts all parts; gives back when the API says that it is ready."""
        self.places = self._find_places()
        self.environment = parts.environment(self.wish, self.places)
        if self.places.broker_port is not None:
            self.run(parts.broker(self.wish, self.places.broker_port))
        revision = administrate("upgrade", environment=self.environment)
        self.log.write(OWN, f"database at schema {revision}")
        self._make_token()
        if self.places.vdsm_port is not None:
            data, speed = self.wish.data, self.wish.vdsm_speed
            self.run(parts.vdsm_simulator(data, self.places.vdsm_port, speed=speed))
        self.run(parts.api(self.wish.host, self.places.api_port))
        for number in range(1, self.wish.workers + 1):
            self.run(parts.worker(f"w{number}"))
        self.run(parts.scheduler())
        if self.places.flower_port is not None:
            self.run(parts.flower(self.wish.host, self.places.flower_port))
        self.supervisor.wait_until(self.is_ready, "the API to be ready")

    def run(self, part: Part) -> None:
        """Runs one more part in the environment of this system."""
        environment = {**self.environment, **part.environment}
        self.supervisor.start(replace(part, environment=environment))

    def token(self) -> str:
        """Gives the administrator's token."""
        return (self.wish.data / TOKEN_FILE).read_text().strip()

    def is_ready(self) -> bool:
        """Whether the API answers, and all that it needs does too."""
        try:
            return httpx.get(f"{self.places.api_url}/readyz", timeout=5.0).is_success
        except httpx.HTTPError:
            return False

    def _find_places(self) -> Places:
        wish, house = self.wish, self.house
        brings_broker = not wish.broker_url
        broker_port = house.port("broker") if brings_broker else None
        if wish.port is not None and not is_free(wish.port, wish.host):
            raise CliError(
                f"port {wish.port} is in use; stop what listens there, or give another --port"
            )
        return Places(
            api_port=wish.port or free_port(),
            broker_port=broker_port,
            vdsm_port=house.port("vdsm") if wish.simulators else None,
            flower_port=house.port("flower", parts.FLOWER_PORT) if wish.flower else None,
            broker_url=wish.broker_url or f"redis://127.0.0.1:{broker_port}/0",
            database_url=wish.database_url or f"sqlite:///{wish.data / 'orchestrator.db'}",
        )

    def _make_token(self) -> None:
        path = self.wish.data / TOKEN_FILE
        if not path.exists():
            made = administrate("token", "admin", "admin", environment=self.environment)
            write_private(str(path), made)
            self.log.write(OWN, f"made a token for the administrator in {path}")

    def describe_broker(self) -> str:
        """Gives a word on who carries the messages."""
        if self.places.broker_port is None:
            return "yours"
        return "redis-server" if shutil.which("redis-server") else "built in"
