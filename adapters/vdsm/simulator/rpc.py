"""JSON-RPC: a request in, the replies to send out, with VDSM's own oddities."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any

from adapters.vdsm.simulator.faults import Effect
from adapters.vdsm.simulator.host import Host, Params, Verb, host_verbs
from adapters.vdsm.simulator.job_verbs import job_verbs
from adapters.vdsm.simulator.machine_verbs import machine_verbs
from adapters.vdsm.simulator.refusal import RefusalError
from adapters.vdsm.simulator.storage_verbs import storage_verbs

Reply = dict[str, Any]


class HangUpError(Exception):
    """A fault asks to close the connection instead of answering."""


class Rpc:
    """The verbs by name. `counts` tells how often each was called, for tests."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self._verbs: dict[str, Verb] = {
            **host_verbs(host),
            **storage_verbs(host),
            **job_verbs(host),
            **machine_verbs(host),
            "Simulator.getCounts": lambda params: dict(self.counts),
        }

    def answer(self, body: bytes) -> list[Reply]:
        """Runs what the body asks for and gives the replies: none, one, or (VDSM does that) two."""
        try:
            message = json.loads(body)
        except ValueError:
            return [_error(None, -32700, "Parse error")]
        if isinstance(message, list):
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
        replies = self._call(request_id, request["method"], request.get("params") or {})
        return [] if request_id is None else replies

    def _call(self, request_id: Any, method: str, params: Params) -> list[Reply]:
        with self._lock:
            self.counts[method] += 1
        faults = self.host.faults
        if method not in self._verbs:
            return [_error(request_id, -32601, f"Method not found: {{'method': '{method}'}}")]
        if slow := faults.strike(method, params, Effect.SLOW_CALL):
            time.sleep(slow.seconds)
        if refused := faults.strike(method, params, Effect.REFUSE):
            code = 99 if refused.code is None else refused.code
            text = "Recovering from crash or Initializing" if code == 99 else refused.message
            return [_error(request_id, code, text)]
        if faults.strike(method, params, Effect.DROP_REQUEST):
            return []
        reply = self._run(request_id, method, params)
        if faults.strike(method, params, Effect.HANG_UP):
            raise HangUpError
        return [] if faults.strike(method, params, Effect.LOSE_REPLY) else [reply]

    def _run(self, request_id: Any, method: str, params: Params) -> Reply:
        try:
            result = self._verbs[method](params)
        except RefusalError as error:
            return _error(request_id, error.code, error.text)
        except KeyError as error:  # VDSM calls a missing parameter an internal error
            return _error(request_id, -32603, f"Internal JSON-RPC error: missing {error}")
        except Exception as error:  # as VDSM: anything unforeseen is code 100
            return _error(request_id, 100, str(error))
        return {"jsonrpc": "2.0", "id": request_id, "result": result}


def _error(request_id: Any, code: int, message: str) -> Reply:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}
