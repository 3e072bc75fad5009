"""The outside system's memory in a process of its own, which may be killed and comes back with all it knew."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sqlite3
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

from orchestrator import TryAgain
from tests.model.outside import Record

PORT = "CHAOS_OUTSIDE_PORT"
ANSWER_S = 5.0


class Remote(MutableMapping[str, Record]):
    """Records that the server keeps. All methods raise TryAgain while it is away."""

    def __getitem__(self, key: str) -> Record:
        found: Record | None = ask("get", key=key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, record: Record) -> None:
        ask("put", key=key, record=record)

    def __delitem__(self, key: str) -> None:
        ask("drop", key=key)

    def __iter__(self) -> Iterator[str]:
        return iter(ask("all_keys"))

    def __len__(self) -> int:
        return len(ask("all_keys"))


def ask(verb: str, **what: Any) -> Any:
    """Asks the server. Raises TryAgain when it is away."""
    try:
        with socket.create_connection(("127.0.0.1", int(os.environ[PORT])), ANSWER_S) as line:
            line.sendall(json.dumps({"verb": verb, **what}).encode() + b"\n")
            with line.makefile() as answers:
                answer = answers.readline()
        if not answer:
            raise ConnectionError("it hung up")
        return json.loads(answer)
    except (OSError, ValueError) as problem:
        raise TryAgain(f"the outside system does not answer: {problem}") from problem


class Books:
    """What the server remembers: a file, written before each answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS record (key TEXT PRIMARY KEY, said TEXT)"
            )

    def _open(self) -> Any:
        return closing(sqlite3.connect(self._path, timeout=10, isolation_level=None))

    def get(self, key: str) -> Record | None:
        """Gives a record; None when there is none."""
        with self._open() as connection:
            row = connection.execute("SELECT said FROM record WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, key: str, record: Record) -> None:
        """Stores a record."""
        with self._open() as connection:
            said = json.dumps(record)
            connection.execute("INSERT OR REPLACE INTO record VALUES (?, ?)", (key, said))

    def drop(self, key: str) -> None:
        """Forgets a record."""
        with self._open() as connection:
            connection.execute("DELETE FROM record WHERE key = ?", (key,))

    def all_keys(self) -> list[str]:
        """Gives the keys of all records."""
        with self._open() as connection:
            return [row[0] for row in connection.execute("SELECT key FROM record")]


class Server(socketserver.ThreadingTCPServer):
    """Answers one line with one line."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, books: Books) -> None:
        self.books = books
        super().__init__(("127.0.0.1", port), Handler)


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    server: Server

    def handle(self) -> None:
        """Does what the line asks."""
        asked = json.loads(self.rfile.readline() or "{}")
        if asked:
            answer = getattr(self.server.books, asked.pop("verb"))(**asked)
            self.wfile.write(json.dumps(answer).encode() + b"\n")


def main() -> None:
    """Serves until it is killed: `python -m tests.chaos.outside PORT FILE`."""
    Server(int(sys.argv[1]), Books(Path(sys.argv[2]))).serve_forever()


if __name__ == "__main__":
    main()
