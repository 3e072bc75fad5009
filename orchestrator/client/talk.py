"""What both kinds of client say, written once: conversations that know nothing of how they are carried.

A conversation is a generator: it yields a `Call` or a `Pause`, is sent the answer (or has a ClientError thrown in), and
returns what came of it. `Speaker` carries it with threads, `AsyncSpeaker` in an event loop. A method that is `told` is
a conversation that its instance carries: it gives a value on the one, and is awaited on the other.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar, overload

import httpx

from orchestrator.client import calls
from orchestrator.client.calls import Call
from orchestrator.client.errors import ClientError, UnavailableError

TIMEOUT_S = 30.0
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pause:
    """Waits so many seconds."""

    seconds: float


Talk: TypeAlias = Generator[Call | Pause, Any, T]


def asked(call: Call, retry_s: float) -> Talk[Any]:
    """Makes a call, and again for so long where that is safe; gives its JSON, or None when there is none."""
    further = calls.waits(call, retry_s)
    while True:
        try:
            return (yield call)
        except UnavailableError:
            wait = next(further, None)
            if wait is None:
                raise
        yield Pause(wait)


def thing(call: Call, retry_s: float) -> Talk[dict[str, Any]]:
    """Makes a call that is answered with a JSON object."""
    found: dict[str, Any] = yield from asked(call, retry_s)
    return found


class Speaker:
    """Carries conversations in the thread that asks. Threads may share it."""

    def __init__(
        self, url: str, token: str | None = None, *, retry_s: float = 60.0, **settings: Any
    ) -> None:
        self.url = url.rstrip("/")
        self.retry_s = retry_s
        given = {"timeout": TIMEOUT_S, **settings}
        self.http = httpx.Client(base_url=self.url, headers=calls.headers_of(token), **given)

    def carry(self, talk: Talk[T]) -> T:
        """Has the conversation, and gives what came of it."""
        try:
            step = next(talk)
            while True:
                try:
                    answer = self._do(step)
                except ClientError as error:
                    step = talk.throw(error)
                else:
                    step = talk.send(answer)
        except StopIteration as end:
            came: T = end.value
            return came

    def _do(self, step: Call | Pause) -> Any:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        try:
            answer = self.http.request(**calls.arguments(step))
        except httpx.HTTPError as error:
            raise calls.unreachable(self.url, error) from error
        return calls.read(answer)


class AsyncSpeaker:
    """Carries conversations in an event loop."""

    def __init__(
        self, url: str, token: str | None = None, *, retry_s: float = 60.0, **settings: Any
    ) -> None:
        self.url = url.rstrip("/")
        self.retry_s = retry_s
        given = {"timeout": TIMEOUT_S, **settings}
        self.http = httpx.AsyncClient(base_url=self.url, headers=calls.headers_of(token), **given)

    async def carry(self, talk: Talk[T]) -> T:
        """Has the conversation, and gives what came of it."""
        try:
            step = next(talk)
            while True:
                try:
                    answer = await self._do(step)
                except ClientError as error:
                    step = talk.throw(error)
                else:
                    step = talk.send(answer)
        except StopIteration as end:
            came: T = end.value
            return came

    async def _do(self, step: Call | Pause) -> Any:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        try:
            answer = await self.http.request(**calls.arguments(step))
        except httpx.HTTPError as error:
            raise calls.unreachable(self.url, error) from error
        return calls.read(answer)


class told(Generic[P, T]):  # noqa: N801 - it is used as a decorator
    """Makes a method of a conversation: on a `Speaker` it gives its value, on an `AsyncSpeaker` it is awaited."""

    def __init__(self, talk: Callable[Concatenate[Any, P], Talk[T]]) -> None:
        self._talk = talk
        self.__doc__ = talk.__doc__

    @overload
    def __get__(self, one: Speaker, owner: type[Any]) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, one: AsyncSpeaker, owner: type[Any]
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, one: None, owner: type[Any]) -> told[P, T]: ...
    def __get__(self, one: Any, owner: type[Any]) -> Any:
        if one is None:
            return self
        talk = self._talk

        @functools.wraps(talk)
        def carried(*args: P.args, **kwargs: P.kwargs) -> Any:
            return one.carry(talk(one, *args, **kwargs))

        return carried
