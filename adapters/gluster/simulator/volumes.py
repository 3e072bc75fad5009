"""Requests on volumes and bricks that end when they return."""

from __future__ import annotations

from adapters.gluster.simulator.answers import (
    Answer,
    Node,
    accept,
    misunderstand,
    refuse,
    refuse_in_words,
)
from adapters.gluster.simulator.daemon import spawn
from adapters.gluster.simulator.migration import is_at_work
from adapters.gluster.simulator.placement import brick_path, sub_volumes, walk
from adapters.gluster.simulator.state import STARTED, STOPPED, Cluster, Volume, new_id

_CREATE_USAGE = "volume create <NEW-VOLNAME> [replica <COUNT>] <NEW-BRICK>... [force]"


def create(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume create NAME [replica N] BRICK... [force]`."""
    replica_count = 1
    if words[:1] == ["replica"] and len(words) > 1 and words[1].isdigit():
        replica_count, words = int(words[1]), words[2:]
    bricks = [word for word in words if word != "force"]
    if not bricks or any(":/" not in brick for brick in bricks):
        return misunderstand(_CREATE_USAGE)
    if name in cluster.volumes:
        return refuse(f"Volume {name} already exists", errno=0)
    if len(bricks) % replica_count:
        return refuse("Failed to create volume files")
    if no := _taken(cluster, bricks):
        return refuse(no)
    for brick in bricks:
        brick_path(brick).mkdir(parents=True, exist_ok=True)
    cluster.volumes[name] = {
        "volume_id": new_id(),
        "status": 0,
        "replica_count": replica_count,
        "bricks": bricks,
        "layout": sub_volumes(bricks, replica_count),
        "leaving": [],
        "task": None,
    }
    return accept(("volCreate", [_named(name, cluster.volumes[name])]))


def start(cluster: Cluster, name: str) -> Answer:
    """Answers `volume start NAME`."""
    volume = cluster.volumes.get(name)
    if volume is None:
        return refuse(f"Volume {name} does not exist")
    if volume["status"] == STARTED:
        return refuse(f"Volume {name} already started")
    volume["status"] = STARTED
    return accept(("volStart", [_named(name, volume)]))


def stop(cluster: Cluster, name: str) -> Answer:
    """Answers `volume stop NAME`."""
    volume = cluster.volumes.get(name)
    if volume is None:
        return refuse(f"Volume {name} does not exist")
    if volume["status"] != STARTED:
        return refuse(f"Volume {name} is not in the started state")
    if is_at_work(cluster, volume):
        return refuse(f"rebalance session is in progress for the volume '{name}'")
    volume["status"] = STOPPED
    return accept(("volStop", [_named(name, volume)]))


def info(cluster: Cluster, name: str | None) -> Answer:
    """Answers `volume info [NAME]`."""
    if name is not None and name not in cluster.volumes:
        nothing: Node = ("volInfo", [("volumes", [("count", "0")])])
        return refuse("Volume does not exist", nothing, errno=30806)
    shown: list[Node] = [
        _described(cluster, one, volume)
        for one, volume in cluster.volumes.items()
        if name in (None, one)
    ]
    return accept(("volInfo", [("volumes", [*shown, ("count", str(len(shown)))])]))


def list_names(cluster: Cluster) -> Answer:
    """Answers `volume list`."""
    names: list[Node] = [("volume", name) for name in cluster.volumes]
    return accept(("volList", [("count", str(len(names))), *names]))


def add_brick(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume add-brick NAME BRICK... [force]`; a rebalance brings files there."""
    bricks = [word for word in words if word != "force"]
    volume = cluster.volumes.get(name)
    if volume is None:
        text = f"Unable to get volinfo for volume name {name}"
        return refuse_in_words(text, "volAddBrick", errno=0)
    if is_at_work(cluster, volume):
        text = f"Volume name {name} rebalance is in progress. Please retry after completion"
        return refuse_in_words(text, "volAddBrick")
    if len(bricks) % volume["replica_count"]:
        count = volume["replica_count"]
        text = f"Incorrect number of bricks supplied {len(bricks)} with count {count}"
        return refuse_in_words(text, "volAddBrick", errno=0)
    if no := _taken(cluster, bricks):
        return refuse_in_words(no, "volAddBrick")
    for brick in bricks:
        brick_path(brick).mkdir(parents=True, exist_ok=True)
    volume["bricks"] += bricks
    return accept(("cliOp", "volAddBrick"), ("output", "Add Brick successful"))


def replace_brick(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume replace-brick NAME OLD NEW commit force`; the new brick is then healed."""
    if len(words) != 4 or words[2:] != ["commit", "force"]:
        usage = "volume replace-brick <VOLNAME> <SOURCE-BRICK> <NEW-BRICK> {commit force}"
        return misunderstand(usage)
    old, new = words[:2]
    volume = cluster.volumes.get(name)
    if volume is None:
        return refuse(f"Volume {name} does not exist", errno=0)
    if volume["replica_count"] == 1:
        text = (
            "replace-brick is not permitted on distribute only volumes. "
            "Please use add-brick and remove-brick operations instead."
        )
        return refuse(text, errno=0)
    if old not in volume["bricks"]:
        return refuse(f"brick: {old} does not exist in volume: {name}", errno=0)
    if no := _taken(cluster, [new]):
        return refuse(no, errno=0)
    brick_path(new).mkdir(parents=True, exist_ok=True)
    volume["bricks"] = [new if brick == old else brick for brick in volume["bricks"]]
    volume["layout"] = [
        [new if brick == old else brick for brick in group] for group in volume["layout"]
    ]
    if volume["status"] == STARTED:
        _heal(cluster, volume)
    return accept(text="replace-brick commit force operation successful")


def heal(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume heal NAME [full]`, in plain text even when XML was asked for.

    `info summary` is answered in XML.
    """
    if words == ["info", "summary"] and name in cluster.volumes:
        return accept(("healInfo", [("bricks", _heals(cluster, cluster.volumes[name]))]))
    how = "full" if words == ["full"] else "index"
    what = f"Launching heal operation to perform {how} self heal on volume {name} has been"
    volume = cluster.volumes.get(name)
    if volume is None:
        why = f"Volume {name} does not exist"
    elif volume["status"] != STARTED:
        why = f"Volume {name} is not started."
    elif volume["replica_count"] == 1:
        why = f"Self-heal-daemon is disabled. Heal will not be triggered on volume {name}"
    else:
        _heal(cluster, volume)
        return Answer(stdout=f"{what} successful \nUse heal info commands to check status.\n")
    return Answer(stdout=f"{what} unsuccessful:\n{why}\n", code=1)


def _heals(cluster: Cluster, volume: Volume) -> list[Node]:
    groups = sub_volumes(volume["bricks"], volume["replica_count"])
    return [_to_heal(cluster, brick, group) for group in groups for brick in group]


def _to_heal(cluster: Cluster, brick: str, group: list[str]) -> Node:
    """Shows a brick with the number of its files that its replicas lack."""
    status, total = "Connected", "-"
    if brick in cluster.faults.names("away_bricks"):
        status = "Transport endpoint is not connected"
    else:
        lacking = {name for one in group for name in set(walk(brick)) - set(walk(one))}
        total = str(len(lacking) + (brick in cluster.faults.names("pending_bricks")))
    return f'brick hostUuid="{cluster.node_id}"', [
        ("name", brick),
        ("status", status),
        ("totalNumberOfEntries", total),
    ]


def _heal(cluster: Cluster, volume: Volume) -> None:
    groups = sub_volumes(volume["bricks"], volume["replica_count"])
    task_id = new_id()  # of the daemon's files only: Gluster lists no task for this
    cluster.write_job(task_id, {"kind": "heal", "sources": groups, "layout": volume["layout"]})
    spawn(cluster, task_id)


def _taken(cluster: Cluster, bricks: list[str]) -> str | None:
    for brick in bricks:
        if any(brick in volume["bricks"] for volume in cluster.volumes.values()):
            return (
                f"Brick: {brick} not available. "
                "Brick may be containing or be contained by an existing brick."
            )
    return None


def _named(name: str, volume: Volume) -> Node:
    return "volume", [("name", name), ("id", volume["volume_id"])]


def _described(cluster: Cluster, name: str, volume: Volume) -> Node:
    replicas, bricks = volume["replica_count"], volume["bricks"]
    groups = len(bricks) // replicas
    if replicas == 1:
        type_number, type_name = "0", "Distribute"
    elif groups == 1:
        type_number, type_name = "2", "Replicate"
    else:
        type_number, type_name = "7", "Distributed-Replicate"
    return "volume", [
        ("name", name),
        ("id", volume["volume_id"]),
        ("status", str(volume["status"])),
        ("statusStr", ("Created", "Started", "Stopped")[volume["status"]]),
        ("snapshotCount", "0"),
        ("brickCount", str(len(bricks))),
        ("distCount", str(groups)),
        ("replicaCount", str(replicas)),
        ("arbiterCount", "0"),
        ("disperseCount", "0"),
        ("redundancyCount", "0"),
        ("type", type_number),
        ("typeStr", type_name),
        ("transport", "0"),
        ("bricks", [_brick(cluster.node_id, brick) for brick in bricks]),
        ("optCount", "0"),
        ("options", ""),
    ]


def _brick(node_id: str, brick: str) -> Node:
    return f'brick uuid="{node_id}"', [("name", brick), ("hostUuid", node_id), ("isArbiter", "0")]
