"""The verbs on images and volumes: the manager's tasks, and questions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from adapters.vdsm.simulator.disk import copy_bytes, write_zeros
from adapters.vdsm.simulator.host import Host, Params, Verb, done
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.storage import NO_PARENT, Place
from adapters.vdsm.simulator.work import Effort, Recovery, Work

PREALLOCATED = 1
RAW, COW = 5, 4
DISK_TYPES = frozenset({"DATA", "ISOF", "MEMD", "MEMM", "OVFS", "TEMP", "BLCK", "SCRD", "2"})
COPY = 1  # an operation of Image.move; 2 is a move


def storage_verbs(host: Host) -> dict[str, Verb]:
    """Gives the verbs on images and volumes."""

    def task(method: str, name: str, prepare: Any) -> Verb:
        def verb(params: Params) -> str:
            image = str(params["storagedomainID"]), str(params["imageID"])
            return host.start_task(method, name, params, lambda: prepare(host, params), image=image)

        return verb

    def volumes(params: Params) -> list[str]:
        host.pool.check(params["storagepoolID"])
        return host.storage.volumes(params["storagedomainID"], params["imageID"])

    return {
        "Image.getVolumes": volumes,
        "Image.delete": task("Image.delete", "deleteImage", _delete_image),
        "Image.deleteVolumes": task("Image.deleteVolumes", "deleteVolume", _delete_volumes),
        "Image.move": task("Image.move", "moveImage", _move_image),
        "Image.prepare": lambda params: _prepare_image(host, params),
        "Image.teardown": done(lambda params: host.pool.check(params["storagepoolID"])),
        "Volume.getInfo": lambda params: _volume_info(host, params),
        "Volume.getSize": lambda params: _volume_size(host, params),
        "Volume.create": task("Volume.create", "createVolume", _create_volume),
        "Volume.delete": task(
            "Volume.delete",
            "deleteVolume",
            lambda host, params: _delete_volumes(
                host, {**params, "volumeList": [params["volumeID"]]}
            ),
        ),
    }


def _delete_image(host: Host, params: Params) -> Work:
    storage = host.storage
    place = params["storagedomainID"], params["imageID"]
    storage.check_image(*place)

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

    record = {"name": "undo_removal", "domain": place[0], "image": place[1]}
    return Work(run=run, recoveries=(record,))


def _create_volume(host: Host, params: Params) -> Work:
    storage = host.storage
    place: Place = (params["storagedomainID"], params["imageID"], params["volumeID"])
    size = _checked_size(params["size"])
    parent = _checked_parent(host, params)
    is_new = place[2] not in storage.volumes(*place[:2])

    def run(effort: Effort) -> None:
        pace = effort.begin()
        preallocated = int(params["preallocate"]) == PREALLOCATED
        path = storage.add_volume(
            place,
            legal=False,
            size=size,
            parent=parent,
            preallocated=preallocated,
            description=params["desc"],
            disktype=params["diskType"],
            sequence=int(params.get("sequence") or 0),
        )
        with path.open("r+b") as data:
            if preallocated:
                write_zeros(data, size, pace, lambda so_far: effort.advance(so_far, size))
            elif parent == NO_PARENT:
                data.truncate(size)  # an overlay of a parent holds nothing until it is written to
        pace.passed(0)
        effort.advance(1, 1)
        storage.update(*place, legality="LEGAL" if params.get("legal", True) else "ILLEGAL")

    # A volume that was there before is not ours to remove.
    return Work(run=run, recoveries=(_removal(place),) if is_new else ())


def _checked_size(size: Any) -> int:
    if not isinstance(size, str) or not size.isdigit() or int(size) == 0:
        raise RefusalError(1000, f"Invalid parameter: 'size={size}'")
    return int(size)


def _checked_parent(host: Host, params: Params) -> str:
    """Checks format, disk type and source as VDSM does; gives the parent's id."""
    image, parent, form = params["srcImgUUID"], params["srcVolUUID"], params["volFormat"]
    if form not in (RAW, COW):
        raise RefusalError(202, f"Incorrect Volume format: ('{form}',)")
    if form == RAW and parent != NO_PARENT:
        raise RefusalError(202, "Incorrect Volume format: ('RAW',)")
    if params["diskType"] not in DISK_TYPES:
        raise RefusalError(1000, f"Invalid parameter: 'DiskType={params['diskType']}'")
    if parent != NO_PARENT:
        host.storage.metadata(params["storagedomainID"], image, parent)
    return str(parent)


