"""Follows the heal of a replaced brick until there is proof that nothing is missing on it.

What a real Gluster (10.3) was seen to say, and why no single answer is taken for proof:

* `replace-brick` marks the volume's root as to be healed on the replicas, and all else follows from
  that mark. It marks through a mount of its own; where that fails it says "successful" all the
  same. Then heal info says 0 for ever, index walks are clean, and the brick stays empty. So the
  mark has to be *seen* (see `mark`). If it was not, only a full walk of a replica will count that
  finds nothing, after one that healed something: which shows that its daemon reaches the brick.
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
from adapters.gluster.xml import read_heals
from orchestrator import AsyncTaskRef, TaskStatus, TryAgain

ASK_EVERY = timedelta(seconds=5)
"""How often a walk is asked for while something is pending and no walk is known to be under way."""

UNSEEN_AFTER = timedelta(minutes=1)
"""How long the heal of a dispersed volume may not be seen, before a person must look."""

IDLE_WALKS = 5
"""After that many full walks that find nothing to do on a brick never marked, a person must look."""

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

    def is_proven(
        self, fresh: Collection[Crawl], since_commit: Collection[Crawl], *, full: bool
    ) -> bool:
        """Whether these fresh walks prove that nothing is missing.

        One full walk sees all files of a group (Gluster walks one brick of each); an index walk
        sees only what its own brick has marked.
        """
        clean = {one.brick for one in fresh if one.is_clean}
        if not full:
            return all(group <= clean for group in self.sources())
        if self.healed is not None:
            clean = {
                one.brick for one in fresh if one.is_clean and _has_healed_before(one, since_commit)
            }
        return all(group & clean for group in self.sources())


class Heals:
    """Looks at heals. Asks for walks as well, which harms nobody, and changes nothing else."""

    def __init__(
        self,
        cli: GlusterCli,
        now: Callable[[], datetime],
    ) -> None:
        self._cli = cli
        self._now = now
        self._asked_at: dict[str, datetime] = {}  # our task id → when a walk was asked for last

    def look(self, ref: AsyncTaskRef, info: VolumeInfo | None) -> Look:
        """Looks how far a heal is; `info` is its volume. Raises `TryAgain` when nothing is said."""
        volume, healed = str(ref.request["volume"]), ref.request.get("new")
        # Whose start was not taken in has no mark that was seen.
        full = healed is not None or bool(ref.request.get("full"))
        bricks = [healed] if healed else []
        detail: dict[str, Any] = {"volume": volume, "bricks": bricks, "full": full, **ref.detail}
        if info is None or (healed is not None and healed not in info.bricks):
            text = (
                f"brick {healed} has left volume {volume}" if info else f"volume {volume} is gone"
            )
            return Look(status=TaskStatus.LOST, message=text, progress=None, detail=detail)
        group = info.group_of(healed) if healed else info.bricks
        watched = _Watched(info=info, healed=healed, group=group)
        heals = read_heals(self._cli.ask("volume", "heal", volume, "info", "summary"))
        for brick in group:
            if brick not in heals or not heals[brick].is_connected:
                return _running(f"brick {brick} is not connected; the heal waits for it", detail)
            if heals[brick].pending is None:
                return _running(f"Gluster cannot tell what is to be healed of {brick}", detail)
        entries = max(heals[brick].pending or 0 for brick in group)
        if entries:
            return self._look_at_pending(ref, watched, detail, entries, heals)
        if info.is_dispersed:
            return self._wait_until_settled(ref, detail)
        return self._look_for_proof(ref, watched, detail)

    def forget(self, task_id: str) -> None:
        """Forgets a heal that has ended."""
        self._asked_at.pop(task_id, None)

    def _look_at_pending(
        self,
        ref: AsyncTaskRef,
        watched: _Watched,
        detail: dict[str, Any],
        entries: int,
        heals: dict[str, BrickHeal],
    ) -> Look:
        detail.pop("clear_since", None)
        if watched.info.is_dispersed:
            detail["full"] = False  # the heal is seen at work
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
        if watched.is_proven(fresh, since(crawls, detail.get("walks_before", {})), full=full):
            return Look(
                status=TaskStatus.SUCCEEDED,
                message="healed: nothing is pending and the self-heal daemons find nothing to do",
                progress=1.0,
                detail=detail,
            )
        if full and watched.healed and _shows_no_heal(watched, fresh):
            return Look(
                status=TaskStatus.LOST,
                message=(
                    f"Gluster did not mark {watched.healed} as to be healed, and its full walks show "
                    "no heal of it; compare its files with its replicas' before anything else is "
                    "replaced (to read them all through a mount heals them), then resolve"
                ),
                progress=None,
                detail=detail,
            )
        what = "full walk" if full else "walk"
        message = f"nothing is pending; waiting for a {what} of the self-heal daemon that proves it"
        return _running(message + self._ask_for_walk(ref, fresh, full=full), detail, progress=0.99)

    def _wait_until_settled(self, ref: AsyncTaskRef, detail: dict[str, Any]) -> Look:
        """Judges a dispersed volume, of which Gluster tells no walks.

        Its heal may begin some seconds after the commit. Whether it did is seen by what is pending.
        """
        is_unseen = bool(detail["full"] and detail["bricks"])
        clear_since = detail.setdefault("clear_since", self._now().isoformat())
        waited = self._now() - datetime.fromisoformat(clear_since)
        if waited < (UNSEEN_AFTER if is_unseen else SETTLED_AFTER):
            message = "nothing is pending" + ("; its heal has not been seen yet" * is_unseen)
            return _running(
                message + self._ask_for_walk(ref, (), full=False), detail, progress=0.99
            )
        if is_unseen:
            text = f"no heal of {detail['bricks'][0]} was seen; compare its files, then resolve"
            return Look(status=TaskStatus.LOST, message=text, progress=None, detail=detail)
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


def _has_healed_before(walk: Crawl, walks: Collection[Crawl]) -> bool:
    """Whether an earlier walk of the brick healed something: so its daemon did reach the others.

    A daemon that is not yet connected to a new brick walks by, and finds nothing to do.
    """
    return any(
        one.brick == walk.brick and one.started < walk.started and one.healed for one in walks
    )


def _shows_no_heal(watched: _Watched, fresh: Collection[Crawl]) -> bool:
    """Whether full walks began at the healed brick itself, which is empty, or found nothing."""
    ended = [one for one in fresh if one.has_ended]
    sources = [one for one in ended if watched.info.bricks[one.brick] != watched.healed]
    if not sources:
        return bool(ended)
    return len(sources) >= IDLE_WALKS and all(one.is_clean for one in sources)


def _running(message: str, detail: dict[str, Any], *, progress: float | None = None) -> Look:
    return Look(status=TaskStatus.RUNNING, message=message, progress=progress, detail=detail)
