"""Requests that make, watch and end tasks: rebalance, remove-brick, the list of tasks."""

from __future__ import annotations

import os
import signal
import time

from adapters.gluster.simulator.answers import (
    TIMED_OUT,
    Answer,
    Node,
    accept,
    refuse,
    refuse_in_words,
)
from adapters.gluster.simulator.daemon import spawn
from adapters.gluster.simulator.placement import SubVolume, sub_volumes
from adapters.gluster.simulator.state import (
    NOTHING,
    STARTED,
    Cluster,
    NodeProgress,
    Progress,
    Task,
    Volume,
    host_of,
    new_id,
)

START_SECONDS = "GLUSTER_SIMULATOR_START_SECONDS"
_RUNNING = (1, 5)
_FAILED = (4, 8)
_IN_WORDS = (
    "not started",
    "in progress",
    "stopped",
    "completed",
    "failed",
    "fix-layout in progress",
    "fix-layout stopped",
    "fix-layout completed",
    "fix-layout failed",
)
_NOT_DISTRIBUTED = (
    "Volume {} is not a distribute volume or contains only 1 brick.\nNot performing rebalance"
)
_STARTS = {"start": ("rebalance", "1"), "fix-layout start": ("fix-layout", "4")}
_STARTS |= {"start force": ("rebalance", "5")}
REBALANCE_USAGE = "volume rebalance <VOLNAME> {{fix-layout start} | {start [force]|stop|status}}"
REBALANCE_ACTIONS = frozenset({*_STARTS, "status", "stop"})


