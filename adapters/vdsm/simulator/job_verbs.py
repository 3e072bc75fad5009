"""The SDM verbs: jobs that copy, merge and update volumes, fenced by generation."""

from __future__ import annotations

from typing import Any

from adapters.vdsm.simulator.disk import copy_bytes
from adapters.vdsm.simulator.host import Host, Params, Verb
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.work import Effort, Work

Place = tuple[str, str, str]


def job_verbs(host: Host) -> dict[str, Verb]:
    """Gives the SDM verbs."""
    return {
        "SDM.copy_data": lambda params: host.start_job(
            "SDM.copy_data", "copy_data", params, _copy_data(host, params)
        ),
        "SDM.merge": lambda params: host.start_job(
            "SDM.merge", "merge_subchain", params, _merge(host, params)
        ),
        "SDM.update_volume": lambda params: host.start_job(
            "SDM.update_volume", "update_volume", params, _update(host, params)
        ),
    }


def _copy_data(host: Host, params: Params) -> Work:
    source, destination = _endpoint(params["source"]), _endpoint(params["destination"])
    generation = params["destination"].get("generation")

    def run(effort: Effort) -> None:
        size = int(host.storage.metadata(*source)["size"])
        if int(host.storage.metadata(*destination)["size"]) < size:
            raise RefusalError(79, "Destination volume is too small")
        _write(host, effort, source, destination, generation)

    return Work(run=run, lock=_lease(destination))


def _merge(host: Host, params: Params) -> Work:
    chain = params["subchain_info"]
    base: Place = (chain["sd_id"], chain["img_id"], chain["base_id"])
    top: Place = (chain["sd_id"], chain["img_id"], chain["top_id"])

    def run(effort: Effort) -> None:
        if host.storage.metadata(*top)["parent"] != base[2]:
            raise RefusalError(100, f"Volume {top[2]} is not a child of {base[2]}")
        _write(host, effort, top, base, chain.get("base_generation"))
        host.machines.repoint(base[1], top[2], base[2])

    return Work(run=run, lock=_lease(base))


def _update(host: Host, params: Params) -> Work:
    place = _endpoint(params["vol_info"])
    expected = params["vol_info"].get("generation")
    names = ("generation", "description", "legality")
    changes = {name: params["vol_attr"][name] for name in names if name in params["vol_attr"]}

    def run(effort: Effort) -> None:
        effort.begin()
        host.storage.update(*place, expected_generation=expected, **changes)
        effort.advance(1, 1)

    # No lease: a fence must reach a volume while another job writes to it.
    return Work(run=run)


def _write(
    host: Host, effort: Effort, source: Place, destination: Place, generation: int | None
) -> None:
    """Copies the source's bytes over the destination's, whose generation must stay what it was."""
    storage = host.storage
    if generation is None:
        generation = int(storage.metadata(*destination)["generation"])
    storage.update(*destination, expected_generation=generation, legality="ILLEGAL")
    pace = effort.begin()
    path = storage.path(*source)
    total = path.stat().st_size

    def progress(so_far: int) -> None:
        # A real copy looks at the generation only when it begins; here a fence ends a running one
        # too.
        storage.update(*destination, expected_generation=generation)
        effort.advance(so_far, total)

    with path.open("rb") as reader, storage.path(*destination).open("r+b") as writer:
        copy_bytes(reader, writer, pace, progress)
    effort.advance(1, 1)
    storage.update(
        *destination, expected_generation=generation, generation=generation + 1, legality="LEGAL"
    )


def _endpoint(info: dict[str, Any]) -> Place:
    return str(info["sd_id"]), str(info["img_id"]), str(info["vol_id"])


def _lease(place: Place) -> str:
    return "volume:" + ":".join(place)
