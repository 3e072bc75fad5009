"""Starts parts in order, watches over them, stops them in the reverse order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from orchestrator.cli.exits import CliError
from orchestrator.cli.up.child import Child, Part
from orchestrator.cli.up.logs import OWN, Log
from orchestrator.cli.up.ports import answers

START_TIMEOUT_S = 60.0
GRACE_S = 10.0
LOOK_EVERY_S = 0.03
DEATHS_BEFORE_READY = 3


class Supervisor:
    """All children of one system."""

    def __init__(self, log: Log, noted: Callable[[str, int], None]) -> None:
        self.hurry = threading.Event()
        self._log = log
        self._noted = noted
        self._children: dict[str, Child] = {}

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    def start(self, part: Part) -> None:
        """Starts a part; if it has a port, waits until it answers there."""
        child = Child(part, self._log, self._noted)
        self._children[part.name] = child
        try:
            child.start()
        except OSError as error:
            raise CliError(f"{part.name} cannot be started: {error}") from error
        port = part.port
        if port is not None and part.is_awaited:
            self.wait_until(lambda: answers(port), f"{part.name} to answer on port {port}")

    def wait_until(
        self, is_so: Callable[[], bool], what: str, timeout_s: float = START_TIMEOUT_S
    ) -> None:
        """Waits. Raises CliError at the deadline, or when a part does not stay up."""
        deadline = time.monotonic() + timeout_s
        while not is_so():
            for child in self._children.values():
                if child.deaths >= DEATHS_BEFORE_READY:
                    raise CliError(f"{child.part.name} does not stay up: {child.last_line}")
            if self.hurry.wait(LOOK_EVERY_S):
                raise KeyboardInterrupt
            if time.monotonic() > deadline:
                raise CliError(f"waited {timeout_s:g} s for {what}, in vain")

    def stop(self) -> None:
        """Stops all parts, stage by stage from the last; kills those that do not end in time."""
        self.hurry.clear()
        for stage in sorted({one.part.stage for one in self._children.values()}, reverse=True):
            children = [one for one in self._children.values() if one.part.stage == stage]
            for child in children:
                child.ask_to_stop()
            deadline = time.monotonic() + GRACE_S
            for child in children:
                while not child.wait(LOOK_EVERY_S):
                    if self.hurry.is_set() or time.monotonic() > deadline:
                        self._log.write(OWN, f"{child.part.name} does not end; killed")
                        child.kill()
                        child.wait(GRACE_S)
                        break
