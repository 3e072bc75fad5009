"""Where VDSM is and how long to wait for it: `ORCHESTRATOR_VDSM_*`, each with a sound default."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.vdsm.client import TlsFiles

POOL = UUID("11111111-0000-4000-8000-000000000001")
DOMAIN = UUID("22222222-0000-4000-8000-000000000001")
"""The pool and the storage domain that the simulator seeds when it is not told otherwise."""


class VdsmSettings(BaseSettings):
    """Settings of the VDSM adapter. Times are seconds, `address` is host:port."""

    model_config = SettingsConfigDict(env_prefix="ORCHESTRATOR_VDSM_", frozen=True)

    address: str = "127.0.0.1:54321"
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    storage_pool: UUID = POOL
    storage_domain: UUID = DOMAIN
    connect_timeout_s: float = 10.0
    start_timeout_s: float = 200.0
    """A start waits inside VDSM for the image's lock, up to 120 s; a reply given up too early
    leaves a task that nobody knows."""
    call_timeout_s: float = 60.0
    poll_timeout_s: float = 30.0
    outbox: Path | None = None
    """The directory that holds the owners' mailboxes; without it nobody can be notified."""

    @model_validator(mode="after")
    def _is_sound(self) -> VdsmSettings:
        host, colon, port = self.address.rpartition(":")
        if not host or not colon or not port.isdigit():
            raise ValueError(f"expected address to be host:port, got {self.address!r}")
        given = [one is not None for one in (self.tls_ca, self.tls_certificate, self.tls_key)]
        if any(given) and not all(given):
            raise ValueError(
                "expected tls_ca, tls_certificate and tls_key together, or none of them"
            )
        return self

    @property
    def host(self) -> str:
        """The host part of the address; brackets of an IPv6 address are taken off."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of the address."""
        return int(self.address.rpartition(":")[2])

    @property
    def tls(self) -> TlsFiles | None:
        """The files for mutual TLS, or None for plain TCP."""
        if self.tls_ca is None or self.tls_certificate is None or self.tls_key is None:
            return None
        return TlsFiles(ca=self.tls_ca, certificate=self.tls_certificate, key=self.tls_key)
