"""A VDSM simulator as a process of its own, that can be killed and started again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from adapters.vdsm import Vdsm, VdsmClient, VdsmSettings
from adapters.vdsm.simulator import Fault
from adapters.vdsm.simulator.faults import write_faults


class SimulatorProcess:
    """Serves `directory`; it keeps its port over restarts."""

    def __init__(
        self,
        directory: Path,
        *,
        speed: float | None = None,
        connected: bool = True,
        options: tuple[str, ...] = (),
    ) -> None:
        self.directory = directory
        self._speed = speed
        self._options = (*options, "--connected") if connected else options
        self._process: subprocess.Popen[str] | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Starts the process and waits for its word that it listens."""
        command = [sys.executable, "-m", "adapters.vdsm.simulator", "--data", str(self.directory)]
        command += ["--port", str(self.port), *self._options]
        if self._speed is not None:
            command += ["--speed", str(self._speed)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("vdsm simulator listening on "), line
        self.port = int(line.rpartition(":")[2])

    def kill(self) -> None:
        """Kills it with -9; killed already is fine."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def adapter(self, **settings: Any) -> Vdsm:
        """Gives an adapter that talks to it."""
        return Vdsm(VdsmSettings(address=f"127.0.0.1:{self.port}", **settings))

    def client(self) -> VdsmClient:
        """Gives a client that talks to it."""
        return VdsmClient("127.0.0.1", self.port)

    def inject(self, *faults: Fault) -> None:
        """Puts these faults in force, and no others."""
        write_faults(self.directory / "faults.json", faults)

    def count(self, method: str) -> int:
        """Gives how often the method was called on the hosts of this directory."""
        lines = (self.directory / "calls.log").read_text().splitlines()
        return sum(line.endswith(f" {method}") for line in lines)

    def ask(self, method: str, **params: Any) -> Any:
        """Calls a verb directly."""
        client = self.client()
        try:
            return client.call(method, timeout_s=30, **params)
        finally:
            client.close()
