"""Requests on heals: replace-brick, reset-brick, `heal` and what it tells."""

from __future__ import annotations

import time

from adapters.gluster.simulator.answers import Answer, Node, accept, misunderstand, refuse
from adapters.gluster.simulator.healer import FULL, INDEX, spawn_healer
from adapters.gluster.simulator.heals import ROOT, HealBook
from adapters.gluster.simulator.placement import brick_path, sub_volumes
from adapters.gluster.simulator.state import (
    PRE_VALIDATION,
    STARTED,
    Cluster,
    Volume,
    host_of,
    prepare,
)

_ROOT_ID = "00000000-0000-0000-0000-000000000001"
STARTED_ANEW_S = 2.0
"""How long after a replacement the daemon walks; the real one takes one to three seconds."""

_LINE = "-" * 48


def replace_brick(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume replace-brick NAME OLD NEW commit force`; the new brick is then healed."""
    if len(words) != 4 or words[2:] != ["commit", "force"]:
        usage = "volume replace-brick <VOLNAME> <SOURCE-BRICK> <NEW-BRICK> {commit force}"
        return misunderstand(usage)
    old, new = words[:2]
    volume = cluster.volumes.get(name)
    if volume is None:
        return refuse(f"Volume {name} does not exist", errno=0)
    if volume["status"] != STARTED:
        return refuse(f"volume: {name} is not started", errno=0)
    if volume["group_size"] == 1:
        text = (
            "replace-brick is not permitted on distribute only volumes. "
            "Please use add-brick and remove-brick operations instead."
        )
        return refuse(text, errno=0)
    if old not in volume["bricks"]:
        return refuse(f"brick: {old} does not exist in volume: {name}", errno=0)
    if no := prepare(cluster, [new]):
        return refuse(no, errno=0)
    volume["bricks"] = [new if brick == old else brick for brick in volume["bricks"]]
    volume["layout"] = [
        [new if brick == old else brick for brick in group] for group in volume["layout"]
    ]
    _mark(cluster, name, new)
    return accept(text="replace-brick commit force operation successful")


def reset_brick(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume reset-brick NAME BRICK start | BRICK BRICK commit force`."""
    volume = cluster.volumes.get(name)
    if volume is None:
        return refuse(f"Volume {name} does not exist", errno=0)
    if words[0] not in volume["bricks"]:
        return refuse(f"brick: {words[0]} does not exist in volume: {name}", errno=0)
    out = volume["out_of_use"]
    if words[1:] == ["start"]:
        volume["out_of_use"] = sorted({*out, words[0]})
        return accept(text="reset-brick start operation successful")
    if words[1:] != [words[0], "commit", "force"]:
        return misunderstand("volume reset-brick <VOLNAME> <SOURCE-BRICK> {{start} | ...}")
    if words[0] not in out:
        where = "" if cluster.is_here(words[0]) else PRE_VALIDATION.format(host_of(words[0]))
        text = (
            "Source brick must be stopped. Please use gluster volume reset-brick "
            "<volname> <dst-brick> start."
        )
        return refuse(where + text, errno=0)
    volume["out_of_use"] = [brick for brick in out if brick != words[0]]
    brick_path(words[0]).mkdir(parents=True, exist_ok=True)
    _mark(cluster, name, words[0])
    return accept(text="reset-brick commit force operation successful")


def heal(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume heal NAME [full | info [summary] | statistics]`."""
    volume = cluster.volumes.get(name)
    if words in (["info"], ["info", "summary"]):
        if (no := _not_told(name, volume)) or volume is None:
            return no or refuse("")
        bricks = _told(cluster, name, volume, whole="summary" not in words)
        return accept(("healInfo", [("bricks", bricks)]), verdict_last=True)
    if words == ["statistics"]:
        what = f"Gathering crawl statistics on volume {name} has been"
    else:
        how = "full" if words == ["full"] else "index"
        what = f"Launching heal operation to perform {how} self heal on volume {name} has been"
    if volume is None:
        why = f"Volume {name} does not exist"
    elif volume["status"] != STARTED:
        why = f"Volume {name} is not started."
    elif volume["group_size"] == 1:
        why = f"Self-heal-daemon is disabled. Heal will not be triggered on volume {name}"
    elif words == ["statistics"] and volume["is_dispersed"]:
        why = (
            "This command is supported for only volume of replicated type. "
            f"Volume {name} is not of type replicate"
        )
    elif cluster.faults.has("no_healer"):
        why = "Self-heal daemon is not running. Check self-heal daemon log file."
    elif words == ["statistics"]:
        return Answer(stdout=f"{what} successful \n{_statistics(cluster, name, volume)}")
    else:
        spawn_healer(cluster, name, FULL if words == ["full"] else INDEX)
        return Answer(stdout=f"{what} successful \nUse heal info commands to check status.\n")
    return Answer(stderr=f"{what} unsuccessful:\n{why}\n", code=1)


def _mark(cluster: Cluster, name: str, brick: str) -> None:
    """Marks a brick as empty, on its replicas. The daemon starts anew and forgets its walks."""
    with HealBook(cluster.tasks_dir, name).open() as state:
        state["walks"] = {}
        state["marks"].pop(brick, None)
        if not cluster.faults.has("marks_fail"):
            state["marks"][brick] = [ROOT]
    spawn_healer(cluster, name, INDEX, after_s=STARTED_ANEW_S)


def _not_told(name: str, volume: Volume | None) -> Answer | None:
    if volume is None:
        text, errno = f"Volume {name} does not exist", 2
    elif volume["group_size"] == 1:
        text, errno = (
            (
                "This command is supported for only volumes of replicate/disperse type. "
                f"Volume {name} is not of type replicate/disperse"
            ),
            22,
        )
    elif volume["status"] != STARTED:
        text, errno = f"{name}: Not able to fetch volfile from glusterd", 5
    else:
        return None
    return refuse(
        text, ("healInfo", [("bricks", "")]), errno=errno, code=256 - errno, verdict_last=True
    )


def _told(cluster: Cluster, name: str, volume: Volume, *, whole: bool) -> list[Node]:
    """Tells of each brick what its neighbours lack: all of it, or the number."""
    with HealBook(cluster.tasks_dir, name).open() as state:
        marks = state["marks"]
    shown: list[Node] = []
    for group in sub_volumes(volume["bricks"], volume["group_size"]):
        for brick in group:
            entries = [one for other in group if other != brick for one in marks.get(other, [])]
            if brick in cluster.faults.names("pending_bricks"):
                entries.append("/pending")
            if brick in volume["out_of_use"]:
                shown.append(_out_of_use(brick))
                continue
            is_away = brick in cluster.faults.names("away_bricks")
            status = "Transport endpoint is not connected" if is_away else "Connected"
            body: list[Node] = [("name", brick)]
            total = "-" if is_away else str(len(entries))
            if whole:
                files = [] if is_away else [_file(entry) for entry in entries]
                body += [*files, ("status", status), ("numberOfEntries", total)]
            else:
                none = "-" if is_away else "0"
                body += [
                    ("status", status),
                    ("totalNumberOfEntries", total),
                    ("numberOfEntriesInHealPending", total),
                    ("numberOfEntriesInSplitBrain", none),
                    ("numberOfEntriesPossiblyHealing", none),
                ]
            node = "-" if is_away else cluster.node_id(brick)
            shown.append((f'brick hostUuid="{node}"', body))
    return shown


def _out_of_use(brick: str) -> Node:
    # A slip of the real one: what should be an element is part of the text.
    status = (
        "Failed to process entries completely. "
        "(Transport endpoint is not connected)totalNumberOfEntries0"
    )
    return 'brick hostUuid="-"', [("name", brick), ("status", status)]


def _file(entry: str) -> Node:
    if entry == ROOT:
        return f'file gfid="{_ROOT_ID}"', ROOT
    return f'file gfid="{_ROOT_ID[:-1]}2"', f"/{entry.lstrip('/')}"


def _statistics(cluster: Cluster, name: str, volume: Volume) -> str:
    with HealBook(cluster.tasks_dir, name).open() as state:
        walks = state["walks"]
    lines = []
    for number, brick in enumerate(volume["bricks"]):
        lines += [_LINE, "", f"Crawl statistics for brick no {number}"]
        lines.append(f"Hostname of brick {brick.partition(':')[0]}")
        for one in walks.get(brick, []):
            ended = one["ended"]
            lines += [
                "",
                f"Starting time of crawl: {time.ctime(one['started'])}",
                "",
                f"Ending time of crawl: {time.ctime(ended)}\n" if ended else "Crawl is in progress",
                f"Type of crawl: {one['kind']}",
                f"No. of entries healed: {one['healed']}",
                "No. of entries in split-brain: 0",
                f"No. of heal failed entries: {one['failed']}",
            ]
    return "\n".join([*lines, ""])
