"""The verbs of the storage pool's manager: images and volumes, created and removed as tasks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from adapters.vdsm.simulator.disk import write_zeros
from adapters.vdsm.simulator.host import Host, Params, Verb
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.storage import NO_PARENT
from adapters.vdsm.simulator.work import Effort, Work

PREALLOCATED = 1


def storage_verbs(host: Host) -> dict[str, Verb]:
    """Gives the verbs on images and volumes."""
    storage = host.storage

    def volumes_list(params: Params) -> list[str]:
        storage.check_pool(params["storagepoolID"])
        return storage.volumes(params["storagedomainID"], params["imageID"])

    return {
        "StorageDomain.getImages": lambda params: storage.images(params["storagedomainID"]),
        "Image.getVolumesList": volumes_list,
        "Image.delete": lambda params: host.start_task(
            "Image.delete", "deleteImage", params, lambda: _delete_image(host, params)
        ),
        "Volume.getInfo": lambda params: _volume_info(host, params),
        "Volume.create": lambda params: host.start_task(
            "Volume.create", "createVolume", params, lambda: _create_volume(host, params)
        ),
        "Volume.delete": lambda params: host.start_task(
            "Volume.delete", "deleteVolume", params, lambda: _delete_volume(host, params)
        ),
    }


def _delete_image(host: Host, params: Params) -> Work:
    storage = host.storage
    place = params["storagedomainID"], params["imageID"]
    storage.volumes(*place)  # refuses an unknown image

    def run(effort: Effort) -> None:
        pace = effort.begin()
        hidden = storage.begin_removal(*place)
        files = sorted(hidden.iterdir())
        total = sum(path.stat().st_size for path in files if path.suffix != ".json")
        done = 0
        for path in files:
            size = 0 if path.suffix == ".json" else path.stat().st_size
            if params.get("postZero") and size:
                with path.open("r+b") as data:
                    write_zeros(data, size, pace, partial(_advance, effort, done, total))
            done += size
        pace.passed(0)
        effort.advance(1, 1)
        for path in files:
            path.unlink()
        hidden.rmdir()

    return Work(
        run=run,
        undo=lambda: storage.undo_removal(*place),
        undo_record={"name": "undo_removal", "domain": place[0], "image": place[1]},
    )


def _create_volume(host: Host, params: Params) -> Work:
    storage = host.storage
    place = params["storagedomainID"], params["imageID"], params["volumeID"]
    size = int(params["size"])
    parent = params.get("srcVolUUID") or NO_PARENT
    if parent != NO_PARENT:
        storage.metadata(place[0], place[1], parent)  # refuses an overlay of nothing
    if size <= 0:
        raise RefusalError(1000, f"Invalid parameter: 'size={size}'")
    created: list[Path] = []

    def run(effort: Effort) -> None:
        pace = effort.begin()
        path = storage.add_volume(*place, size=size, parent=parent, legal=False)
        created.append(path)
        with path.open("r+b") as data:
            if int(params.get("preallocate", 2)) == PREALLOCATED:
                write_zeros(data, size, pace, lambda so_far: effort.advance(so_far, size))
            elif parent == NO_PARENT:
                data.truncate(size)  # an overlay of a parent holds nothing until it is written to
        pace.passed(0)
        effort.advance(1, 1)
        storage.update(*place, legality="LEGAL")

    def undo() -> None:
        if created:  # a volume that was there before is not ours to remove
            storage.remove_volume(*place)

    # After a kill nobody knows whether it was there before; only a volume that is still illegal is
    # ours.
    record = {"name": "remove_volume", "domain": place[0], "image": place[1], "volume": place[2]}
    if place[2] in _known_volumes(host, place[0], place[1]):
        record = {}
    return Work(run=run, undo=undo, undo_record=record)


def _advance(effort: Effort, before: int, total: int, so_far: int) -> None:
    effort.advance(before + so_far, total)


def _delete_volume(host: Host, params: Params) -> Work:
    storage = host.storage
    place = params["storagedomainID"], params["imageID"], params["volumeID"]
    storage.metadata(*place)  # refuses an unknown volume

    def run(effort: Effort) -> None:
        pace = effort.begin()
        pace.passed(0)
        effort.advance(1, 1)
        storage.remove_volume(*place)

    return Work(run=run)


def _volume_info(host: Host, params: Params) -> dict[str, Any]:
    host.storage.check_pool(params["storagepoolID"])
    place = params["storagedomainID"], params["imageID"], params["volumeID"]
    found = host.storage.metadata(*place)
    path = host.storage.path(*place)
    written = path.stat().st_size if path.exists() else 0
    # Sizes are strings and the generation a number, as VDSM has them.
    return {
        "uuid": params["volumeID"],
        "image": params["imageID"],
        "domain": params["storagedomainID"],
        "pool": params["storagepoolID"],
        "parent": found["parent"],
        "legality": found["legality"],
        "generation": found["generation"],
        "capacity": str(found["size"]),
        "apparentsize": str(written),
        "truesize": str(written),
        "ctime": str(found["ctime"]),
        "format": "RAW" if found["parent"] == NO_PARENT else "COW",
        "voltype": "LEAF",
        "status": "OK",
        "children": [],
    }


def _known_volumes(host: Host, domain_id: str, image_id: str) -> list[str]:
    try:
        return host.storage.volumes(domain_id, image_id)
    except RefusalError:
        return []
