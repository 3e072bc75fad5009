"""The host under test: the simulator, or the VDSM that the environment names.

ORCHESTRATOR_TEST_VDSM_URL            host:port of a VDSM that is connected to a pool, and manages it
ORCHESTRATOR_TEST_VDSM_CA, _CERTIFICATE, _KEY       PEM files; all three, or plain TCP
ORCHESTRATOR_TEST_VDSM_POOL, _DOMAIN  which pool and storage domain; else the ones that the host tells
ORCHESTRATOR_TEST_VDSM_WRITES=1       lets the tests that create, copy and delete volumes of their own run there
ORCHESTRATOR_TEST_VDSM_LONG_BYTES     how large a preallocated volume must be to take some seconds (6 GiB)
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from adapters.vdsm import Vdsm, VdsmSettings
from adapters.vdsm.client import TlsFiles
from adapters.vdsm.settings import DOMAIN, POOL
from tests.adapters.vdsm_host.foreign_client import ForeignClient

NAME = "ORCHESTRATOR_TEST_VDSM_"
BLANK = str(UUID(int=0))
PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the host is, what it may be asked, and its pool and domain."""

    host: str
    port: int
    tls: TlsFiles | None = None
    pool: str = str(POOL)
    domain: str = str(DOMAIN)
    may_write: bool = True
    is_simulator: bool = True
    long_bytes: int = 2_000_000

    def client(self, **options: Any) -> ForeignClient:
        """Gives a client with the manners of VDSM's own."""
        return ForeignClient(self.host, self.port, tls=self.context(), **options)

    def context(self) -> ssl.SSLContext | None:
        if self.tls is None:
            return None
        context = ssl.create_default_context(cafile=str(self.tls.ca))
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        context.check_hostname = False
        return context

    def adapter(self) -> Vdsm:
        """Gives our adapter on this host."""
        files = self.tls
        tls: dict[str, Any] = {}
        if files is not None:
            tls = {
                "tls_ca": files.ca,
                "tls_certificate": files.certificate,
                "tls_key": files.key,
            }
        return Vdsm(
            VdsmSettings(
                address=f"{self.host}:{self.port}",
                storage_pool=UUID(self.pool),
                storage_domain=UUID(self.domain),
                **tls,
            )
        )


def is_given() -> bool:
    """Whether the environment names a VDSM."""
    return bool(os.environ.get(f"{NAME}URL"))


def from_environment() -> Target:
    """Gives the VDSM that the environment names."""
    host, _, port = os.environ[f"{NAME}URL"].rpartition("://")[2].rstrip("/").rpartition(":")
    files = [os.environ.get(NAME + one) for one in ("CA", "CERTIFICATE", "KEY")]
    tls = None
    if all(files):
        ca, certificate, key = (Path(str(one)) for one in files)
        tls = TlsFiles(ca=ca, certificate=certificate, key=key)
    where = Target(host=host.strip("[]"), port=int(port), tls=tls, is_simulator=False)
    client = where.client()
    try:
        pool = os.environ.get(f"{NAME}POOL") or client.result("Host.getConnectedStoragePools")[0]
        domain = os.environ.get(f"{NAME}DOMAIN")
        if domain is None:
            domain = next(iter(client.result("StoragePool.getInfo", storagepoolID=pool)["dominfo"]))
        return Target(
            host=where.host,
            port=where.port,
            tls=tls,
            pool=pool,
            domain=domain,
            may_write=os.environ.get(f"{NAME}WRITES") == "1",
            is_simulator=False,
            long_bytes=int(os.environ.get(f"{NAME}LONG_BYTES", str(6 << 30))),
        )
    finally:
        client.close()


class Storage:
    """Volumes that the tests make on a host, all deleted at the end."""

    def __init__(self, target: Target, client: ForeignClient) -> None:
        self.target = target
        self.client = client
        self._images: list[str] = []

    def image_id(self) -> str:
        """Gives the id of an image that the tests may make."""
        self._images.append(str(uuid4()))
        return self._images[-1]

    def place(self, image_id: str, volume_id: str | None = None) -> dict[str, str]:
        named = {
            "storagepoolID": self.target.pool,
            "storagedomainID": self.target.domain,
            "imageID": image_id,
        }
        return named if volume_id is None else {**named, "volumeID": volume_id}

    def creation(self, **changes: Any) -> dict[str, Any]:
        """Gives the parameters of a sound `Volume.create`, but for the changes."""
        image_id = changes.pop("imageID", None) or self.image_id()
        return {
            **self.place(image_id, str(uuid4())),
            "size": str(1 << 20),
            "volFormat": 5,
            "preallocate": 2,
            "diskType": "DATA",
            "desc": "",
            "srcImgUUID": BLANK,
            "srcVolUUID": BLANK,
            **changes,
        }

    def create(self, **changes: Any) -> dict[str, str]:
        """Makes a volume and gives how it is named."""
        params = self.creation(**changes)
        code, status = self.outcome("Volume.create", **params)
        assert (code, status["taskResult"]) == (0, "success"), status
        return self.place(params["imageID"], params["volumeID"])

    def overlay(self, below: dict[str, str]) -> dict[str, str]:
        """Makes a volume on another one."""
        return self.create(
            imageID=below["imageID"],
            volFormat=4,
            srcImgUUID=below["imageID"],
            srcVolUUID=below["volumeID"],
        )

    def outcome(self, verb: str, **params: Any) -> tuple[int, dict[str, Any]]:
        """Calls a verb and gives the code by which it was refused, or its task ended; and that status."""
        reply = self.client.call(verb, params)
        if "error" in reply:
            return int(reply["error"]["code"]), dict(reply["error"])
        status = self.ended(reply["result"])
        assert self.client.result("Task.clear", taskID=reply["result"]) is True
        return int(status["code"]), status

    def ended(self, task_id: str) -> dict[str, Any]:
        """Gives a task's status once it has ended, on the disk too."""

        def finished() -> Any:
            found = self.client.result("Task.getStatus", taskID=task_id)
            return found["taskState"] == "finished" and found

        found: dict[str, Any] = eventually(finished)
        time.sleep(0.2)  # what is cleared in the instant before it is stored comes back
        return found

    def job(self, job_id: str) -> dict[str, Any]:
        """Gives a job's info once it has ended."""

        def over() -> Any:
            found = self.client.result("Host.getJobs", job_ids=[job_id])[job_id]
            return found["status"] in ("done", "failed", "aborted") and found

        found: dict[str, Any] = eventually(over)
        return found

    def generation(self, volume: dict[str, str]) -> int:
        return int(self.client.result("Volume.getInfo", **volume)["generation"])

    def tidy_up(self) -> None:
        """Deletes what was made."""
        for one in self._images:
            reply = self.client.call(
                "Image.delete", {**self.place(one), "postZero": False, "force": False}
            )
            if "result" in reply:
                self.ended(reply["result"])
                self.client.call("Task.clear", {"taskID": reply["result"]})


def endpoint(volume: dict[str, str], **more: Any) -> dict[str, Any]:
    """Gives a volume as the SDM verbs name it."""
    return {
        "endpoint_type": "div",
        "sd_id": volume["storagedomainID"],
        "img_id": volume["imageID"],
        "vol_id": volume["volumeID"],
        **more,
    }


def eventually(claim: Callable[[], Any]) -> Any:
    """Gives what the claim gives as soon as it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := claim()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s"
        time.sleep(0.05)
    return found
