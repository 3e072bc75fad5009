"""Restate: its server keeps the journal, services run the steps and are invoked over HTTP."""
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import hypercorn.asyncio
import hypercorn.config
import restate

from benchmarks.ledger import step_async
from benchmarks.order import Order, Shape
from benchmarks.play import main
from benchmarks.processes import count_ready, free_port, report_ready, until

MODULE = "benchmarks.peers.restate"
PORTS = "BENCH_PORTS"

order = Order.from_environment()


def make_service(name: str) -> Any:
    """Makes the service of one worker process."""
    service = restate.Service(name)

    @service.handler("chain")
    async def chain(context: restate.Context, size: list[int]) -> None:
        command, parts = size
        for part in range(parts):
            await context.run_typed("step", step_async, command=command, part=part)

    @service.handler("child")
    async def child(context: restate.Context, place: list[int]) -> None:
        await context.run_typed("step", step_async, command=place[0], part=place[1])

    @service.handler("fan")
    async def fan(context: restate.Context, size: list[int]) -> None:
        command, parts = size
        await restate.gather(
            *(context.service_call(child, arg=[command, part]) for part in range(parts))
        )

    return service


def work() -> None:
    """Is the main of a worker process, which serves one service on a port of its own."""
    number = int(os.environ["BENCH_WORKER"])
    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{os.environ[PORTS].split(',')[number]}"]
    report_ready(order.room)
    asyncio.run(hypercorn.asyncio.serve(restate.app([make_service(f"bench{number}")]), config))


class Restate:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._ports = [free_port() for _ in range(order.workers)]
        self._admin = f"http://127.0.0.1:{free_port()}"
        self._ingress = f"http://127.0.0.1:{free_port()}"
        self._server: subprocess.Popen[bytes] | None = None
        self._registered = False
        self._loop = asyncio.new_event_loop()
        self._client: Any = None

    def prepare(self) -> None:
        os.environ[PORTS] = ",".join(map(str, self._ports))
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        self._client = httpx.AsyncClient(timeout=self._order.deadline_s, limits=limits)
        program = Path(sys.prefix) / "node_modules" / ".bin" / "restate-server"
        with (self._order.room / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                [program, "--no-logo", "--base-dir", self._order.room / "restate"],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **self._settings()},
            )
        until(lambda: self._answers("/health"), deadline_s=60, what="the start of the server")

    def _settings(self) -> dict[str, str]:
        return {
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
            "RESTATE_ADMIN__BIND_ADDRESS": self._admin.removeprefix("http://"),
            "RESTATE_INGRESS__BIND_ADDRESS": self._ingress.removeprefix("http://"),
            "RESTATE_LOG_FILTER": "warn",
            "DO_NOT_TRACK": "1",
        }

    def _answers(self, path: str) -> bool:
        try:
            return httpx.get(self._admin + path, timeout=5).is_success
        except httpx.TransportError:
            return False

    def worker_commands(self) -> Sequence[Sequence[str]]:
        return [[sys.executable, "-m", MODULE, "work"]] * self._order.workers

    def await_workers(self) -> None:
        until(
            lambda: count_ready(self._order.room) >= self._order.workers and self._register(),
            deadline_s=60,
            what="the start of the workers",
        )

    def _register(self) -> bool:
        """Makes the services known to the server; false while one of them does not answer yet."""
        if not self._registered:
            self._registered = all(
                httpx.post(
                    f"{self._admin}/deployments",
                    json={"uri": f"http://127.0.0.1:{port}", "force": True},
                    timeout=30,
                ).is_success
                for port in self._ports
            )
        return self._registered

    def submit(self, shape: Shape, commands: Sequence[int], parts: int) -> Sequence[Any]:
        return list(self._call(self._send(shape, commands, parts)))

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _send(self, shape: Shape, commands: Sequence[int], parts: int) -> list[str]:
        """Sends one after the other, each to the next service in turn; gives the invocations."""
        found = []
        for number in commands:
            service = f"bench{number % self._order.workers}"
            url = f"{self._ingress}/{service}/{shape}/send"
            answer = await self._client.post(url, json=[number, parts])
            found.append(answer.raise_for_status().json()["invocationId"])
        return found

    def wait(self, handles: Sequence[Any], deadline_s: float) -> int:
        end = time.monotonic() + deadline_s
        return int(self._call(self._attach(handles, end)))

    async def _attach(self, invocations: Sequence[str], end: float) -> int:
        """Hangs on to all invocations; the server answers when each of them ends."""

        async def attach(invocation: str) -> bool:
            url = f"{self._ingress}/restate/invocation/{invocation}/attach"
            timeout = max(0.1, end - time.monotonic())
            answer = await self._client.get(url, timeout=timeout)
            return bool(answer.is_success)

        ended = await asyncio.gather(*map(attach, invocations), return_exceptions=True)
        return sum(found is True for found in ended)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._server is not None:
            os.killpg(self._server.pid, 9)
            self._server.wait()


if __name__ == "__main__":
    work() if sys.argv[1:] == ["work"] else main(Restate)
