"""Calls to the hosts of one pool: timeouts and ids that every verb needs, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from adapters.vdsm.client import UnreachableError, UntrustedError, VdsmError
from adapters.vdsm.host import Host
from adapters.vdsm.pool import Pool
from adapters.vdsm.volume import Volume, VolumeAddress
from orchestrator import TryAgain

NO_SUCH_VOLUME, NO_SUCH_IMAGE_PATH, NO_SUCH_IMAGE = 201, 254, 268
IMAGE_IS_GONE = frozenset({NO_SUCH_IMAGE_PATH, NO_SUCH_IMAGE})
"""Questions about an image that is gone are answered by the one, verbs on it by the other."""
VOLUME_IS_GONE = IMAGE_IS_GONE | {NO_SUCH_VOLUME}
BLANK_ID = "00000000-0000-0000-0000-000000000000"
"""How VDSM writes "none" where it expects the id of an image or a volume; `""` is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """A pool and how it is called, for one flow of calls.

    What changes the pool's storage is asked of its manager, questions of any host.
    """

    pool: Pool
    correlation_id: str | None = None

    def start(self, method: str, **params: Any) -> Any:
        """Calls a verb of the manager that may wait for a lock inside VDSM."""
        with self.pool.manager() as host:
            return self.on(host, method, self.pool.times.start_timeout_s, params)

    def manage(self, method: str, **params: Any) -> Any:
        """Calls a verb of the manager that answers soon."""
        with self.pool.manager() as host:
            return self.on(host, method, self.pool.times.call_timeout_s, params)

    def listing(self, method: str, **params: Any) -> Any:
        """Asks the manager for a listing."""
        with self.pool.manager() as host:
            return self.on(host, method, self.pool.times.poll_timeout_s, params)

    def ask(self, method: str, **params: Any) -> Any:
        """Asks the first host that answers a question about the pool's storage."""
        problems: list[UnreachableError] = []
        for host in sorted(self.pool.hosts, key=Host.away_for_s):
            try:
                return self.on(host, method, self.pool.times.poll_timeout_s, params)
            except UnreachableError as problem:
                problems.append(problem)
        told = f"no host of pool {self.pool.id} answers: {'; '.join(str(one) for one in problems)}"
        if all(isinstance(one, UntrustedError) for one in problems):
            raise UntrustedError(told, was_sent=False)
        raise TryAgain(told)

    def on(self, host: Host, method: str, timeout_s: float, params: dict[str, Any]) -> Any:
        """Calls a verb of this very host, connected to the pool first if it is not."""
        return self.pool.connected(
            host,
            lambda: host.call(
                method, timeout_s=timeout_s, correlation_id=self.correlation_id, **params
            ),
        )

    def on_pool(self) -> dict[str, str]:
        """Gives the parameter that names the pool in storage verbs."""
        return {"storagepoolID": self.pool.id}

    def on_volume(self, address: VolumeAddress) -> dict[str, str]:
        """Gives the parameters that name a volume in storage verbs."""
        return {
            **self.on_pool(),
            "storagedomainID": str(address.storage_domain_id),
            "imageID": str(address.image_id),
            "volumeID": str(address.volume_id),
        }

    def volume_ids(self, storage_domain_id: str, image_id: str) -> list[str] | None:
        """Gives the ids of an image's volumes, or None when there is no such image.

        Of an image that is gone VDSM may also say that it has no volumes.
        """
        try:
            found: Iterable[Any] = self.ask(
                "Image.getVolumes",
                **self.on_pool(),
                storagedomainID=storage_domain_id,
                imageID=image_id,
            )
        except VdsmError as error:
            if error.code in IMAGE_IS_GONE:
                return None
            raise
        return [str(one) for one in found] or None

    def volume(self, address: VolumeAddress) -> Volume | None:
        """Gives a volume as it is now, or None when there is none."""
        try:
            info = self.ask("Volume.getInfo", **self.on_volume(address))
        except VdsmError as error:
            if error.code in VOLUME_IS_GONE:
                return None
            raise
        parent = info["parent"]
        return Volume(
            address=address,
            size_bytes=int(info["capacity"]),
            generation=int(info["generation"]),
            is_legal=info["legality"] == "LEGAL",
            parent_id=None if parent == BLANK_ID else UUID(parent),
        )
