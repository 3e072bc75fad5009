"""What the demo breaks halfway: a worker, and all that the broker holds."""

from __future__ import annotations

import signal
import socket

from orchestrator.cli.exits import CliError
from orchestrator.cli.up.ports import HERE
from orchestrator.cli.up.stack import Stack

VICTIM = "w1"
# In the protocol's own form; the shorthand of a bare line is not understood by every server.
_FLUSHALL = b"*1\r\n$8\r\nFLUSHALL\r\n"


def strike(stack: Stack) -> str:
    """Kills a worker with -9 and empties the broker; gives the sentence that says so."""
    victim = stack.supervisor[VICTIM]
    pid = victim.pid
    victim.signal(signal.SIGKILL)
    assert stack.places.broker_port is not None
    empty_broker(stack.places.broker_port)
    return f"killed worker {VICTIM} (process {pid}) with -9 and emptied the broker"


def empty_broker(port: int) -> None:
    """Deletes everything that the broker on this port holds. Raises CliError when it does not."""
    with socket.create_connection((HERE, port), timeout=10) as connection:
        connection.sendall(_FLUSHALL)
        answer = connection.recv(100)
    if not answer.startswith(b"+OK"):
        raise CliError(f"the broker did not empty itself: {answer!r}")
