"""A thread-safe JSON-RPC client of one VDSM: calls in, results or telling errors out."""

from __future__ import annotations

import os
import ssl
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.vdsm.connection import Connection, ConnectionLostError
from orchestrator import Refused, TryAgain

RECOVERING, NOT_SPM, EXHAUSTED, LOCK_TIMEOUT = 99, 654, 1100, 851
PASSING = frozenset({RECOVERING, NOT_SPM, EXHAUSTED, LOCK_TIMEOUT})
"""Codes that speak of the host's condition, not of the call: asking later may help."""

_MOST_IDLE = 8


class VdsmError(Refused):
    """VDSM's own refusal: its error `code`, its `text`, and the `method` that was called."""

    def __init__(self, code: int, text: str, *, method: str) -> None:
        super().__init__(f"VDSM refused {method} with code {code}: {text}")
        self.code = code
        self.text = text
        self.method = method


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files for mutual TLS: whom to trust, and who we are."""

    ca: Path
    certificate: Path
    key: Path


class VdsmClient:
    """Calls the verbs of the VDSM at `host`:`port`. It connects when first used.

    Every thread that calls has a connection to itself while it does; idle ones are kept. A
    connection that timed out or was closed is never used again.
    """

    def __init__(
        self, host: str, port: int, *, tls: TlsFiles | None = None, connect_timeout_s: float = 10.0
    ) -> None:
        self._host = host
        self._port = port
        self._tls_files = tls
        self._tls: ssl.SSLContext | None = None
        self._connect_timeout_s = connect_timeout_s
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._process = os.getpid()

    def call(
        self,
        method: str,
        *,
        timeout_s: float,
        correlation_id: str | None = None,
        **params: Any,
    ) -> Any:
        """Gives the verb's result, JSON; `timeout_s` bounds the whole exchange.

        Raises `VdsmError` when VDSM refuses, `TryAgain` when it cannot be reached, does not answer
        or is in a passing condition. After a lost reply the effect is unknown: look before calling
        again.
        """
        try:
            connection = self._take()
            try:
                reply = connection.exchange(
                    method, params, timeout_s=timeout_s, correlation_id=correlation_id
                )
            except BaseException:
                connection.close()
                raise
        except ConnectionLostError as error:
            raise TryAgain(f"VDSM {self._host}:{self._port}: {error}") from error
        self._give_back(connection)
        return _result(reply, method)

    def close(self) -> None:
        """Closes all idle connections; the next call opens a new one."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        with self._lock:
            if self._process != os.getpid():  # forked: the sockets belong to the parent
                self._idle, self._process = [], os.getpid()
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_stale:
                    return connection
                connection.close()
        return Connection.open(
            self._host, self._port, tls=self._context(), timeout_s=self._connect_timeout_s
        )

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if self._process == os.getpid() and len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _context(self) -> ssl.SSLContext | None:
        if self._tls_files is not None and self._tls is None:
            try:
                context = ssl.create_default_context(
                    ssl.Purpose.SERVER_AUTH, cafile=str(self._tls_files.ca)
                )
                context.load_cert_chain(self._tls_files.certificate, self._tls_files.key)
            except OSError as error:
                raise TryAgain(f"the TLS files for VDSM cannot be read: {error}") from error
            # Hosts of a pool are known by the authority that signed them; they are often called by
            # address.
            context.check_hostname = False
            self._tls = context
        return self._tls


def _result(reply: dict[str, Any], method: str) -> Any:
    error = reply.get("error")
    if error is None:
        return reply.get("result")
    code, text = int(error.get("code", -1)), str(error.get("message", ""))
    if code in PASSING:
        raise TryAgain(
            f"VDSM cannot do {method} now: {text} (code {code})", after=timedelta(seconds=5)
        )
    raise VdsmError(code, text, method=method)
