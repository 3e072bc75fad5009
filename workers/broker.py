"""A broker for the embedded default where there is no redis-server: fakeredis behind a TCP port.

It keeps nothing; the store knows what is due.
"""

from __future__ import annotations

import argparse

from fakeredis import TcpFakeServer


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    server = TcpFakeServer((asked.host, asked.port), server_type="redis")
    print(f"broker listening on {asked.host}:{asked.port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
