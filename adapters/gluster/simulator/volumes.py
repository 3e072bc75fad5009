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
from adapters.gluster.simulator.migration import is_at_work
from adapters.gluster.simulator.placement import sub_volumes
from adapters.gluster.simulator.state import (
    STAGING,
    STARTED,
    STOPPED,
    Cluster,
    Volume,
    new_id,
    prepare,
)

_CREATE_USAGE = "volume create <NEW-VOLNAME> [replica <COUNT>] <NEW-BRICK>... [force]"


def create(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume create NAME [replica N [arbiter 1] | disperse N redundancy M] BRICK...`."""
    counts = {"replica": 1, "arbiter": 0, "disperse": 0, "redundancy": 0}
    while len(words) > 1 and words[0] in counts and words[1].isdigit():
        counts[words[0]], words = int(words[1]), words[2:]
    group_size = max(counts["replica"], counts["disperse"])
    bricks = [word for word in words if word != "force"]
    if not bricks or any(":/" not in brick for brick in bricks):
        return misunderstand(_CREATE_USAGE)
    if name in cluster.volumes:
        return refuse(f"Volume {name} already exists", errno=0)
    if len(bricks) % group_size:
        return refuse("Failed to create volume files")
    if no := prepare(cluster, bricks, step=STAGING):
        return refuse(no)
    cluster.volumes[name] = {
        "volume_id": new_id(),
        "status": 0,
        "group_size": group_size,
        "arbiter_count": counts["arbiter"],
        "redundancy_count": counts["redundancy"],
        "is_dispersed": counts["disperse"] > 0,
        "bricks": bricks,
        "layout": sub_volumes(bricks, group_size),
        "leaving": [],
        "out_of_use": [],
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
    if not cluster.volumes:
        return Answer(stderr="No volumes present in cluster\n")
    names: list[Node] = [("volume", name) for name in cluster.volumes]
    return accept(("volList", [("count", str(len(names))), *names]))


def add_brick(cluster: Cluster, name: str, words: list[str]) -> Answer:
    """Answers `volume add-brick NAME [replica N] BRICK... [force]`; a rebalance fills them."""
    more = int(words[1]) if words[0] == "replica" and len(words) > 1 else None
    words = words if more is None else words[2:]
    bricks = [word for word in words if word != "force"]
    volume = cluster.volumes.get(name)
    if volume is None:
        text = f"Unable to get volinfo for volume name {name}"
        return refuse_in_words(text, "volAddBrick", errno=0)
    if is_at_work(cluster, volume):
        text = f"Volume name {name} rebalance is in progress. Please retry after completion"
        return refuse_in_words(text, "volAddBrick")
    if more is not None and more > volume["group_size"]:
        return _add_replicas(cluster, volume, bricks, more)
    if len(bricks) % volume["group_size"]:
        count = volume["group_size"]
        text = f"Incorrect number of bricks supplied {len(bricks)} with count {count}"
        return refuse_in_words(text, "volAddBrick", errno=0)
    if no := prepare(cluster, bricks):
        return refuse_in_words(no, "volAddBrick")
    volume["bricks"] += bricks
    return accept(("cliOp", "volAddBrick"), ("output", "Add Brick successful"))


def _add_replicas(cluster: Cluster, volume: Volume, bricks: list[str], size: int) -> Answer:
    old = sub_volumes(volume["bricks"], volume["group_size"])
    if no := prepare(cluster, bricks):
        return refuse_in_words(no, "volAddBrick")
    added = sub_volumes(bricks, size - volume["group_size"])
    volume["layout"] = [one + new for one, new in zip(old, added, strict=True)]
    volume["bricks"] = [brick for group in volume["layout"] for brick in group]
    volume["group_size"] = size
    return accept(("cliOp", "volAddBrick"), ("output", "Add Brick successful"))


def _named(name: str, volume: Volume) -> Node:
    return "volume", [("name", name), ("id", volume["volume_id"])]


def _described(cluster: Cluster, name: str, volume: Volume) -> Node:
    size, bricks, arbiters = volume["group_size"], volume["bricks"], volume["arbiter_count"]
    groups = len(bricks) // size
    if size == 1:
        type_number, type_name = "0", "Distribute"
    elif volume["is_dispersed"]:
        type_number, type_name = ("4", "Disperse") if groups == 1 else ("9", "Distributed-Disperse")
    else:
        type_number, type_name = (
            ("2", "Replicate") if groups == 1 else ("7", "Distributed-Replicate")
        )
    return "volume", [
        ("name", name),
        ("id", volume["volume_id"]),
        ("status", str(volume["status"])),
        ("statusStr", ("Created", "Started", "Stopped")[volume["status"]]),
        ("snapshotCount", "0"),
        ("brickCount", str(len(bricks))),
        ("distCount", str(groups)),
        ("replicaCount", "1" if volume["is_dispersed"] else str(size)),
        ("arbiterCount", str(arbiters)),
        ("disperseCount", str(size) if volume["is_dispersed"] else "0"),
        ("redundancyCount", str(volume["redundancy_count"])),
        ("type", type_number),
        ("typeStr", type_name),
        ("transport", "0"),
        (
            "bricks",
            [
                _brick(
                    cluster.node_id(bricks[i]), bricks[i], bool(arbiters) and i % size == size - 1
                )
                for i in range(len(bricks))
            ],
        ),
        ("optCount", "0"),
        ("options", ""),
    ]


def _brick(node_id: str, brick: str, is_arbiter: bool) -> Node:
    return f'brick uuid="{node_id}"', [
        ("name", brick),
        ("hostUuid", node_id),
        ("isArbiter", str(int(is_arbiter))),
    ]
