"""Ways to show a command that is watched: not at all, line by line, as JSON, as a live tree."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from orchestrator.cli.console import Json, Output, print_json, print_lines, results
from orchestrator.cli.terminal import say
from orchestrator.cli.treeview import render_tree
from orchestrator.cli.words import percent


class Display(Protocol):
    """Shows a command as it changes. `tree` has parts in `parts_list`."""

    def running(self) -> AbstractContextManager[object]:
        """Gives the time in which it is on the screen."""

    def changed(self, tree: Json) -> None:
        """Takes the present state of the whole tree."""

    def happened(self, event: Json) -> None:
        """Takes one change of a command of the tree."""


class Nothing:
    """Shows nothing."""

    def running(self) -> AbstractContextManager[object]:
        return nullcontext()

    def changed(self, tree: Json) -> None:
        del tree

    def happened(self, event: Json) -> None:
        del event


class JsonLines(Nothing):
    """Writes each change as a line of JSON."""

    def happened(self, event: Json) -> None:
        print_lines([event])


class OneJson(Nothing):
    """Writes the tree as JSON, at the end."""

    def __init__(self) -> None:
        self._tree: Json | None = None

    def running(self) -> AbstractContextManager[object]:
        return self

    def __enter__(self) -> object:
        return self

    def __exit__(self, *error: object) -> None:
        if self._tree is not None:
            print_json(self._tree)

    def changed(self, tree: Json) -> None:
        self._tree = tree


class Lines(Nothing):
    """Writes one plain line for each change of status."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[str, str | None]] = {}

    def changed(self, tree: Json) -> None:
        self._tell(tree)
        for part in tree.get("parts_list") or ():
            self.changed(part)

    def _tell(self, command: Json) -> None:
        # News of progress comes often: a line for each tenth is enough for a log.
        progress = command["progress"]
        tenth = None if progress is None or command["parts"] else f"{int(progress * 10)}0%"
        state = (command["status"], tenth)
        known = self._shown.get(command["id"])
        self._shown[command["id"]] = state
        if known == state or (known is None and command["status"] == "pending"):
            return
        words = [command["short_id"].ljust(12), command["status"].ljust(15), command["label"]]
        if progress is not None and command["status"] in ("running", "waiting"):
            words.append(percent(progress))
        if command.get("message"):
            words.append(f"· {command['message']}")
        say("  ".join(words), flush=True)


class Screen(Nothing):
    """Shows the live tree in a terminal."""

    def __init__(self, console: Console, page: str) -> None:
        self._console = console
        self._page = page
        self._tree: Json | None = None
        self._event = 0
        self._is_over = False

    def running(self) -> AbstractContextManager[object]:
        return self

    def __enter__(self) -> object:
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=4,
            vertical_overflow="ellipsis",
        )
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over = True
        self._live.vertical_overflow = "visible"
        self._live.stop()

    def changed(self, tree: Json) -> None:
        self._tree = tree

    def happened(self, event: Json) -> None:
        self._event = event["seq"]

    def _render(self) -> RenderableType:
        if self._tree is None:
            return Text("…", style="dim")
        shown = render_tree(self._tree, width=self._console.width)
        if self._is_over:
            return shown
        foot = Text.assemble(
            ("Live", "dim"),
            (f" · event {self._event}" if self._event else "", "dim"),
            (" · Ctrl-C stops watching, not the command · web: ", "dim"),
            (self._page, f"dim link {self._page}"),
        )
        return Group(shown, foot)


def choose(output: Output, page: str) -> Display:
    """Gives the display for this output: a live tree in a terminal, lines elsewhere."""
    match output:
        case Output.JSON:
            return OneJson()
        case Output.JSONL:
            return JsonLines()
        case Output.TABLE:
            console = results()
            return Screen(console, page) if console.is_terminal else Lines()
