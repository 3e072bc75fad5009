"""TCP ports: which are free, which answer."""

from __future__ import annotations

import socket

HERE = "127.0.0.1"


def free_port(preferred: int | None = None, taken: frozenset[int] = frozenset()) -> int:
    """Gives the preferred port if nobody uses it, else one that the system picks."""
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    while True:
        with socket.socket() as probe:
            probe.bind((HERE, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


def is_free(port: int, host: str = HERE) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        # As servers do, so that connections that were closed a moment ago do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(port: int, host: str = HERE) -> bool:
    """Whether a server accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
