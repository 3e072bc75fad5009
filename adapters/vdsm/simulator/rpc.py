"""JSON-RPC: a request in, the replies to send out, with VDSM's own oddities."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

from adapters.vdsm.simulator.backups import backup_verbs
from adapters.vdsm.simulator.conversions import conversion_verbs
from adapters.vdsm.simulator.faults import Effect
from adapters.vdsm.simulator.host import Host, Verb, host_verbs
from adapters.vdsm.simulator.job_verbs import job_verbs
from adapters.vdsm.simulator.machine_verbs import machine_verbs
from adapters.vdsm.simulator.pool_verbs import pool_verbs
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.signatures import named
from adapters.vdsm.simulator.storage_verbs import storage_verbs

Reply = dict[str, Any]
STARTING = 99


class HangUpError(Exception):
    """A fault asks to close the connection instead of answering."""


class Rpc:
    """The verbs by name. Each call leaves a line in `calls.log`, for who wonders what was asked."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._lock = threading.Lock()
        self._is_dead = False
        self._log = (host.directory / "calls.log").open("a", buffering=1)
        self._verbs: dict[str, Verb] = {
            **host_verbs(host),
            **pool_verbs(host),
            **storage_verbs(host),
            **job_verbs(host),
            **machine_verbs(host),
            **conversion_verbs(host),
            **backup_verbs(host),
        }

    def answer(self, body: bytes) -> list[Reply]:
        """Runs what the body asks for and gives the replies: none, one, or (VDSM does that) two."""
        try:
            message = json.loads(body)
        except ValueError:
            return [_error(None, -32700, "Parse error")]
        if self._is_dead:
            return []
        if isinstance(message, list):
            # The thread that sends VDSM's replies dies of a batch without any, until VDSM is restarted.
            self._is_dead = not any(isinstance(one, dict) and "id" in one for one in message)
            replies = [reply for one in message for reply in self._one(one)]
            # VDSM runs a batch of several and then fails to encode the list of their replies.
            return replies if len(message) == 1 else []
        return self._one(message)

    def _one(self, request: Any) -> list[Reply]:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return [_error(None, -32600, "Invalid request")]
        request_id = request.get("id")
        if request.get("jsonrpc") != "2.0":
            return [_error(request_id, -32600, "Invalid request")] * 2  # VDSM answers this twice
        replies = self._call(request_id, request["method"], request.get("params"))
        return [] if request_id is None else replies

    def _call(self, request_id: Any, method: str, given: Any) -> list[Reply]:
        with self._lock:
            self._log.write(f"{time.time():.3f} {method}\n")
        faults = self.host.faults
        if method not in self._verbs:
            text = "The method does not exist or is not available"
            return [_error(request_id, -32601, f"{text}: {{'method': '{method}'}}")]
        if slow := faults.strike(method, given, Effect.SLOW_CALL):
            time.sleep(slow.seconds)
        if time.monotonic() < self.host.ready_at:
            return [_error(request_id, STARTING, "Recovering from crash or Initializing")]
        if refused := faults.strike(method, given, Effect.REFUSE):
            code = STARTING if refused.code is None else refused.code
            starting = "Recovering from crash or Initializing"
            return [_error(request_id, code, starting if code == STARTING else refused.message)]
        if faults.strike(method, given, Effect.DROP_REQUEST):
            return []
        if faults.strike(method, given, Effect.FLIP_SPM):
            self.host.tasks.forget()
            self.host.pool.give_lease()
        reply = self._run(request_id, method, given)
        if faults.strike(method, given, Effect.CRASH):
            os._exit(137)
        if faults.strike(method, given, Effect.HANG_UP):
            raise HangUpError
        return [] if faults.strike(method, given, Effect.LOSE_REPLY) else [reply]

    def _run(self, request_id: Any, method: str, given: Any) -> Reply:
        try:
            result = self._verbs[method](named(method, given))
        except RefusalError as error:
            return _error(request_id, error.code, error.text)
        except Exception as error:  # as VDSM: anything unforeseen is code 100
            return _error(request_id, 100, f"General Exception: ({str(error)!r},)")
        return {"jsonrpc": "2.0", "id": request_id, "result": result}


def _error(request_id: Any, code: int, message: str) -> Reply:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}
