"""What is wrong on the way to a host, and what an operator does about it."""

from __future__ import annotations

from adapters.vdsm.client import UnreachableError, UntrustedError
from adapters.vdsm.connection import CHECK_TRUST
from adapters.vdsm.host import Host
from adapters.vdsm.pool import Pool
from orchestrator import Refused, Trouble, TryAgain

PATIENCE_S = 5.0


def examined(scope: str, pool: Pool, host: Host, *, is_at_work: bool) -> Trouble | None:
    """Asks a host for a sign of life. One that is away matters only where tasks of ours are open."""
    try:
        host.call("Host.ping2", timeout_s=min(PATIENCE_S, pool.times.poll_timeout_s))
    except UntrustedError as problem:
        what = str(problem).removesuffix(f"; {CHECK_TRUST}")
        return Trouble(scope, host.address, what, _about_trust(host))
    except UnreachableError as problem:
        if is_at_work:
            advice = "start vdsmd there; what runs there is waited for, or taken over"
            return Trouble(scope, host.address, str(problem), advice)
    except (TryAgain, Refused):
        pass  # it answers
    return None


def _about_trust(host: Host) -> str:
    files = host.settings.tls
    if files is None:
        return "the host wants TLS: set tls_ca, tls_certificate and tls_key for it"
    return (
        f"check {files.ca} (whom we trust), {files.certificate} and {files.key} (who we are),"
        f" and the same on host {host.address}; commands wait until then"
    )
