"""Volumes made readable on one host, for a program there that works on them without VDSM."""

from __future__ import annotations

from adapters.vdsm.calls import VOLUME_IS_GONE, Calls
from adapters.vdsm.client import UnreachableError, VdsmError
from adapters.vdsm.host import Host
from adapters.vdsm.volume import VolumeAddress


def prepare(calls: Calls, host: Host, address: VolumeAddress) -> str:
    """Makes a volume, with all that it lies on, available on the host and gives its path there."""
    info = calls.on(
        host, "Image.prepare", calls.pool.times.call_timeout_s, calls.on_volume(address)
    )
    return str(info["path"])


def release(calls: Calls, host: Host, address: VolumeAddress) -> None:
    """Takes that back; a volume that is gone, or on a host that has been away for long, is released."""
    try:
        calls.on(host, "Image.teardown", calls.pool.times.call_timeout_s, calls.on_volume(address))
    except VdsmError as error:
        if error.code not in VOLUME_IS_GONE:
            raise
    except UnreachableError:
        if host.away_for_s() < calls.pool.times.fence_after_s:
            raise
