"""Storage domains on disk: images are directories, volumes files with a JSON file each."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from adapters.vdsm.simulator.disk import read_json, write_json
from adapters.vdsm.simulator.refusal import RefusalError

NO_PARENT = "00000000-0000-0000-0000-000000000000"
_REMOVING = "_removing_"
Place = tuple[str, str, str]
"""A volume: its domain, its image, itself."""


class Storage:
    """The domains under `directory`: `domains/<domain>/images/<image>/<volume>`."""

    def __init__(self, directory: Path) -> None:
        self._domains = directory / "domains"
        self._lock = threading.RLock()

    def domains(self) -> list[str]:
        """Gives the ids of all domains."""
        return sorted(one.name for one in self._domains.iterdir()) if self._domains.is_dir() else []

    def check_domain(self, domain_id: str) -> None:
        """Refuses a domain that does not exist with 358."""
        self._domain(domain_id)

    def images(self, domain_id: str) -> list[str]:
        """Gives the ids of the domain's images, those being removed left out."""
        directory = self._domain(domain_id) / "images"
        if not directory.is_dir():
            return []
        return sorted(one.name for one in directory.iterdir() if not one.name.startswith("_"))

    def has_image(self, domain_id: str, image_id: str) -> bool:
        """Whether there is such an image."""
        self._domain(domain_id)
        return self._image(domain_id, image_id).is_dir()

    def check_image(self, domain_id: str, image_id: str) -> None:
        """Refuses an image that does not exist with 268."""
        if not self.has_image(domain_id, image_id):
            raise RefusalError(
                268, f"Image does not exist in domain: 'image={image_id}, domain={domain_id}'"
            )

    def volumes(self, domain_id: str, image_id: str) -> list[str]:
        """Gives the ids of the image's volumes; none when there is no such image."""
        self._domain(domain_id)
        found = self._image(domain_id, image_id).glob("*.meta.json")
        names = (one.name.removesuffix(".meta.json") for one in found)
        return sorted(one for one in names if not one.startswith("."))

    def children(self, domain_id: str, image_id: str, volume_id: str) -> list[str]:
        """Gives the ids of the volumes that lie on this one."""
        return [
            one
            for one in self.volumes(domain_id, image_id)
            if self.metadata(domain_id, image_id, one)["parent"] == volume_id
        ]

    def path(self, domain_id: str, image_id: str, volume_id: str) -> Path:
        """Gives the path of the volume's data, whether it exists or not."""
        return self._image(domain_id, image_id) / volume_id

    def metadata(self, domain_id: str, image_id: str, volume_id: str) -> dict[str, Any]:
        """Gives what is known of a volume; 254 when its image is gone, 201 when only itself is."""
        if not self.has_image(domain_id, image_id):
            raise RefusalError(
                254,
                "Image path does not exist or cannot be accessed/created:"
                f" ('{self._image(domain_id, image_id)}',)",
            )
        found = read_json(self._metadata_file(domain_id, image_id, volume_id))
        if not found:
            raise RefusalError(201, f"Volume does not exist: ('{volume_id}',)")
        return found

    def update(
        self,
        domain_id: str,
        image_id: str,
        volume_id: str,
        *,
        expected_generation: int | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """Changes a volume's metadata at once; 911 when its generation is not the expected one."""
        with self._lock:
            found = self.metadata(domain_id, image_id, volume_id)
            actual = found["generation"]
            if expected_generation is not None and actual != expected_generation:
                raise RefusalError(
                    911,
                    "The provided generation does not match the actual generation: "
                    f"'requested={expected_generation}, actual={actual}'",
                )
            found.update(changes, mtime=int(time.time()))
            write_json(self._metadata_file(domain_id, image_id, volume_id), found)
            return found

    def add_volume(self, place: Place, *, legal: bool, **metadata: Any) -> Path:
        """Makes an empty volume and gives its path; 212 when it exists.

        `metadata` has `size` in bytes, `parent`, and what else is to be known of it.
        """
        domain_id, image_id, volume_id = place
        self._domain(domain_id)
        with self._lock:
            metadata_file = self._metadata_file(domain_id, image_id, volume_id)
            if metadata_file.exists():
                raise RefusalError(212, f"Volume already exists: ('{volume_id}',)")
            path = self.path(domain_id, image_id, volume_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            now = int(time.time())
            known = {
                "generation": 0,
                "legality": "LEGAL" if legal else "ILLEGAL",
                "ctime": now,
                "mtime": now,
                "description": "",
                "disktype": "DATA",
                "preallocated": False,
                "sequence": 1,
                "format": "RAW" if metadata["parent"] == NO_PARENT else "COW",
            }
            write_json(metadata_file, known | metadata)
        return path

    def remove_volume(self, domain_id: str, image_id: str, volume_id: str) -> None:
        """Removes a volume, and its image with the last one; missing files do not matter."""
        with self._lock:
            self.path(domain_id, image_id, volume_id).unlink(missing_ok=True)
            self._metadata_file(domain_id, image_id, volume_id).unlink(missing_ok=True)
            image = self._image(domain_id, image_id)
            if image.is_dir() and not any(image.glob("*.meta.json")):
                shutil.rmtree(image)

    def begin_removal(self, domain_id: str, image_id: str) -> Path:
        """Hides the image and gives the directory that holds it now; 268 when there is none."""
        self.check_image(domain_id, image_id)
        image = self._image(domain_id, image_id)
        hidden = image.with_name(_REMOVING + image_id)
        if hidden.exists():
            shutil.rmtree(hidden)
        os.replace(image, hidden)
        return hidden

    def undo_removal(self, domain_id: str, image_id: str) -> None:
        """Shows a hidden image again; nothing to undo is fine."""
        image = self._image(domain_id, image_id)
        hidden = image.with_name(_REMOVING + image_id)
        if hidden.is_dir() and not image.exists():
            os.replace(hidden, image)

    def _domain(self, domain_id: str) -> Path:
        directory = self._domains / domain_id
        if not directory.is_dir():
            raise RefusalError(358, f"Storage domain does not exist: ('{domain_id}',)")
        return directory

    def _image(self, domain_id: str, image_id: str) -> Path:
        return self._domains / domain_id / "images" / image_id

    def _metadata_file(self, domain_id: str, image_id: str, volume_id: str) -> Path:
        return self._image(domain_id, image_id) / f"{volume_id}.meta.json"
