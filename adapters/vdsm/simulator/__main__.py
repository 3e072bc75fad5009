"""The simulator's command line: seed a directory, serve it."""

from __future__ import annotations

import argparse
import socket
import ssl
import sys
from pathlib import Path

from adapters.vdsm.simulator.host import Host
from adapters.vdsm.simulator.rpc import Rpc
from adapters.vdsm.simulator.seed import seed
from adapters.vdsm.simulator.server import Server

_SEEDED_VMS = {f"vm-{number:03}": (4 << 20, 2 << 20) for number in range(1, 6)}


def main(arguments: list[str] | None = None) -> int:
    """Runs the simulator until it is killed; its whole state is in the directory."""
    options = _parser().parse_args(arguments)
    options.data.mkdir(parents=True, exist_ok=True)
    if options.seed:
        seeded = seed(options.data, vms=_SEEDED_VMS)
        for name, vm_id in seeded.vms.items():
            print(name, vm_id, *seeded.images[name], flush=True)
        if options.port is None:
            return 0
    if options.port is None:
        print("expected --port, or --seed alone", file=sys.stderr)
        return 2
    rpc = Rpc(Host(options.data, bytes_per_s=options.speed))
    try:
        listener = socket.create_server((options.host, options.port), backlog=128)
    except OSError as error:
        print(f"cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    rpc.host.tasks.start_workers()
    host, port = listener.getsockname()[:2]
    print(f"vdsm simulator listening on {host}:{port}", flush=True)
    try:
        Server(rpc, listener, _tls(options)).serve_forever()
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m adapters.vdsm.simulator", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of all its state")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="TCP port; 0 takes a free one")
    parser.add_argument("--speed", type=float, help="bytes per second of each task or job")
    parser.add_argument("--seed", action="store_true", help="make five VMs with two images each")
    for name in ("ca", "certificate", "key"):
        parser.add_argument(f"--tls-{name}", type=Path, help="PEM file; all three, or plain TCP")
    return parser


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.tls_ca is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(options.tls_ca))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(options.tls_certificate, options.tls_key)
    return context


if __name__ == "__main__":
    sys.exit(main())
