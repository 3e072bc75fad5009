"""What commands ask of storage: tasks, only described here, and questions, asked at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from adapters.vdsm.calls import Calls
from adapters.vdsm.conversions import CONVERT
from adapters.vdsm.prepared import prepare, release
from adapters.vdsm.reports import SYSTEM
from adapters.vdsm.storage_jobs import fence_for
from adapters.vdsm.volume import (
    ConvertedVm,
    CopiedData,
    PreparedVolumes,
    Volume,
    VolumeAddress,
)
from orchestrator import AsyncTask, Refused


class StorageVerbs:
    """Images and volumes of one pool. Where no storage domain is given, the pool's own one is meant.

    The methods that return an `AsyncTask` call nobody: the engine stores what they return and has
    it started. The others call VDSM, and raise `Refused` or `TryAgain`.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @property
    def storage_domain_id(self) -> UUID:
        """The storage domain that is meant where none is given."""
        return self._calls.pool.settings.storage_domain

    def delete_image(
        self, image_id: UUID, *, storage_domain_id: UUID | None = None, post_zero: bool = False
    ) -> AsyncTask[None]:
        """Describes the removal of an image with all its volumes; an image that is gone is a
        success.

        `post_zero` overwrites the data first.
        """
        request = {
            "storage_domain_id": str(storage_domain_id or self.storage_domain_id),
            "image_id": str(image_id),
            "post_zero": post_zero,
        }
        return self._task("Image.delete", request, f"Delete image {image_id}")

    def create_volume(
        self,
        address: VolumeAddress,
        *,
        size_bytes: int,
        parent_id: UUID | None = None,
        preallocated: bool = False,
        is_scratch: bool = False,
    ) -> AsyncTask[Volume]:
        """Describes the creation of a volume under an id of ours, and of its image with the first
        one.

        With a parent it is an overlay; with `is_scratch` it is for what a VM overwrites during a backup. A
        legal volume of that id that is there already is a success.
        """
        request = {
            "address": address.model_dump(mode="json"),
            "size_bytes": size_bytes,
            "parent_id": None if parent_id is None else str(parent_id),
            "preallocated": preallocated,
            "is_scratch": is_scratch,
        }
        return self._task("Volume.create", request, f"Create volume {address}")

    def delete_volume(self, address: VolumeAddress) -> AsyncTask[None]:
        """Describes the removal of one volume; one that is gone is a success."""
        request = {"address": address.model_dump(mode="json")}
        return self._task("Volume.delete", request, f"Delete volume {address}")

    def copy_data(self, source: VolumeAddress, destination: Volume) -> AsyncTask[CopiedData]:
        """Describes a copy of all data; the destination must still have its generation."""
        request = {
            "source": source.model_dump(mode="json"),
            "written": destination.address.model_dump(mode="json"),
            "generation": destination.generation,
            "fence": fence_for(destination.generation),
        }
        return self._task("SDM.copy_data", request, f"Copy {source} to {destination.address}")

    def prepare_merge(self, top_id: UUID, base: VolumeAddress) -> AsyncTask[None]:
        """Describes what comes before a merge: the base is made large enough, and marked as written to."""
        return self._merge_task("StoragePool.prepareMerge", "Prepare", top_id, base)

    def finalize_merge(self, top_id: UUID, base: VolumeAddress) -> AsyncTask[None]:
        """Describes what comes after a merge: what lay on the overlay lies on the base, which is whole."""
        return self._merge_task("StoragePool.finalizeMerge", "Finish", top_id, base)

    def merge_volume(self, top_id: UUID, base: Volume) -> AsyncTask[None]:
        """Describes the merge of an overlay into its prepared base; the overlay stays, to be deleted."""
        request = {
            "written": base.address.model_dump(mode="json"),
            "top_id": str(top_id),
            "generation": base.generation,
            "fence": fence_for(base.generation),
        }
        return self._task("SDM.merge", request, f"Merge {top_id} into {base.address}")

    def make_legal(self, volume: Volume) -> AsyncTask[None]:
        """Describes that a volume loses the mark of being written to."""
        request = {
            "written": volume.address.model_dump(mode="json"),
            "generation": volume.generation,
            "fence": fence_for(volume.generation),
        }
        return self._task("SDM.update_volume", request, f"Make volume {volume.address} legal")

    def convert_vm(
        self, source: str, vm_name: str, volumes: Collection[VolumeAddress]
    ) -> AsyncTask[ConvertedVm]:
        """Describes that a host fetches a VM's disks from another hypervisor, in order, into these volumes.

        `source` is a name of the settings. The volumes are of one storage domain.
        """
        disks = [{"imageID": str(one.image_id), "volumeID": str(one.volume_id)} for one in volumes]
        domains = {str(one.storage_domain_id) for one in volumes}
        if len(domains) != 1:
            raise Refused(
                f"the disks of VM {vm_name!r} are to be in one storage domain, got {domains}"
            )
        vminfo = {"vmName": vm_name, "domainID": domains.pop(), "disks": disks}
        request = {"source": source, "vminfo": {**vminfo, "format": "raw", "allocation": "sparse"}}
        return self._task(CONVERT, request, f"Fetch VM {vm_name} from {source}")

    def prepare(self, addresses: Collection[VolumeAddress]) -> PreparedVolumes:
        """Makes volumes readable on one host, as paths, until they are released."""
        host = self._calls.pool.workers()[0]
        paths = {one.image_id: prepare(self._calls, host, one) for one in addresses}
        return PreparedVolumes(host=host.address, volumes=tuple(addresses), paths=paths)

    def release(self, prepared: PreparedVolumes) -> None:
        """Takes the paths back; may be called twice."""
        host = self._calls.pool.host(prepared.host)
        if host is None:
            return  # it was taken out of the settings
        for one in prepared.volumes:
            release(self._calls, host, one)

    def find_volume(self, address: VolumeAddress) -> Volume | None:
        """Gives the volume as it is now, or None."""
        return self._calls.volume(address)

    def volume(self, address: VolumeAddress) -> Volume:
        """Gives the volume as it is now; `Refused` when there is none."""
        found = self.find_volume(address)
        if found is None:
            raise Refused(f"volume {address} does not exist; check the ids and the storage domain")
        return found

    def image_exists(self, image_id: UUID, *, storage_domain_id: UUID | None = None) -> bool:
        """Whether the image is in the storage domain."""
        domain = storage_domain_id or self.storage_domain_id
        return bool(self._calls.volume_ids(str(domain), str(image_id)))

    def chain(self, image_id: UUID, *, storage_domain_id: UUID | None = None) -> tuple[Volume, ...]:
        """Gives the image's volumes, lowest base first; `Refused` when the image is gone."""
        domain = storage_domain_id or self.storage_domain_id
        ids = self._calls.volume_ids(str(domain), str(image_id))
        if not ids:
            raise Refused(f"image {image_id} is not in storage domain {domain}; check both ids")
        places = (
            VolumeAddress(storage_domain_id=domain, image_id=image_id, volume_id=UUID(one))
            for one in ids
        )
        return _in_order(image_id, [self.volume(place) for place in places])

    def _merge_task(
        self, verb: str, what: str, top_id: UUID, base: VolumeAddress
    ) -> AsyncTask[None]:
        request = {"base": base.model_dump(mode="json"), "top_id": str(top_id)}
        return self._task(verb, request, f"{what} the merge of {top_id} into {base}")

    def _task(self, verb: str, request: dict[str, Any], description: str) -> AsyncTask[Any]:
        return AsyncTask(
            system=SYSTEM,
            scope=self._calls.pool.id,
            verb=verb,
            request=request,
            description=description,
        )


def _in_order(image_id: UUID, volumes: list[Volume]) -> tuple[Volume, ...]:
    """Follows the volumes from the base up. Where a chain forks, an illegal leaf was merged and is to be deleted."""
    above: dict[UUID | None, list[Volume]] = {}
    for one in volumes:
        above.setdefault(one.parent_id, []).append(one)
    chain: list[Volume] = []
    below, left_out = None, 0
    while found := above.pop(below, []):
        chain_on = [one for one in found if one.is_legal or one.address.volume_id in above]
        going_on = chain_on if len(found) > 1 else found
        if len(going_on) != 1:
            break
        left_out += len(found) - 1
        chain += going_on
        below = going_on[0].address.volume_id
    if len(chain) + left_out != len(volumes):
        raise Refused(f"the volumes of image {image_id} are not one chain; look at it on the host")
    return tuple(chain)
