"""A command and its parts as a tree, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from orchestrator.cli.console import Json
from orchestrator.cli.words import bar, brief, clock, duration_s, look, percent, status_text
from orchestrator.core.status import Status

FOLD_ABOVE = 6
"""So many parts of one status in a row are shown; more are counted in one line."""

_TELLING = frozenset({Status.FAILED, Status.NEEDS_ATTENTION})
_ADVANCING = frozenset({Status.RUNNING, Status.WAITING})
_BAR_WIDTH = 20
WIDE = 140
"""From so many columns on, labels are shown with their UUIDs in full."""


def render_tree(tree: Json, *, width: int, now: datetime | None = None) -> RenderableType:
    """Gives the tree; `tree` has its parts in `parts_list`, `width` is the terminal's."""
    now = now or datetime.now(UTC)
    root = Tree(_head(tree, now), guide_style="bright_black")
    _grow(root, tree, now, width)
    message = tree.get("message")
    if message and tree["status"] != Status.SUCCEEDED:
        return Group(root, Text(f"{look(tree['status']).symbol} {message}", style="dim"))
    return root


def _head(command: Json, now: datetime) -> Text:
    took = duration_s(command, now)
    return Text("  ").join(
        part
        for part in (
            Text(command["label"], style="bold"),
            status_text(command["status"]),
            Text(percent(command["progress"])),
            Text("" if took is None else clock(took)),
        )
        if part.plain
    )


def _grow(branch: Tree, command: Json, now: datetime, width: int) -> None:
    for run in _runs(command.get("parts_list") or []):
        shown = run if len(run) <= FOLD_ABOVE else run[:2]
        for part in shown:
            _grow(branch.add(_line(part, now, width)), part, now, width)
        if len(shown) < len(run):
            left = len(run) - len(shown)
            branch.add(Text.assemble((f"… {left} more ", "dim"), status_text(run[0]["status"])))


def _runs(parts: list[Json]) -> Iterator[list[Json]]:
    """Gives the parts in runs of one status; those that tell something stand alone."""
    for (status, alone), run in groupby(
        parts, lambda one: (one["status"], one["id"] if one["status"] in _TELLING else "")
    ):
        del status, alone
        yield list(run)


def _line(command: Json, now: datetime, width: int) -> Text:
    status = command["status"]
    found = look(status)
    shorten = brief if width < WIDE else str
    label = shorten(command["label"])
    text = Text.assemble((f"{found.symbol} ", found.style), (label, found.style))
    if command["best_effort"]:
        text.append(" (best effort)", "dim")
    if status in _ADVANCING and command["progress"] is not None:
        room = _BAR_WIDTH if width >= 100 else _BAR_WIDTH // 2
        text += Text("  ") + bar(command["progress"], room, found.style)
        text.append(f" {percent(command['progress']):>4}", found.style)
    took = duration_s(command, now)
    if took is not None:
        text.append(f"  {clock(took)}", "dim")
    if status != Status.SUCCEEDED and (status not in _ADVANCING or not command["progress"]):
        text.append(f"  {status.replace('_', ' ')}", found.style)
    if status in _TELLING:
        text.append(f"  {command['short_id']}", "bold")  # what an operator has to type
    if command.get("message") and status != Status.SUCCEEDED:
        text.append(f"  {shorten(command['message'])}", "dim")
    text.no_wrap = True
    text.overflow = "ellipsis"
    return text
