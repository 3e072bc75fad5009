"""What the machine answers: the command as it is now, letters to its neighbours, and effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Any, TypeAlias

from orchestrator.core.asynctask import AsyncTask
from orchestrator.core.entity import CommandEntity
from orchestrator.core.event import Event


class To(Enum):
    """A neighbour, as seen from the command that writes to it."""

    PARENT = auto()
    NEXT = auto()
    PREVIOUS = auto()
    FIRST_PART = auto()
    LAST_PART = auto()
    PARTS = auto()
    PENDING_PARTS = auto()
    LIVE_PARTS = auto()


@dataclass(frozen=True, slots=True)
class Letter:
    """An event for a neighbour, delivered in the same transaction."""

    to: To | str
    event: Event


class Effect(Enum):
    """What else the transaction must do for the command."""

    ACQUIRE_LOCKS = auto()
    RELEASE_LOCKS = auto()
    STOP_TASK = auto()
    DROP_TASK = auto()  # the task is given up: nobody waits for it any more
    DROP_PARTS = auto()  # the parts of a plan that will be made anew
    CHECK_TASK = auto()  # news may have come before we were ready for it


@dataclass(frozen=True, slots=True)
class StoreTask:
    """Store the placeholder of an async task."""

    task: AsyncTask[Any]
    tries: int = 0
    retry_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class StoreValue:
    """Store the command's return value."""

    value: Any


AnyEffect: TypeAlias = Effect | StoreTask | StoreValue


@dataclass(frozen=True, slots=True)
class Reaction:
    """The whole answer to one event."""

    command: CommandEntity
    letters: tuple[Letter, ...] = ()
    effects: tuple[AnyEffect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers of the machine.

    `launch_grace` is how long a nudge may take before the command is launched again, doubled with
    every launch up to `launch_most`. `deaths` is how many workers may die under a command before it is
    given up; from the second on it waits `death_delay`, doubled up to `death_most`, so that
    suspects are told from bystanders. What is being stopped or is late and says "not yet" is asked again, at most
    `stop_wait` apart: a start `stop_tries` times, an end or an undo `end_tries` times. Then a person is asked.
    Of commands that become ready together only the first `crew` are nudged: who is done with one takes the
    next; should all of the crew be lost, the others are launched after `crew_grace`. 0 nudges every one.
    """

    launch_grace: timedelta = timedelta(seconds=1)
    launch_most: timedelta = timedelta(seconds=60)
    deaths: int = 5
    death_delay: timedelta = timedelta(milliseconds=500)
    death_most: timedelta = timedelta(seconds=10)
    stop_tries: int = 6
    end_tries: int = 60
    stop_wait: timedelta = timedelta(seconds=10)
    crew: int = 0
    crew_grace: timedelta = timedelta(seconds=30)
    random: float = field(default=0.5, compare=False)
