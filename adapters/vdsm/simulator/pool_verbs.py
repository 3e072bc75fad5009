"""The verbs on the storage pool: connecting a host, the manager's role, cold merges."""

from __future__ import annotations

from typing import Any

from adapters.vdsm.simulator.host import Host, Params, Verb, done
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.work import Effort, Work


def pool_verbs(host: Host) -> dict[str, Verb]:
    """Gives the verbs of the pool and of its domains."""
    pool, storage = host.pool, host.storage

    def connected() -> list[str]:
        return [pool.id] if pool.is_connected else []

    def spm_status(params: Params) -> dict[str, Any]:
        pool.check(params["storagepoolID"])
        return pool.status()

    def domain_info(params: Params) -> dict[str, Any]:
        storage.check_domain(params["storagedomainID"])
        return _domain_info(host, params["storagedomainID"])

    return {
        "Host.getConnectedStoragePools": lambda params: connected(),
        "StoragePool.connectStorageServer": lambda params: [
            {"id": one.get("id", ""), "status": 0} for one in params["connectionParams"]
        ],
        "StoragePool.connect": done(
            lambda params: pool.connect(
                params["storagepoolID"], params["masterSdUUID"], int(params["masterVersion"])
            )
        ),
        "StoragePool.disconnect": done(lambda params: pool.disconnect()),
        "StoragePool.getSpmStatus": spm_status,
        "StoragePool.getInfo": lambda params: _pool_info(host, params),
        "StoragePool.spmStart": lambda params: _spm_start(host, params),
        "StoragePool.spmStop": done(lambda params: _spm_stop(host, params)),
        "StoragePool.prepareMerge": lambda params: _merge_task(host, params, "prepareMerge"),
        "StoragePool.finalizeMerge": lambda params: _merge_task(host, params, "finalizeMerge"),
        "StorageDomain.getInfo": domain_info,
        "StorageDomain.getStats": lambda params: _domain_stats(host, params),
        "StorageDomain.getImages": lambda params: storage.images(params["storagedomainID"]),
        "StorageDomain.getVolumes": lambda params: storage.volumes(
            params["storagedomainID"], params["imageID"]
        ),
    }


def _spm_start(host: Host, params: Params) -> str:
    """Takes the role in a task of its own, which no listing of the pool's tasks shows."""
    host.pool.check(params["storagepoolID"])

    def run(effort: Effort) -> None:
        if host.pool.is_managed_here:
            return
        if not host.pool.take_lease():
            raise RefusalError(661, f"Cannot acquire host id: ('{host.pool.id}',)")
        host.tasks.load()

    effort = Effort(host.faults, "StoragePool.spmStart", params, bytes_per_s=host.bytes_per_s)
    return host.tasks.submit("spmStart", "hsm", Work(run=run), effort)


def _spm_stop(host: Host, params: Params) -> None:
    host.pool.check(params["storagepoolID"])
    host.pool.check_managed()
    host.tasks.forget()
    host.pool.give_lease()


def _merge_task(host: Host, params: Params, name: str) -> str:
    """Runs what comes before a merge job, or what comes after it."""
    chain = params["subchainInfo"]
    domain, image = str(chain["sd_id"]), str(chain["img_id"])
    base, top = (domain, image, chain["base_id"]), (domain, image, chain["top_id"])
    storage = host.storage

    def prepare() -> Work:
        for one in (base, top):
            storage.metadata(*one)  # refuses what is not there

        def run(effort: Effort) -> None:
            effort.begin()
            effort.advance(1, 1)
            if name == "prepareMerge":
                storage.update(*base, legality="ILLEGAL")
                return
            for child in storage.children(*top):
                storage.update(domain, image, child, parent=base[2])
            storage.update(*top, legality="ILLEGAL")
            storage.update(*base, legality="LEGAL")

        return Work(run=run)

    return host.start_task(f"StoragePool.{name}", name, params, prepare, image=(domain, image))


def _pool_info(host: Host, params: Params) -> dict[str, Any]:
    host.pool.check(params["storagepoolID"])
    master, version = host.pool.master
    domains = host.storage.domains()
    return {
        "info": {
            "name": "pool",
            "type": "POSIXFS",
            "domains": ",".join(f"{one}:Active" for one in domains),
            "master_uuid": master,
            "master_ver": version,
            "lver": host.pool.status()["spmLver"],
            "spm_id": host.pool.status()["spmId"],
            "pool_status": "connected",
            "version": "5",
            "isoprefix": "",
        },
        "dominfo": {one: _domain_state(host, one) for one in domains},
    }


def _domain_state(host: Host, domain_id: str) -> dict[str, Any]:
    return {"status": "Active", "alerts": [], "version": 5, "isoprefix": ""}


def _domain_info(host: Host, domain_id: str) -> dict[str, Any]:
    master, version = host.pool.master
    return {
        "uuid": domain_id,
        "type": "POSIXFS",
        "class": "Data",
        "name": domain_id[:8],
        "role": "Master" if domain_id == master else "Regular",
        "pool": [host.pool.id],
        "version": "5",
        "master_ver": version if domain_id == master else 0,
        "lver": -1,
        "spm_id": -1,
        "remotePath": "",
        "block_size": 512,
        "alignment": 1048576,
    }


def _domain_stats(host: Host, params: Params) -> dict[str, Any]:
    host.storage.check_domain(params["storagedomainID"])
    total, free = 1 << 40, 1 << 39
    return {
        "disktotal": str(total),
        "diskfree": str(free),
        "mdavalid": True,
        "mdathreshold": True,
        "mdasize": 0,
        "mdafree": 0,
    }
