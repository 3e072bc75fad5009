"""`orchestrator demo`: brings a system up, plays a scenario, checks every ending and the files."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from orchestrator.cli.console import notes, results
from orchestrator.cli.demo.audience import choose_audience
from orchestrator.cli.demo.mischief import strike
from orchestrator.cli.demo.play import Play, Result
from orchestrator.cli.demo.scenario import Scenario, find_scenario
from orchestrator.cli.exits import CliError
from orchestrator.cli.server import Server
from orchestrator.cli.up.child import Part
from orchestrator.cli.up.logs import FileLog
from orchestrator.cli.up.parts import SERVICES, Wish
from orchestrator.cli.up.stack import Stack
from orchestrator.cli.words import clock, duration_s, read_duration, status_text

WORKERS = 2  # so that work goes on while one of them is dead


def demo(
    scenario: Annotated[str, typer.Option("--scenario", help="which one")] = "main",
    data: Annotated[Path | None, typer.Option("--data", help="use and keep this directory")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="keep the data directory")] = False,
    timeout: Annotated[str, typer.Option("--timeout", help="give up after: 90s, 5m")] = "3m",
    flower: Annotated[bool, typer.Option("--flower/--no-flower")] = True,
) -> None:
    """Bring a system up, run commands of all kinds, break things halfway, check every ending."""
    make = find_scenario(scenario)
    if data is not None and data.is_dir() and any(data.iterdir()):
        raise CliError(f"{data} is not empty; a demo needs a directory of its own")
    timeout_s = read_duration(timeout).total_seconds()
    directory = (data or Path(tempfile.mkdtemp(prefix="orchestrator-demo-"))).absolute()
    log = FileLog(directory / "logs")
    began = time.monotonic()
    # Whoever ends us means the whole system, not its parent alone.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        played = _play(make(directory), directory, log, flower=flower, timeout_s=timeout_s)
        _print(played, time.monotonic() - began)
        _check(played)
    except BaseException:
        notes().print(f"the data and the logs are in {directory}")
        raise
    finally:
        log.close()
    if data is None and not keep:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        notes().print(f"look around with: orchestrator up --data {directory}")


def _play(
    scenario: Scenario, directory: Path, log: FileLog, *, flower: bool, timeout_s: float
) -> list[Result]:
    # Always a database and a broker of its own: it empties one and fills the other.
    wish = Wish(
        data=directory,
        port=None,
        workers=WORKERS,
        flower=flower,
        vdsm_speed=scenario.vdsm_speed,
        environment=scenario.environment,
    )
    notes().print("starting broker, simulators, API, workers, scheduler …", style="dim")
    scenario.seed()
    with Stack(wish, log) as stack:
        stack.start()
        url, token = stack.places.api_url, stack.token()
        notes().print(f"page: {url} · token: {token}", style="dim")
        for name, words in scenario.players(url, token).items():
            stack.run(Part(name=name, command=tuple(words), stage=SERVICES))
        with Server(url, token) as server, choose_audience() as audience:
            played = Play(server, scenario, audience, lambda: strike(stack)).run(timeout_s)
        notes().print("stopping", style="dim")
    return played


def _check(played: list[Result]) -> None:
    if any(result.faults for result in played):
        raise CliError("not everything ended as it must")


def _print(played: list[Result], took_s: float) -> None:
    console = results()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("", "KIND", "SHOWS", "ENDING", "EXPECTED", "DURATION", "ATTEMPTS"):
        table.add_column(name, overflow="fold")
    for result in played:
        took = duration_s(result.command)
        table.add_row(
            Text("×", "red") if result.faults else Text("✓", "green"),
            result.trial.kind,
            result.trial.title,
            status_text(result.command["status"]),
            result.trial.ending,
            "" if took is None else clock(took),
            str(result.attempts),
        )
    console.print(table)
    for result in played:
        for fault in result.faults:
            line = f"× {result.command['short_id']} ({result.trial.title}): {fault}"
            console.print(line, style="red")
    good = sum(not result.faults for result in played)
    console.print(
        f"{good} of {len(played)} commands, and their files, as they must be · {clock(took_s)}"
    )
