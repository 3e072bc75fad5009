"""The storage pool as one host sees it: connected or not, and which host manages it (the SPM)."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Any

from adapters.vdsm.simulator.disk import read_json, write_json
from adapters.vdsm.simulator.refusal import RefusalError

NOBODY = -1


class Pool:
    """The pool of `directory`/pool.json. Nothing of this survives a restart of the host.

    The lease of the manager is a lock on a file that all hosts of the directory see; when the host that
    holds it dies, it is free.
    """

    def __init__(self, directory: Path, host_id: int) -> None:
        self._file = directory / "pool.json"
        self._lease_file = directory / "spm.lease"
        self._owner_file = directory / "spm.json"
        self._host_id = host_id
        self._lock = threading.Lock()
        self._lease: int | None = None
        self._is_connected = False

    @property
    def id(self) -> str:
        """The pool's id."""
        return str(self._stored["pool_id"])

    @property
    def master(self) -> tuple[str, int]:
        """The master domain's id and its version."""
        return str(self._stored["master_domain"]), int(self._stored["master_version"])

    @property
    def is_connected(self) -> bool:
        """Whether this host is connected to the pool."""
        return self._is_connected

    @property
    def is_managed_here(self) -> bool:
        """Whether this host is the pool's manager."""
        return self._lease is not None

    def check(self, pool_id: str) -> None:
        """Refuses a pool that this host is not connected to with 309."""
        if not self._is_connected or pool_id != self.id:
            raise RefusalError(309, f"Unknown pool id, pool not connected: ('{pool_id}',)")

    def check_managed(self) -> None:
        """Refuses what only the pool's manager may do with 654."""
        if not self.is_managed_here:
            raise RefusalError(654, "Not SPM: ()")

    def connect(self, pool_id: str, master_domain: str, master_version: int) -> None:
        """Connects this host; connected already is fine."""
        if pool_id != self.id or (master_domain, master_version) != self.master:
            raise RefusalError(
                324,
                "Wrong Master domain or its version:"
                f" 'SD={master_domain}, pool={pool_id}, version={master_version}'",
            )
        self._is_connected = True

    def disconnect(self) -> None:
        """Disconnects this host; 656 while it is the manager."""
        if self.is_managed_here:
            raise RefusalError(656, "Operation not allowed while SPM is active: ()")
        self._is_connected = False

    def take_lease(self) -> bool:
        """Becomes the manager; false when another host is."""
        with self._lock:
            if self._lease is not None:
                return True
            lease = os.open(self._lease_file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lease)
                return False
            self._lease = lease
            version = int(read_json(self._owner_file).get("spmLver", 0)) + 1
            write_json(self._owner_file, {"spmId": self._host_id, "spmLver": version})
            return True

    def give_lease(self) -> None:
        """Is the manager no more; not being it is fine."""
        with self._lock:
            if self._lease is not None:
                os.close(self._lease)  # which frees the lock
                self._lease = None

    def status(self) -> dict[str, Any]:
        """Gives what `StoragePool.getSpmStatus` answers."""
        owner = read_json(self._owner_file)
        held = self.is_managed_here or self._is_held_elsewhere()
        return {
            "spmStatus": "SPM" if self.is_managed_here else "Free",
            "spmId": owner.get("spmId", NOBODY) if held else NOBODY,
            "spmLver": owner.get("spmLver", NOBODY),
        }

    def _is_held_elsewhere(self) -> bool:
        try:
            lease = os.open(self._lease_file, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(lease)
        return False

    @property
    def _stored(self) -> dict[str, Any]:
        found = read_json(self._file)
        if not found:
            raise RefusalError(304, f"Cannot find master domain: no pool in {self._file.parent}")
        return found
