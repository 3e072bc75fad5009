"""The processes of one installation, and the supervisor that starts again whatever was killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.chaos.nest import Nest, Process

REST_S = 0.1  # before a dead process is started again, as a supervisor would
LOOK_S = 0.5  # how often it is looked whether a process has frozen itself
FROZEN_S = (4.0, 7.0)  # past any lease


@dataclass(slots=True)
class Member:
    """One process of the crew. `extra` gives what its next incarnation finds in its environment."""

    name: str
    command: Sequence[str]
    extra: Callable[[int], Mapping[str, str]] = lambda _: {}
    is_hatched: bool = False  # forked off a process that has loaded all the code
    process: Process | None = None
    incarnation: int = 0
    died_at: float | None = None
    thaw_at: float | None = None
    is_wanted: bool = True

    @property
    def lives(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None


@dataclass(slots=True)
class Crew:
    """Starts processes, keeps them going, and ends them all when the block is left."""

    room: Path
    environment: Mapping[str, str]
    members: dict[str, Member] = field(default_factory=dict)
    rng: random.Random = field(default_factory=random.Random)
    deaths: int = 0
    nest: Nest | None = None
    _looked: float = 0.0

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hire(self, member: Member) -> None:
        """Starts one more process."""
        self.members[member.name] = member
        self._start(member)

    def tend(self) -> None:
        """Starts what has died, and lets go on what was frozen long enough."""
        now = time.monotonic()
        for member in self.members.values():
            if member.lives:
                self._thaw(member, now)
            elif member.is_wanted and member.died_at is None:
                member.died_at = now
                member.thaw_at = None
                self.deaths += 1
            elif member.is_wanted and member.died_at is not None and now > member.died_at + REST_S:
                self._start(member)
        if now > self._looked + LOOK_S:
            self._looked = now
            self._find_frozen(now)

    def _find_frozen(self, now: float) -> None:
        """A fault point may have had a process freeze itself; it shall come back as a zombie."""
        for member in self.members.values():
            if member.thaw_at is None and any(
                _status(one) == psutil.STATUS_STOPPED for one in self.family(member)
            ):
                member.thaw_at = now + self.rng.uniform(*FROZEN_S)

    def _thaw(self, member: Member, now: float) -> None:
        if member.thaw_at is not None and now > member.thaw_at:
            member.thaw_at = None
            for process in self.family(member):
                with contextlib.suppress(psutil.Error):
                    process.resume()

    def _start(self, member: Member) -> None:
        extra = member.extra(member.incarnation)
        member.incarnation += 1
        member.died_at = None
        path = self.room / f"{member.name}.log"
        if member.is_hatched:
            if self.nest is None:
                self.nest = Nest(self.environment)
            member.process = self.nest.start(member.command, extra, path)
            return
        with path.open("ab") as log:
            member.process = subprocess.Popen(
                list(member.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **self.environment, **extra},
            )

    def family(self, member: Member) -> list[psutil.Process]:
        """Gives the member's process and its children, those that still live."""
        if member.process is None or not member.lives:
            return []
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(member.process.pid)
            return [parent, *parent.children(recursive=True)]
        return []

    def kill(self, name: str, *, down_s: float = 0.0) -> bool:
        """Kills a member and its children with SIGKILL; False when it was dead already."""
        member = self.members[name]
        if member.process is None or not member.lives:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(member.process.pid, signal.SIGKILL)
        member.process.wait()
        member.died_at = time.monotonic() + down_s
        member.thaw_at = None
        self.deaths += 1
        return True

    def freeze(self, name: str, seconds: float) -> bool:
        """Stops a member's processes in their tracks, to go on by themselves later."""
        member = self.members[name]
        if not member.lives or member.thaw_at is not None:
            return False
        for process in self.family(member):
            with contextlib.suppress(psutil.Error):
                process.suspend()
        member.thaw_at = time.monotonic() + seconds
        return True

    def named(self, prefix: str) -> list[str]:
        """Gives the names of the members that begin so."""
        return [name for name in self.members if name.startswith(prefix)]

    def thaw_all(self) -> None:
        """Lets everything go on that is frozen."""
        for member in self.members.values():
            member.thaw_at = time.monotonic()
        self.tend()

    def close(self) -> None:
        """Kills all of them, for good."""
        for member in self.members.values():
            member.is_wanted = False
            self.kill(member.name)
        if self.nest is not None:
            self.nest.close()


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.Error:
        return psutil.STATUS_DEAD
