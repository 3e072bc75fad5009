"""The SDM verbs: jobs that copy, merge and update volumes, fenced by generation."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from adapters.vdsm.simulator.disk import copy_bytes
from adapters.vdsm.simulator.host import Host, Params, Verb, image_lock
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.storage import Place
from adapters.vdsm.simulator.work import Effort, Lock, Work

GENERATIONS = 1000  # VDSM stores three digits, and counts on from 999 with 0


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
        _write(host, effort, source, destination, generation, set_illegal=True)

    return Work(run=run, locks=_ordered({image_lock(*destination[:2]): False}, source))


def _merge(host: Host, params: Params) -> Work:
    chain = params["subchain_info"]
    base: Place = (chain["sd_id"], chain["img_id"], chain["base_id"])
    top: Place = (chain["sd_id"], chain["img_id"], chain["top_id"])

    def run(effort: Effort) -> None:
        if host.storage.metadata(*top)["parent"] != base[2]:
            raise RefusalError(100, f"General Exception: ('{top[2]} is no child of {base[2]}',)")
        if host.storage.metadata(*base)["legality"] != "ILLEGAL":
            raise RefusalError(100, f"General Exception: ('{base[2]} is not prepared',)")
        _write(host, effort, top, base, chain.get("base_generation"), set_illegal=False)

    return Work(run=run, locks=(Lock(name=image_lock(*base[:2])),))


def _update(host: Host, params: Params) -> Work:
    place = _endpoint(params["vol_info"])
    expected = params["vol_info"].get("generation")
    names = ("generation", "description", "legality", "type")
    changes = {name: params["vol_attr"][name] for name in names if name in params["vol_attr"]}
    if not changes:
        raise RefusalError(100, "General Exception: ('No attributes to update',)")

    def run(effort: Effort) -> None:
        effort.begin()
        _take_lease(host, place)
        now = int(host.storage.metadata(*place)["generation"])
        changes.setdefault("generation", (now + 1) % GENERATIONS)
        host.storage.update(*place, expected_generation=expected, **changes)
        effort.advance(1, 1)

    # It waits for the lock that a running copy holds, so it fences nobody but those to come.
    return Work(run=run, locks=(Lock(name=image_lock(*place[:2])),))


def _write(
    host: Host,
    effort: Effort,
    source: Place,
    destination: Place,
    generation: int | None,
    *,
    set_illegal: bool,
) -> None:
    """Copies the source's bytes over the destination's, whose generation counts on at the end."""
    storage = host.storage
    _take_lease(host, destination)
    if generation is None:
        generation = int(storage.metadata(*destination)["generation"])
    legality: dict[str, Any] = {"legality": "ILLEGAL"} if set_illegal else {}
    storage.update(*destination, expected_generation=generation, **legality)
    pace = effort.begin()
    path = storage.path(*source)
    total = path.stat().st_size
    with ExitStack() as files:
        reader = files.enter_context(path.open("rb"))
        writer = files.enter_context(storage.path(*destination).open("r+b"))
        copy_bytes(reader, writer, pace, lambda so_far: effort.advance(so_far, total))
    effort.advance(1, 1)
    legality = {"legality": "LEGAL"} if set_illegal else {}
    storage.update(*destination, generation=(generation + 1) % GENERATIONS, **legality)


def _take_lease(host: Host, place: Place) -> None:
    """A job holds its volume's lease while it writes; 651 when a running VM does."""
    if host.machines.is_leased(place[2]):
        told = f"id={place[0]}, rc=-243, out=Cannot acquire Lease(name='{place[2]}'), err="
        raise RefusalError(651, f"Cannot obtain lock: '{told}'")


def _endpoint(info: dict[str, Any]) -> Place:
    return str(info["sd_id"]), str(info["img_id"]), str(info["vol_id"])


def _ordered(exclusive: dict[str, bool], source: Place) -> tuple[Lock, ...]:
    """Gives the locks in the order of their names, so that two jobs never wait for each other."""
    wanted = {image_lock(*source[:2]): True} | exclusive
    return tuple(Lock(name=name, shared=wanted[name]) for name in sorted(wanted))
