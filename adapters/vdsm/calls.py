"""Calls to the VDSM of one storage pool: timeouts and ids that every verb needs, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from adapters.vdsm.client import VdsmClient, VdsmError
from adapters.vdsm.settings import VdsmSettings
from adapters.vdsm.volume import Volume, VolumeAddress

NO_SUCH_VOLUME, NO_SUCH_IMAGE = 201, 268
_NO_PARENT = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The client and the settings that say how it is used, for one flow of calls."""

    client: VdsmClient
    settings: VdsmSettings
    correlation_id: str | None = None

    def start(self, method: str, **params: Any) -> Any:
        """Calls a verb that may wait for a lock inside VDSM."""
        return self._call(method, self.settings.start_timeout_s, params)

    def ask(self, method: str, **params: Any) -> Any:
        """Calls a verb that only looks."""
        return self._call(method, self.settings.poll_timeout_s, params)

    def do(self, method: str, **params: Any) -> Any:
        """Calls a verb that does its work before it answers."""
        return self._call(method, self.settings.call_timeout_s, params)

    def on_pool(self) -> dict[str, str]:
        """Gives the parameter that names the pool in storage verbs."""
        return {"storagepoolID": str(self.settings.storage_pool)}

    def on_volume(self, address: VolumeAddress) -> dict[str, str]:
        """Gives the parameters that name a volume in storage verbs."""
        return {
            **self.on_pool(),
            "storagedomainID": str(address.storage_domain_id),
            "imageID": str(address.image_id),
            "volumeID": str(address.volume_id),
        }

    def volume_ids(self, storage_domain_id: str, image_id: str) -> list[str] | None:
        """Gives the ids of an image's volumes, or None when there is no such image."""
        try:
            found = self.ask(
                "Image.getVolumesList",
                **self.on_pool(),
                storagedomainID=storage_domain_id,
                imageID=image_id,
            )
        except VdsmError as error:
            if error.code == NO_SUCH_IMAGE:
                return None
            raise
        return [str(one) for one in found]

    def volume(self, address: VolumeAddress) -> Volume | None:
        """Gives a volume as it is now, or None when there is none."""
        try:
            info = self.ask("Volume.getInfo", **self.on_volume(address))
        except VdsmError as error:
            if error.code in (NO_SUCH_VOLUME, NO_SUCH_IMAGE):
                return None
            raise
        parent = UUID(info["parent"])
        return Volume(
            address=address,
            size_bytes=int(info["capacity"]),
            generation=int(info["generation"]),
            is_legal=info["legality"] == "LEGAL",
            parent_id=None if parent == _NO_PARENT else parent,
        )

    def _call(self, method: str, timeout_s: float, params: dict[str, Any]) -> Any:
        return self.client.call(
            method, timeout_s=timeout_s, correlation_id=self.correlation_id, **params
        )
