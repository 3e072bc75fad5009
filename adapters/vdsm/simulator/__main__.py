"""The simulator's command line: seed a directory, serve it as a host, break it.

python -m adapters.vdsm.simulator --data DIR --seed --port 54321
python -m adapters.vdsm.simulator fault --data DIR slow=2 lost-reply
"""

from __future__ import annotations

import argparse
import socket
import ssl
import sys
from pathlib import Path

from adapters.vdsm.simulator.host import Host
from adapters.vdsm.simulator.rpc import Rpc
from adapters.vdsm.simulator.seed import seed
from adapters.vdsm.simulator.server import Server, Subscriptions
from adapters.vdsm.simulator.switchboard import main as switch

_SEEDED_VMS = {f"vm-{number:03}": (4 << 20, 2 << 20) for number in range(1, 6)}


def main(arguments: list[str] | None = None) -> int:
    """Runs the simulator until it is killed; all that survives it is in the directory."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["fault"]:
        return switch(words[1:])
    options = _parser().parse_args(words)
    if options.port is None and not options.seed:
        print("expected --port, or --seed alone", file=sys.stderr)
        return 2
    options.data.mkdir(parents=True, exist_ok=True)
    if options.seed or not (options.data / "pool.json").exists():
        seeded = seed(options.data, vms=_SEEDED_VMS)
        if options.seed:
            for name, vm_id in seeded.vms.items():
                print(name, vm_id, *seeded.images[name], flush=True)
    if options.port is None:
        return 0
    return _serve(options)


def _serve(options: argparse.Namespace) -> int:
    subscriptions = Subscriptions()
    host = Host(
        options.data,
        host_id=options.host_id,
        bytes_per_s=options.speed,
        starting_s=options.starting,
        tell=subscriptions.tell,
    )
    if options.connected:
        host.pool.connect(host.pool.id, *host.pool.master)
        host.pool.take_lease()
        host.tasks.load()
    try:
        listener = socket.create_server((options.host, options.port), backlog=128)
    except OSError as error:
        print(f"cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    host.tasks.start_workers()
    address, port = listener.getsockname()[:2]
    print(f"vdsm simulator listening on {address}:{port}", flush=True)
    try:
        Server(Rpc(host), subscriptions, listener, _tls(options)).serve_forever()
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m adapters.vdsm.simulator", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the pool's storage")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="TCP port; 0 takes a free one")
    parser.add_argument("--host-id", type=int, default=1, help="which of the pool's hosts it is")
    parser.add_argument("--speed", type=float, help="bytes per second of each task or job")
    parser.add_argument("--starting", type=float, default=0.0, help="seconds of answering 99")
    parser.add_argument("--connected", action="store_true", help="begin connected, as the manager")
    parser.add_argument(
        "--seed",
        action="store_true",
        help="make five VMs with two images each; an empty directory gets them anyway",
    )
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
