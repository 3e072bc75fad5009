"""Reads what `gluster ... --xml` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defusedxml import ElementTree

from adapters.gluster.tasks import (
    BrickHeal,
    Counters,
    ListedTask,
    NodePart,
    TaskCode,
    TaskDetail,
    TaskKind,
    VolumeInfo,
)
from orchestrator import TryAgain

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ROOT = "00000000-0000-0000-0000-000000000001"
_KINDS = {"Rebalance": TaskKind.REBALANCE, "Remove brick": TaskKind.REMOVE_BRICKS}


class NotXmlError(TryAgain):
    """The output is no answer: plain text, nothing, XML of another shape. It proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer: `returned` is 0 for yes; `text` is Gluster's reason for a no."""

    returned: int
    errno: int
    text: str
    root: Element


def read_reply(stdout: str) -> Reply:
    """Reads an answer. Raises `NotXmlError` with what was printed instead."""
    try:
        root = ElementTree.fromstring(stdout.strip())
    except (ElementTree.ParseError, ValueError) as error:
        raise NotXmlError(stdout.strip() or "nothing") from error
    if root.tag != "cliOutput" or root.find("opRet") is None:
        raise NotXmlError(f"XML without an answer in it, <{root.tag}>")
    text = root.findtext("opErrstr") or root.findtext("output") or ""
    try:
        returned, errno = int(root.findtext("opRet") or "none"), _number(root, "opErrno")
    except ValueError as error:
        raise NotXmlError(f"XML whose opRet or opErrno is no number ({error})") from error
    return Reply(returned=returned, errno=errno, text=text, root=root)


def read_listed_tasks(reply: Reply) -> tuple[ListedTask, ...]:
    """Reads `volume status all tasks`. Tasks of a type that is not known here are left out."""
    return tuple(
        ListedTask(
            volume=volume.findtext("volName", ""),
            task_id=task.findtext("id", ""),
            kind=_KINDS[task.findtext("type", "")],
            code=_code(task),
            bricks=tuple(brick.text or "" for brick in task.findall("params/brick")),
        )
        for volume in reply.root.findall("volStatus/volumes/volume")
        for task in volume.findall("tasks/task")
        if task.findtext("type") in _KINDS
    )


def read_listed_volumes(reply: Reply) -> frozenset[str]:
    """Reads which volumes a list of tasks is about; one whose lock is busy is left out of it."""
    found = reply.root.findall("volStatus/volumes/volume")
    return frozenset(volume.findtext("volName", "") for volume in found)


def read_task_id(reply: Reply) -> str:
    """Reads the id that a start was given. Raises `NotXmlError` when there is none."""
    found = reply.root.findtext("*/task-id")
    if not found:
        raise NotXmlError("an answer without a task-id")
    return found


def read_detail(reply: Reply) -> TaskDetail:
    """Reads the answer of a status or stop. Raises `NotXmlError` when it has no counters."""
    whole = reply.root.find("*/aggregate")
    if whole is None:
        raise NotXmlError("an answer without counters")
    return TaskDetail(
        task_id=read_task_id(reply),
        code=_code(whole),
        counters=_counters(whole),
        nodes=tuple(
            NodePart(node=node.findtext("nodeName", ""), code=_code(node), counters=_counters(node))
            for node in reply.root.findall("*/node")
        ),
    )


def read_heals(reply: Reply) -> dict[str, BrickHeal]:
    """Reads `volume heal V info summary`, by brick."""
    found = {}
    for brick in reply.root.findall("healInfo/bricks/brick"):
        total = brick.findtext("totalNumberOfEntries", "").strip()
        found[brick.findtext("name", "")] = BrickHeal(
            is_connected=brick.findtext("status") == "Connected",
            pending=int(total) if total.isdecimal() else None,
            split_brain=_count(brick, "numberOfEntriesInSplitBrain"),
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhealed:
    """The bricks that say something is to be healed: their volume's root, or any entry at all."""

    roots: frozenset[str]
    entries: frozenset[str]


def read_unhealed(reply: Reply) -> Unhealed:
    """Reads `volume heal V info`."""
    found = {
        brick.findtext("name", ""): [file.get("gfid") for file in brick.findall("file")]
        for brick in reply.root.findall("healInfo/bricks/brick")
    }
    return Unhealed(
        roots=frozenset(brick for brick, files in found.items() if _ROOT in files),
        entries=frozenset(brick for brick, files in found.items() if files),
    )


def read_volumes(reply: Reply) -> tuple[VolumeInfo, ...]:
    """Reads `volume info`."""
    return tuple(
        VolumeInfo(
            name=volume.findtext("name", ""),
            is_started=volume.findtext("statusStr") == "Started",
            replica_count=_number(volume, "replicaCount"),
            group_size=max(_number(volume, "disperseCount"), _number(volume, "replicaCount"), 1),
            is_dispersed=_number(volume, "disperseCount") > 0,
            bricks=tuple(brick.findtext("name", "") for brick in volume.findall("bricks/brick")),
        )
        for volume in reply.root.findall("volInfo/volumes/volume")
    )


def _code(element: Element) -> TaskCode:
    try:
        return TaskCode(_number(element, "status"))
    except ValueError:
        raise NotXmlError(f"a status that is not known, {element.findtext('status')!r}") from None


def _counters(element: Element) -> Counters:
    return Counters(
        files=_number(element, "files"),
        size_bytes=_number(element, "size"),
        lookups=_number(element, "lookups"),
        failures=_number(element, "failures"),
        skipped=_number(element, "skipped"),
        runtime_s=float(element.findtext("runtime") or 0),
    )


def _count(element: Element, name: str) -> int:
    """Gives a number that Gluster leaves out, or shows as "-", when it cannot tell."""
    text = element.findtext(name, "").strip()
    return int(text) if text.isdecimal() else 0


def _number(element: Element, name: str) -> int:
    return int(element.findtext(name) or 0)
