"""Those who look on: a board of live bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.cli.console import Json, notes
from orchestrator.cli.demo.scenario import Trial
from orchestrator.cli.words import bar, clock, duration_s, has_ended, look, percent, status_text

BAR_WIDTH = 24
NARROW = 100


class Board(AbstractContextManager["Board"]):
    """Shows a bar for each command, live."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._played: list[tuple[Trial, Json]] = []
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=5)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def see(self, played: list[tuple[Trial, Json]]) -> None:
        self._played = played

    def hear(self, news: str) -> None:
        self._console.print(f"⚡ {news}", style="bold yellow")

    def _render(self) -> RenderableType:
        if not self._played:
            return Text("…", style="dim")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for _ in range(5):
            table.add_column(no_wrap=True, overflow="ellipsis")
        table.columns[2].min_width = 17
        width = BAR_WIDTH if self._console.width >= NARROW else BAR_WIDTH // 3
        for trial, command in self._played:
            style = look(command["status"]).style
            share = 1.0 if has_ended(command) else command["progress"]
            took = duration_s(command)
            table.add_row(
                Text(trial.title),
                bar(share, width, style),
                status_text(command["status"]),
                percent(share),
                Text("" if took is None else clock(took), "dim"),
            )
        ended = sum(has_ended(command) for _, command in self._played)
        return Group(table, Text(f"{ended} of {len(self._played)} have ended", style="dim"))


class Log(AbstractContextManager["Log"]):
    """Writes one line for each change of a command's status."""

    def __init__(self) -> None:
        self._console = notes()
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def see(self, played: list[tuple[Trial, Json]]) -> None:
        for trial, command in played:
            if self._shown.get(command["id"]) != command["status"]:
                self._shown[command["id"]] = command["status"]
                words = (command["short_id"], f"{command['status']:<15}", trial.title)
                self._console.print("  ".join(words))

    def hear(self, news: str) -> None:
        self._console.print(f"! {news}")


def choose_audience() -> Board | Log:
    """Gives the board where there is a terminal, else the log."""
    console = notes()
    return Board(console) if console.is_terminal else Log()
