"""`orchestrator up`: everything in front, or one part of it."""

from __future__ import annotations

import os
import signal
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated, assert_never

import typer
from rich.table import Table
from rich.text import Text

from orchestrator.cli.access import sign_in_link
from orchestrator.cli.console import notes, results
from orchestrator.cli.exits import CliError, ExitCode
from orchestrator.cli.settings import StackSettings, read
from orchestrator.cli.up import parts
from orchestrator.cli.up.child import Part
from orchestrator.cli.up.logs import OWN, TerminalLog
from orchestrator.cli.up.parts import Wish
from orchestrator.cli.up.ports import HERE, is_free
from orchestrator.cli.up.stack import Stack
from orchestrator.core.redaction import without_passwords
from orchestrator.running import announce

DEFAULT_PORT = 8080
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last: the terminal was closed


class One(StrEnum):
    """A part that can be run alone."""

    API = "api"
    WORKER = "worker"
    SCHEDULER = "scheduler"
    FLOWER = "flower"
    SIMULATORS = "simulators"


def up(
    part: Annotated[
        One | None,
        typer.Argument(metavar="[PART]", help="api, worker, scheduler, flower, simulators"),
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="data directory")] = None,
    port: Annotated[int | None, typer.Option("--port", help="default 8080")] = None,
    host: Annotated[str, typer.Option("--host", help="address to listen on")] = HERE,
    workers: Annotated[int, typer.Option("--workers", min=0, help="worker processes")] = 1,
    no_flower: Annotated[bool, typer.Option("--no-flower")] = False,
    no_simulators: Annotated[bool, typer.Option("--no-simulators")] = False,
) -> None:
    """Run everything in front until Ctrl-C; or one part, where each has a place of its own."""
    settings = read(StackSettings)
    directory = (data or settings.data_dir).expanduser().absolute()
    if part is not None:
        _become(_alone(part, directory, host, port), directory if data else None)
    wish = Wish(
        data=directory,
        port=DEFAULT_PORT if port is None else port or None,
        host=host,
        workers=workers,
        flower=not no_flower,
        simulators=not no_simulators,
        database_url=settings.database_url,
        broker_url=settings.broker_url,
    )
    _run(wish)


def _run(wish: Wish) -> None:
    names = ["broker", "vdsm", "api", *(f"w{n + 1}" for n in range(wish.workers)), "scheduler"]
    stop = threading.Event()
    with Stack(wish, TerminalLog([*names, "flower"])) as stack:

        def end(number: int, frame: object) -> None:
            # The first asks for an orderly end, the next for a quick one.
            stack.supervisor.hurry.set()
            stop.set()

        before = {one: signal.signal(one, end) for one in END_SIGNALS}
        try:
            stack.start()
            announce(stack.wish.data, stack.environment)
            _print_places(stack)
            stop.wait()
        except KeyboardInterrupt:  # while things were starting
            pass
        stack.log.write(OWN, "stopping; once more to stop at once")
        stack.supervisor.stop()
        for one, handler in before.items():
            signal.signal(one, handler)


def _print_places(stack: Stack) -> None:
    places = stack.places
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("page", places.api_url)
    table.add_row("API", f"{places.api_url}/api/v1")
    if places.flower_url:
        table.add_row("Flower", places.flower_url)
    broker = without_passwords(places.broker_url)
    table.add_row("broker", f"{broker} ({stack.describe_broker()})")
    table.add_row("data", str(stack.wish.data))
    table.add_row("token", str(stack.wish.data / "token"))
    table.add_row("sign in", sign_in_link(places.api_url, stack.environment))
    console = results()
    console.print(table, soft_wrap=True)  # a link is of use in one piece
    console.print(Text.assemble(("✓ ready", "bold green"), " · Ctrl-C stops everything"))


def _alone(one: One, data: Path, host: str, port: int | None) -> Part:
    match one:
        case One.API:
            return parts.api(host, port or DEFAULT_PORT)
        case One.WORKER:
            return parts.worker(f"w{os.getpid()}")  # several on one host need names of their own
        case One.SCHEDULER:
            return parts.scheduler()
        case One.FLOWER:
            return parts.flower(host, port or parts.FLOWER_PORT)
        case One.SIMULATORS:
            return parts.vdsm_simulator(data, port or parts.VDSM_PORT, host=host)
    assert_never(one)


def _become(part: Part, data: Path | None) -> None:
    """Becomes the part: signals and exit code are its own, as service managers want it."""
    if part.port is not None and not is_free(part.port):
        raise CliError(f"port {part.port} is in use; choose another with --port")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if data is not None:
        environment["ORCHESTRATOR_DATA_DIR"] = str(data)
    notes().print(f"{part.name}: {' '.join(part.command)}", style="dim")
    try:
        os.execve(part.command[0], part.command, environment)
    except OSError as error:
        raise CliError(f"{part.name} cannot be started: {error}", ExitCode.ERROR) from error
