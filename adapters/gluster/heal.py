"""Follows the heal of a replaced brick until there is proof that nothing is missing on it.

What a real Gluster (10.3) was seen to say, and why no single answer is taken for proof:

* `replace-brick` marks the volume's root as to be healed on the replicas, and all else follows from
  that mark. It marks through a mount of its own; where that fails it says "successful" all the
  same. Then heal info says 0 for ever, index walks are clean, and the brick stays empty. So the
  mark has to be *seen*. If it was not, only a full walk of a replica that finds nothing to do will
  count.
* A walk that met another one at work counts a failure and is not repeated for ten minutes, with
  the brick still empty. So walks are asked for again as long as something is pending.
* The daemons' clocks are those of their nodes, so walks are compared with earlier ones of the same
  brick, never with our time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.gluster.cli import GlusterCli
from adapters.gluster.crawls import latest, read_crawls, since
from adapters.gluster.tasks import BrickHeal, Crawl, VolumeInfo
from adapters.gluster.xml import read_heals, read_unhealed_roots
from orchestrator import AsyncTaskRef, TaskStatus, TryAgain

ASK_EVERY = timedelta(seconds=5)
"""How often a walk is asked for while something is pending and no walk is known to be under way."""

SETTLED_AFTER = timedelta(seconds=10)
"""How long a dispersed volume, whose walks Gluster does not tell, must say that nothing is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a heal found; `detail` is kept for the next one."""

    status: TaskStatus
    message: str
    progress: float | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """The bricks that a heal concerns: `group` hold the same files, and `healed` lacks them.

    Without `healed` it is the heal of a whole volume, and `group` is all of its bricks.
    """

    info: VolumeInfo
    healed: str | None
    group: tuple[str, ...]

    def sources(self) -> list[set[int]]:
        """Gives the numbers of the bricks that have to show clean walks, in groups of replicas."""
        size = self.info.group_size
        found: dict[int, set[int]] = {}
        for brick in self.group:
            if brick != self.healed:
                number = self.info.bricks.index(brick)
                found.setdefault(number // size, set()).add(number)
        return list(found.values())

    def is_proven(self, clean: Collection[int], *, full: bool) -> bool:
        """Whether clean walks of these bricks prove that nothing is missing.

        One full walk sees all files of a group (Gluster walks one brick of each); an index walk
        sees only what its own brick has marked.
        """
        if full:
            return all(group & set(clean) for group in self.sources())
        return all(group <= set(clean) for group in self.sources())


class Heals:
    """Looks at heals. Asks for walks as well, which harms nobody, and changes nothing else."""

    def __init__(
        self,
        cli: GlusterCli,
        volume_info: Callable[[str], VolumeInfo],
        now: Callable[[], datetime],
    ) -> None:
        self._cli = cli
        self._volume_info = volume_info
        self._now = now
        self._asked_at: dict[str, datetime] = {}  # our task id → when a walk was asked for last

    def begin(self, volume: str, healed: str | None, *, full: bool = False) -> dict[str, Any]:
        """Gives the first detail of a heal; of a replaced brick right after its commit."""
        detail: dict[str, Any] = {"volume": volume, "bricks": [healed] if healed else []}
        if healed is None:
            return {**detail, "full": full}
        try:
            return detail | self._look_for_mark(volume, healed)
        except TryAgain:
            return detail  # the next look will see

    def look(self, ref: AsyncTaskRef) -> Look:
        """Looks how far a heal is. Raises `TryAgain` when Gluster does not say."""
        detail = dict(ref.detail)
        volume, healed = str(detail["volume"]), next(iter(detail["bricks"]), None)
        info = self._volume_info(volume)
        if healed is not None and healed not in info.bricks:
            text = f"brick {healed} has left volume {volume} before it was healed"
            return Look(status=TaskStatus.LOST, message=text, progress=None, detail=detail)
        group = info.group_of(healed) if healed else info.bricks
        watched = _Watched(info=info, healed=healed, group=group)
        heals = read_heals(self._cli.ask("volume", "heal", volume, "info", "summary"))
        for brick in group:
            if brick not in heals or not heals[brick].is_connected:
                return _running(f"brick {brick} is not connected; the heal waits for it", detail)
            if heals[brick].pending is None:
                return _running(f"Gluster cannot tell what is to be healed of {brick}", detail)
        if healed and "full" not in detail:
            detail |= self._look_for_mark(volume, healed)
        entries = max(heals[brick].pending or 0 for brick in group)
        if entries:
            return self._look_at_pending(ref, watched, detail, entries, heals)
        if info.is_dispersed:
            return self._wait_until_settled(detail)
        return self._look_for_proof(ref, watched, detail)

    def forget(self, task_id: str) -> None:
        """Forgets a heal that has ended."""
        self._asked_at.pop(task_id, None)

    def _look_for_mark(self, volume: str, healed: str) -> dict[str, Any]:
        roots = read_unhealed_roots(self._cli.ask("volume", "heal", volume, "info"))
        return {"full": not roots & set(self._volume_info(volume).group_of(healed))}

    def _look_at_pending(
        self,
        ref: AsyncTaskRef,
        watched: _Watched,
        detail: dict[str, Any],
        entries: int,
        heals: dict[str, BrickHeal],
    ) -> Look:
        detail.pop("clear_since", None)
        if not detail["full"]:
            detail.pop("asked_after", None)
        most = detail["most"] = max(entries, detail.get("most", 0))
        message = f"{entries} entries are still to be healed"
        if torn := max(heals[brick].split_brain for brick in watched.group):
            message += f", {torn} in split-brain: which copy is right is for you to say"
        message += self._ask_for_walk(ref, (), full=False)
        return _running(message, detail, progress=(most - entries) / (most + 1))

    def _look_for_proof(self, ref: AsyncTaskRef, watched: _Watched, detail: dict[str, Any]) -> Look:
        full = bool(detail["full"])
        try:
            crawls = self._read_crawls(watched.info.name)
        except TryAgain as error:
            return _running(f"nothing is pending, which is not yet proof: {error}", detail)
        if "asked_after" not in detail:
            detail["asked_after"] = latest(crawls)
            self._asked_at.pop(ref.task_id, None)
        fresh = [one for one in since(crawls, detail["asked_after"]) if one.is_full == full]
        if watched.is_proven({one.brick for one in fresh if one.is_clean}, full=full):
            return Look(
                status=TaskStatus.SUCCEEDED,
                message="healed: nothing is pending and the self-heal daemons find nothing to do",
                progress=1.0,
                detail=detail,
            )
        if (
            full
            and watched.healed
            and _walks_only(watched.info.bricks.index(watched.healed), fresh)
        ):
            return Look(
                status=TaskStatus.LOST,
                message=(
                    f"Gluster did not mark {watched.healed} as to be healed, and a full heal walks "
                    "that brick only; compare its files with its replicas' before anything else is "
                    "replaced (to read them all through a mount heals them), then resolve"
                ),
                progress=None,
                detail=detail,
            )
        what = "full walk" if full else "walk"
        message = f"nothing is pending; waiting for a {what} of the self-heal daemon that proves it"
        return _running(message + self._ask_for_walk(ref, fresh, full=full), detail, progress=0.99)

    def _wait_until_settled(self, detail: dict[str, Any]) -> Look:
        """Judges a dispersed volume, of which Gluster tells no walks."""
        if detail["full"] and detail["bricks"]:
            text = f"nothing shows that the heal of {detail['bricks'][0]} has begun; look, then resolve"
            return Look(status=TaskStatus.LOST, message=text, progress=None, detail=detail)
        since_when = detail.setdefault("clear_since", self._now().isoformat())
        if self._now() - datetime.fromisoformat(since_when) < SETTLED_AFTER:
            return _running("nothing is pending; it is looked at once more", detail, progress=0.99)
        text = "healed: nothing has been pending for a while"
        return Look(status=TaskStatus.SUCCEEDED, message=text, progress=1.0, detail=detail)

    def _ask_for_walk(self, ref: AsyncTaskRef, fresh: Collection[Crawl], *, full: bool) -> str:
        """Asks for a walk now and then; gives what is wrong with the daemons, to be shown."""
        now, at_work = self._now(), any(not one.has_ended for one in fresh)
        asked_at = self._asked_at.get(ref.task_id)
        if at_work or (asked_at is not None and now - asked_at < ASK_EVERY):
            return ""
        self._asked_at[ref.task_id] = now
        try:
            words = ("full",) if full else ()
            self._cli.ask_in_words("volume", "heal", str(ref.detail["volume"]), *words)
        except TryAgain as error:
            return f"; {error}"
        return ""

    def _read_crawls(self, volume: str) -> tuple[Crawl, ...]:
        return read_crawls(self._cli.ask_in_words("volume", "heal", volume, "statistics"))


def _walks_only(brick: int, fresh: Collection[Crawl]) -> bool:
    return {one.brick for one in fresh if one.has_ended} == {brick}


def _running(message: str, detail: dict[str, Any], *, progress: float | None = None) -> Look:
    return Look(status=TaskStatus.RUNNING, message=message, progress=progress, detail=detail)
