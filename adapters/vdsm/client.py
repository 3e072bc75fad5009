"""A thread-safe JSON-RPC client of one VDSM: calls in, results or telling errors out."""

from __future__ import annotations

import os
import ssl
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.vdsm.connection import (
    Connection,
    ConnectionLostError,
    OnEvent,
    UntrustedPeerError,
)
from orchestrator import Refused, TryAgain

RECOVERING, EXHAUSTED, LOCK_TIMEOUT = 99, 1100, 851
NOT_SPM, NOT_CONNECTED = 654, 309
PASSING = frozenset({RECOVERING, EXHAUSTED, LOCK_TIMEOUT})
"""Codes that speak of the host's condition, not of the call: asking later may help."""


class VdsmError(Refused):
    """VDSM's own refusal: its error `code`, its `text`, and the `method` that was called."""

    def __init__(self, code: int, text: str, *, method: str) -> None:
        super().__init__(f"VDSM refused {method} with code {code}: {text}")
        self.code = code
        self.text = text
        self.method = method


class RoleError(TryAgain):
    """The host is not connected to the pool (309), or does not manage it (654): another one may."""

    def __init__(self, code: int, text: str, *, method: str) -> None:
        super().__init__(
            f"VDSM cannot do {method} now: {text} (code {code})", after=timedelta(seconds=5)
        )
        self.code = code


class UnreachableError(TryAgain):
    """The host does not answer. After a lost reply (`was_sent`) the effect of the call is unknown."""

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class UntrustedError(UnreachableError):
    """The host and we do not trust each other, or our files cannot be read: an operator must mend that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files for mutual TLS: whom to trust, and who we are."""

    ca: Path
    certificate: Path
    key: Path


class VdsmClient:
    """Calls the verbs of the VDSM at `host`:`port`. It connects when first used.

    All threads of a process share one connection; one that was lost is replaced by the next call.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: TlsFiles | None = None,
        connect_timeout_s: float = 10.0,
        on_event: OnEvent = lambda name, params: None,
    ) -> None:
        self._host = host
        self._port = port
        self._tls_files = tls
        self._tls: ssl.SSLContext | None = None
        self._connect_timeout_s = connect_timeout_s
        self._on_event = on_event
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._process = os.getpid()

    def call(
        self,
        method: str,
        *,
        timeout_s: float,
        correlation_id: str | None = None,
        **params: Any,
    ) -> Any:
        """Gives the verb's result, JSON; `timeout_s` bounds the exchange once there is a connection.

        Raises `VdsmError` when VDSM refuses, and kinds of `TryAgain`: `UnreachableError` when it
        cannot be reached or does not answer, `RoleError` when it is the wrong host of its pool.
        """
        try:
            reply = self._connected().exchange(
                method, params, timeout_s=timeout_s, correlation_id=correlation_id
            )
        except UntrustedPeerError as error:
            raise UntrustedError(f"VDSM {error}", was_sent=False) from error
        except ConnectionLostError as error:
            raise UnreachableError(
                f"VDSM {self._host}:{self._port}: {error}", was_sent=error.was_sent
            ) from error
        return _result(reply, method)

    def close(self) -> None:
        """Closes the connection; the next call opens a new one."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> Connection:
        with self._lock:  # whoever comes while one connects waits for the same connection
            if self._process != os.getpid():  # forked: the connection belongs to the parent
                if self._connection is not None:
                    self._connection.abandon()
                self._connection, self._process = None, os.getpid()
            if self._connection is None or self._connection.is_lost:
                self._connection = Connection.open(
                    self._host,
                    self._port,
                    tls=self._context(),
                    timeout_s=self._connect_timeout_s,
                    on_event=self._on_event,
                )
            return self._connection

    def _context(self) -> ssl.SSLContext | None:
        if self._tls_files is not None and self._tls is None:
            try:
                context = ssl.create_default_context(
                    ssl.Purpose.SERVER_AUTH, cafile=str(self._tls_files.ca)
                )
                context.load_cert_chain(self._tls_files.certificate, self._tls_files.key)
            except OSError as error:
                raise UntrustedError(
                    f"the TLS files for VDSM {self._host}:{self._port} cannot be read: {error}",
                    was_sent=False,
                ) from error
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
    if code in (NOT_SPM, NOT_CONNECTED):
        raise RoleError(code, text, method=method)
    if code in PASSING:
        raise TryAgain(
            f"VDSM cannot do {method} now: {text} (code {code})", after=timedelta(seconds=5)
        )
    raise VdsmError(code, text, method=method)
