"""What verbs of strangers raise, return and wait for: all of it must come to something that can be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from orchestrator import AsyncTask

T = TypeVar("T")


class Strange(BaseException):
    """No Exception at all."""


class UnreadableError(Exception):
    """Ends the program when it is asked what it says."""

    def __str__(self) -> str:
        raise SystemExit(3)


class BlankError(Exception):
    """Says nothing, not even an empty text."""

    def __str__(self) -> Any:
        return None if self.args else self.args


ODD_ERRORS: tuple[type[BaseException], ...] = (
    ValueError,
    Strange,
    SystemExit,
    UnreadableError,
    KeyboardInterrupt,
    asyncio.CancelledError,
    BlankError,
    GeneratorExit,
)
SOON = timedelta(seconds=0.5)
ODD_WAITS: tuple[Any, ...] = (SOON, 0.5, timedelta(seconds=-1), float("nan"), "soon", None)


def _generator() -> Iterator[int]:
    yield 1


async def _coroutine() -> int:
    return 1


def _nested() -> Any:
    made: Any = 0
    for _ in range(300):
        made = [made]
    return made


def _task() -> AsyncTask[Any]:
    return AsyncTask(system="model", scope="odd", verb="odd", request={"odd": _nested()})


UNSTORABLE: tuple[Callable[[], Any], ...] = (_generator, object, _coroutine, _nested, _task)


LAZY: tuple[Callable[[], Any], ...] = (_generator, _coroutine)
"""Answers of a verb that has done nothing yet."""


def one_of(choice: Sequence[T], number: int) -> T:
    """Gives one of them; each in its turn."""
    return choice[number % len(choice)]