def rebalance(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume rebalance NAME [fix-layout] start [force] | status | stop`."""
    action = " ".join(words)
    if action in _STARTS:
        return _start_rebalance(cluster, name, *_STARTS[action])
    volume = cluster.volumes.get(name)
    task = volume["task"] if volume else None
    if volume is None:
        text = f"Volume {name} does not exist"
    elif len(volume["bricks"]) <= volume["group_size"]:
        text = _NOT_DISTRIBUTED.format(name)
    elif volume["status"] != STARTED:
        text = f"Volume {name} needs to be started to perform rebalance"
    elif task is None or task["kind"] == "remove-brick":
        text = f"Rebalance not started for volume {name}."
    else:
        op = "3" if action == "status" else "2"
        return accept(("volRebalance", _end_or_show(cluster, volume, task, action, op)))
    return refuse_in_words(text, "volRebalance", code=1)


def remove_brick(
    cluster: Cluster, name: str, bricks: list[str], action: str, *, replicas: int | None = None
) -> Answer:
    """Answers `volume remove-brick NAME [replica N] BRICK... start|status|stop|commit|force`."""
    volume = cluster.volumes.get(name)
    if volume is None:
        return _no_removal(f"Volume {name} does not exist", errno=0)
    if action in ("status", "stop"):
        return _watch_removal(cluster, name, bricks, action)
    if replicas is not None and replicas < volume["group_size"]:
        return _reduce_replicas(name, volume, bricks, action, replicas)
    no = _may_leave(name, volume, bricks)
    if no is None and action == "commit":
        no = _may_commit(cluster, volume, bricks)
    if no is not None:
        return no
    if action == "commit" and (text := cluster.faults.text("fail_commit")):
        return _no_removal(text)
    if action == "start":
        return _start_removal(cluster, name, volume, bricks)
    task = volume["task"]
    volume["bricks"] = [brick for brick in volume["bricks"] if brick not in bricks]
    volume["layout"] = _remaining(volume, bricks)
    volume["leaving"] = []
    volume["task"] = None
    if action == "force" or task is None:
        return accept(("volRemoveBrick", ""), text="Remove Brick commit force successful")
    body: Node = ("volRemoveBrick", [("task-id", task["task_id"])])
    return accept(body, text="Remove Brick commit successful")


def list_tasks(cluster: Cluster, name: str) -> Answer:
    """Answers `volume status NAME|all tasks`: of started volumes only."""
    if name != "all" and name not in cluster.volumes:
        return refuse_in_words(f"Volume {name} does not exist", "volStatus")
    if name != "all" and cluster.volumes[name]["status"] != STARTED:
        return refuse_in_words(f"Volume {name} is not started", "volStatus")
    shown: list[Node] = []
    for one, volume in cluster.volumes.items():
        if name == "all" and one in cluster.faults.names("busy_volumes"):
            continue  # as the real one does, and says yes all the same
        if name in ("all", one) and volume["status"] == STARTED:
            tasks = [_listed(cluster, volume["task"])] if volume["task"] else []
            shown.append(("volume", [("volName", one), ("tasks", tasks)]))
    return accept(("volStatus", [("volumes", shown)]))


def is_at_work(cluster: Cluster, volume: Volume) -> bool:
    """Whether a daemon moves files of the volume."""
    task = volume["task"]
    return task is not None and cluster.is_alive(task["task_id"])


def revive(cluster: Cluster) -> None:
    """Does what glusterd does when it starts: a task without a daemon gets a new one, from zero."""
    for volume in cluster.volumes.values():
        task = volume["task"]
        if task is None or is_at_work(cluster, volume):
            continue
        if cluster.read_progress(task["task_id"])["status"] in _RUNNING:
            spawn(cluster, task["task_id"])


def _start_rebalance(cluster: Cluster, name: str, kind: str, op: str) -> Answer:
    volume = cluster.volumes.get(name)
    said: Node = ("volRebalance", [("op", op)])
    if volume is None:
        return refuse(f"Volume {name} does not exist", said)
    task = volume["task"]
    if len(volume["bricks"]) <= volume["group_size"]:
        text = _NOT_DISTRIBUTED.format(name)
    elif volume["status"] != STARTED:
        text = f"Volume {name} needs to be started to perform rebalance"
    elif task and task["kind"] == "remove-brick":
        text = (
            f"A remove-brick task on volume {name} is not yet committed. "
            "Either commit or stop the remove-brick task."
        )
    elif is_at_work(cluster, volume):
        text = f"Rebalance on {name} is already started"
    else:
        volume["layout"] = sub_volumes(volume["bricks"], volume["group_size"])
        task_id = _start(cluster, volume, kind, [], sources=volume["layout"])
        return _reply(cluster, accept(("volRebalance", [("task-id", task_id), ("op", op)])))
    return refuse(text, said)


def _watch_removal(cluster: Cluster, name: str, bricks: list[str], action: str) -> Answer:
    volume = cluster.volumes[name]
    task = volume["task"]
    if task is None or task["kind"] != "remove-brick":
        return _no_removal(f"remove-brick not started for volume {name}.")
    if sorted(task["bricks"]) != sorted(bricks):
        return _no_removal(f"Incorrect brick for volume {name}")
    return accept(("volRemoveBrick", _end_or_show(cluster, volume, task, action)))


def _may_leave(name: str, volume: Volume, bricks: list[str]) -> Answer | None:
    for brick in bricks:
        if brick not in volume["bricks"]:
            return _no_removal(f"Incorrect brick {brick} for volume {name}", errno=0)
    replicas = volume["group_size"]
    if len(bricks) % replicas:
        text = (
            "Removing bricks from replicate configuration is not allowed without reducing "
            "replica count explicitly."
        )
        return _no_removal(text, errno=0)
    groups = sub_volumes(volume["bricks"], replicas)
    if any(0 < len(set(group) & set(bricks)) < replicas for group in groups):
        return _no_removal("Bricks not from same subvol for replica", errno=0)
    if set(bricks) == set(volume["bricks"]):
        return _no_removal("Deleting all the bricks of the volume is not allowed")
    return None


def _reduce_replicas(
    name: str, volume: Volume, bricks: list[str], action: str, replicas: int
) -> Answer:
    """Takes a brick out of each group: the others have its files, so none is moved."""
    for brick in bricks:
        if brick not in volume["bricks"]:
            return _no_removal(f"Incorrect brick {brick} for volume {name}", errno=0)
    groups = sub_volumes(volume["bricks"], volume["group_size"])
    if any(len(set(group) - set(bricks)) != replicas for group in groups):
        return _no_removal("Bricks not from same subvol for replica", errno=0)
    if action != "force":
        text = "Migration of data is not needed when reducing replica count. Use the 'force' option"
        return _no_removal(text)
    volume["bricks"] = [brick for brick in volume["bricks"] if brick not in bricks]
    volume["group_size"] = replicas
    volume["layout"] = sub_volumes(volume["bricks"], replicas)
    return accept(("volRemoveBrick", ""), text="Remove Brick commit force successful")


def _start_removal(cluster: Cluster, name: str, volume: Volume, bricks: list[str]) -> Answer:
    task = volume["task"]
    if volume["status"] != STARTED:
        text = (
            f"Volume {name} needs to be started before remove-brick "
            "(you can use 'force' or 'commit' to override this behavior)"
        )
    elif task and task["kind"] == "remove-brick":
        text = (
            f"An earlier remove-brick task exists for volume {name}. "
            "Either commit it or stop it before starting a new task."
        )
    elif is_at_work(cluster, volume):
        text = "Rebalance is in progress. Please retry after completion"
    else:
        groups = sub_volumes(volume["bricks"], volume["group_size"])
        volume["layout"] = _remaining(volume, bricks)
        volume["leaving"] = bricks
        sources = [group for group in groups if set(group) & set(bricks)]
        task_id = _start(cluster, volume, "remove-brick", bricks, sources=sources)
        body: Node = ("volRemoveBrick", [("task-id", task_id)])
        return _reply(cluster, accept(body, text="Remove Brick start successful"))
    return _no_removal(text)


def _may_commit(cluster: Cluster, volume: Volume, bricks: list[str]) -> Answer | None:
    for brick in bricks:
        if brick not in volume["leaving"]:
            text = f"Brick {brick} is not decommissioned. Use start or force option"
            return _no_removal(text)
    if (task := volume["task"]) is None:
        return None
    progress = _overall(cluster, _progress(cluster, task))
    if progress["status"] in _RUNNING:
        return _no_removal("use 'force' option as migration is in progress")
    if progress["failures"] or progress["status"] in _FAILED:
        text = "use 'force' option as migration of some files might have been skipped or has failed"
        return _no_removal(text)
    return None


def _start(
    cluster: Cluster, volume: Volume, kind: str, bricks: list[str], *, sources: list[SubVolume]
) -> str:
    if text := cluster.faults.text("fail_start"):
        raise refuse(text)
    task_id = new_id()
    cluster.write_job(task_id, {"kind": kind, "sources": sources, "layout": volume["layout"]})
    volume["task"] = {"task_id": task_id, "kind": kind, "bricks": bricks}
    spawn(cluster, task_id)
    time.sleep(float(os.environ.get(START_SECONDS, "5")))  # with the lock held, as glusterd does
    return task_id


def _reply(cluster: Cluster, answer: Answer) -> Answer:
    return TIMED_OUT if cluster.faults.has("lose_reply") else answer


def _end_or_show(
    cluster: Cluster, volume: Volume, task: Task, action: str, op: str = ""
) -> list[Node]:
    """Gives the counters of a task; a stop ends it first, and the volume then forgets it."""
    if action == "stop":
        cluster.stop_request(task["task_id"]).touch()
        if not cluster.wait_for_death(task["task_id"], seconds=3):
            # It may have been frozen by a signal. It holds its life line, so the pid is its own.
            os.kill(cluster.read_progress(task["task_id"])["pid"], signal.SIGKILL)
            cluster.wait_for_death(task["task_id"], seconds=3)
        volume["layout"] = sub_volumes(volume["bricks"], volume["group_size"])
        volume["leaving"] = []
        volume["task"] = None
    progress = _progress(cluster, task)
    if action == "stop" and progress["status"] in _RUNNING:
        progress["status"] += 1  # "stopped" is the number after "in progress"
    nodes = _nodes(cluster, task["bricks"] or volume["bricks"], progress)
    overall = _overall(cluster, progress)
    return [
        ("task-id", task["task_id"]),
        *([("op", op)] if op else []),
        ("nodeCount", str(len(cluster.nodes))),
        *nodes,
        ("aggregate", _counters(overall, overall["status"], overall["runtime"])),
    ]


def _nodes(cluster: Cluster, bricks: list[str], progress: Progress) -> list[Node]:
    """Tells of each node with a brick in it; the one that is asked comes last, as localhost."""
    hosts = {host_of(brick): brick for brick in bricks}
    shown: list[Node] = []
    for host in sorted(hosts, key=lambda host: (cluster.is_here(hosts[host]), host)):
        mine = progress.get("nodes", {}).get(host) or NOTHING
        status = progress["status"]
        if host in cluster.faults.names("failed_nodes"):
            status, mine = 4 if status <= 4 else 8, {**mine, "failures": mine["failures"] + 1}
        name = "localhost" if cluster.is_here(hosts[host]) else host
        body = [("nodeName", name), ("id", cluster.node_id(hosts[host]))]
        shown.append(("node", [*body, *_counters(mine, status, progress["runtime"])]))
    return shown


def _counters(progress: NodeProgress, status: int, runtime_s: float) -> list[Node]:
    return [
        ("files", str(progress["files"])),
        ("size", str(progress["size"])),
        ("lookups", str(progress["lookups"])),
        ("failures", str(progress["failures"])),
        ("skipped", str(progress["skipped"])),
        ("status", str(status)),
        ("statusStr", _IN_WORDS[status]),
        ("runtime", f"{runtime_s:.2f}"),
    ]


def _progress(cluster: Cluster, task: Task) -> Progress:
    """Gives the progress of a task; that of a killed daemon stands still, or has failed."""
    alive = cluster.is_alive(task["task_id"])  # asked first, as its last word comes before its end
    progress = cluster.read_progress(task["task_id"])
    is_dead = progress["status"] in _RUNNING and not alive
    if is_dead and cluster.faults.text("killed_daemon") == "failed":
        progress["status"] += 3  # "failed" is three after "in progress"
        cluster.write_progress(task["task_id"], progress)
    return progress


def _overall(cluster: Cluster, progress: Progress) -> Progress:
    """Gives the progress of all nodes together: one that failed makes it failed, at its end."""
    failed = len(cluster.faults.names("failed_nodes"))
    status = progress["status"]
    if failed and status not in _RUNNING:
        status = 8 if status > 4 else 4
    return {**progress, "failures": progress["failures"] + failed, "status": status}


def _listed(cluster: Cluster, task: Task) -> Node:
    status = _overall(cluster, _progress(cluster, task))["status"]
    status = status if status <= 4 else status - 4  # the list knows no fix-layout
    removes = task["kind"] == "remove-brick"
    body: list[Node] = [
        ("type", "Remove brick" if removes else "Rebalance"),
        ("id", task["task_id"]),
        ("status", str(status)),
        ("statusStr", _IN_WORDS[status]),
    ]
    if removes:
        body.append(("params", [("brick", brick) for brick in task["bricks"]]))
    return "task", body


def _remaining(volume: Volume, bricks: list[str]) -> list[SubVolume]:
    groups = sub_volumes(volume["bricks"], volume["group_size"])
    return [group for group in groups if not set(group) & set(bricks)]


def _no_removal(text: str, *, errno: int = 30800) -> Answer:
    return refuse(text, ("volRemoveBrick", ""), errno=errno)