def _removal(place: Place) -> Recovery:
    return {"name": "remove_volume", "domain": place[0], "image": place[1], "volume": place[2]}


def _advance(effort: Effort, before: int, total: int, so_far: int) -> None:
    effort.advance(before + so_far, total)


def _delete_volumes(host: Host, params: Params) -> Work:
    storage = host.storage
    domain, image = params["storagedomainID"], params["imageID"]
    for one in params["volumeList"]:
        storage.metadata(domain, image, one)  # refuses an unknown volume

    def run(effort: Effort) -> None:
        pace = effort.begin()
        for one in params["volumeList"]:
            if storage.children(domain, image, one):
                raise RefusalError(
                    204, f"Cannot delete volume which has children (non-ethical): '{one}'"
                )
        pace.passed(0)
        effort.advance(1, 1)
        for one in params["volumeList"]:
            storage.remove_volume(domain, image, one)

    return Work(run=run)


def _move_image(host: Host, params: Params) -> Work:
    """Copies an image with all its volumes to another domain, and removes the source of a move."""
    storage = host.storage
    source, target = params["storagedomainID"], params["dstSdUUID"]
    image = params["imageID"]
    storage.check_image(source, image)
    storage.check_domain(target)
    if storage.has_image(target, image):
        raise RefusalError(261, f"Cannot move/copy image: '{image} exists in {target}'")
    names = storage.volumes(source, image)
    places: list[Place] = [(target, image, one) for one in names]

    def run(effort: Effort) -> None:
        pace = effort.begin()
        paths = [storage.path(source, image, one) for one in names]
        total, done = sum(one.stat().st_size for one in paths), 0
        for path, place in zip(paths, places, strict=True):
            metadata = storage.metadata(source, image, place[2])
            with path.open("rb") as reader, _added(host, place, metadata).open("r+b") as writer:
                done += copy_bytes(reader, writer, pace, partial(_advance, effort, done, total))
        effort.advance(1, 1)
        if int(params["operation"]) != COPY:
            for path in storage.begin_removal(source, image).iterdir():
                path.unlink()

    return Work(run=run, recoveries=tuple(_removal(one) for one in places))


def _added(host: Host, place: Place, metadata: dict[str, Any]) -> Path:
    return host.storage.add_volume(place, legal=True, **metadata)


def _prepare_image(host: Host, params: Params) -> dict[str, Any]:
    """Gives the path of a volume; 227 when one of its image is half written."""
    host.pool.check(params["storagepoolID"])
    place: Place = (params["storagedomainID"], params["imageID"], params["volumeID"])
    found = host.storage.metadata(*place)
    if found["legality"] != "LEGAL" and not params.get("allowIllegal"):
        raise RefusalError(227, f"Cannot prepare illegal volume: ('{place[2]}',)")
    path = str(host.storage.path(*place))
    return {"path": path, "info": {"type": "file", "path": path}, "imgVolumesInfo": []}


def _volume_info(host: Host, params: Params) -> dict[str, Any]:
    host.pool.check(params["storagepoolID"])
    place: Place = (params["storagedomainID"], params["imageID"], params["volumeID"])
    found = host.storage.metadata(*place)
    children = host.storage.children(*place)
    size = _volume_size(host, params)
    # Sizes are texts and the generation a number, as VDSM has them.
    return {
        "uuid": params["volumeID"],
        "image": params["imageID"],
        "domain": params["storagedomainID"],
        "pool": params["storagepoolID"],
        "parent": found["parent"],
        "legality": found["legality"],
        "generation": found["generation"],
        "capacity": str(found["size"]),
        **size,
        "ctime": str(found["ctime"]),
        "mtime": "0",
        "format": found["format"],
        "type": "PREALLOCATED" if found["preallocated"] else "SPARSE",
        "voltype": "INTERNAL" if children else "LEAF",
        "description": found["description"],
        "disktype": found["disktype"],
        "sequence": found["sequence"],
        "lease": {"path": f"{host.storage.path(*place)}.lease", "offset": 0},
        "status": "OK" if found["legality"] == "LEGAL" else "ILLEGAL",
        "children": children,
    }


def _volume_size(host: Host, params: Params) -> dict[str, str]:
    place: Place = (params["storagedomainID"], params["imageID"], params["volumeID"])
    host.storage.metadata(*place)
    path = host.storage.path(*place)
    written = str(path.stat().st_size if path.exists() else 0)
    return {"apparentsize": written, "truesize": written}
