"""Looks for the mark that a heal of a brick begins from, while the brick is being replaced."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from adapters.gluster.cli import GlusterCli
from adapters.gluster.crawls import latest, read_crawls
from adapters.gluster.tasks import VolumeInfo
from adapters.gluster.xml import read_unhealed
from orchestrator import Refused, TryAgain

LOOK_EVERY_S = 0.2


class MarkWatch:
    """Looks from before the commit on: the daemon wipes the mark out a second or two later.

    `was_seen` tells afterwards whether the heal is known to have begun from the mark. If the root
    was marked before (a brick that was away), its mark proves nothing of this commit.
    `walks_before` are the last walks before the commit, by brick.
    """

    def __init__(self, cli: GlusterCli, info: VolumeInfo, brick: str) -> None:
        self._cli = cli
        self._info = info
        self._group = set(info.group_of(brick)) if brick in info.bricks else set()
        self._seen = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="gluster-mark")
        self._was_marked = False
        self.walks_before: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._was_marked = self._is_marked()
            printed = self._cli.ask_in_words("volume", "heal", self._info.name, "statistics")
            self.walks_before = latest(read_crawls(printed))
        except (TryAgain, Refused):
            pass  # a dispersed volume tells no walks; and a daemon that is down, none either
        if self._group and not self._was_marked:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()  # one more look is on its way, or still made
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def was_seen(self) -> bool:
        """Whether the mark was seen, and was not there before."""
        return self._seen.is_set()

    def _look(self) -> None:
        is_last = False
        while not is_last and not self._seen.is_set():
            is_last = self._is_over.wait(LOOK_EVERY_S)
            try:
                if self._is_marked():
                    self._seen.set()
            except (TryAgain, Refused):
                continue

    def _is_marked(self) -> bool:
        """Whether the root is marked; of a dispersed volume, which heals that at once, anything."""
        told = read_unhealed(self._cli.ask("volume", "heal", self._info.name, "info"))
        marked = told.entries if self._info.is_dispersed else told.roots
        return bool(marked & self._group)
