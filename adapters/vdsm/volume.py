"""What storage is made of, as values: where a volume is, what it is, what was copied."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict


class VolumeAddress(BaseModel):
    """Where a volume is: its storage domain, its image, itself."""

    model_config = ConfigDict(frozen=True)

    storage_domain_id: UUID
    image_id: UUID
    volume_id: UUID

    def __str__(self) -> str:
        return f"{self.image_id}/{self.volume_id}"


class Volume(BaseModel):
    """A volume as VDSM describes it. Its `generation` grows with each completed write by a job."""

    model_config = ConfigDict(frozen=True)

    address: VolumeAddress
    size_bytes: int
    generation: int = 0
    is_legal: bool = True
    parent_id: UUID | None = None


class CopiedData(BaseModel):
    """What a copy left behind: the volume that was filled, and the generation that this gave it."""

    model_config = ConfigDict(frozen=True)

    destination: VolumeAddress
    generation: int


class ConvertedVm(BaseModel):
    """What a conversion tells of the VM that it fetched: its description as OVF."""

    model_config = ConfigDict(frozen=True)

    ovf: str


class PreparedVolumes(BaseModel):
    """Volumes that can be read on one host: the path of each, by its image."""

    model_config = ConfigDict(frozen=True)

    host: str
    volumes: tuple[VolumeAddress, ...]
    paths: dict[UUID, str]
