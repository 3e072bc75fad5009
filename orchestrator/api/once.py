"""The header Idempotency-Key: a request that changes something is carried out once, and answered the same again.

All of a request with a key is one transaction, with its answer in it. So a crash leaves either nothing, or the deed
and the answer; who asks at the same time waits, and gets that answer. What was refused changed nothing and leaves
nothing: the same key may ask again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Request, Response
from fastapi.routing import APIRoute

from orchestrator.api.described import KEY_HEADER as HEADER
from orchestrator.api.desk import Desk, desk_at
from orchestrator.api.login import asks_who, caller_of
from orchestrator.core.access import Caller
from orchestrator.core.errors import BadInputError, ConflictError, UnavailableError
from orchestrator.core.once import DoneBefore, Kept

REPLAYED = "Idempotent-Replayed"
LONGEST_KEY = 255
KEPT_HEADERS = ("location", "etag", "content-type")
WRITING = ("POST", "PUT", "PATCH", "DELETE")
MAC_BYTES = hashlib.sha256().digest_size

AT_ONCE = 8  # well below the threads of a process: who holds a transaction needs one, to go on
END_THREADS = 4
_at_once: RunVar[CapacityLimiter] = RunVar("_at_once")
_end_threads: RunVar[CapacityLimiter] = RunVar("_end_threads")

WAITING: set[Callable[..., Any]] = set()
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Carry: TypeAlias = Callable[[Desk], Awaitable[Response]]
"""Carries a request out at the desk that it is given."""


def waits(endpoint: Endpoint) -> Endpoint:
    """Marks an endpoint that may wait for long before it changes anything: it takes no turn from others."""
    WAITING.add(endpoint)
    return endpoint


class KeyedRoute(APIRoute):
    """A route that knows the header, where it changes something for a caller who is known by name."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Gives what answers requests."""
        handle = super().get_route_handler()
        if not is_keyed(self):
            return handle

        async def answer(request: Request) -> Response:
            key = key_of(request)
            if key is None:
                return await handle(request)
            desk = desk_at(request)
            caller = await to_thread.run_sync(caller_of, request)

            async def carry(inner: Desk) -> Response:
                request.state.desk = inner
                if self.endpoint in WAITING:
                    return await handle(request)
                async with _limiter(_at_once, AT_ONCE):
                    return await handle(request)

            return await once(request, await request.body(), key, caller, desk, carry)

        return answer


def is_keyed(route: APIRoute) -> bool:
    """Tells whether the route takes the header: it changes something, and asks who wants it."""
    return bool(set(route.methods or ()) & set(WRITING)) and asks_who(route.dependant)


def key_of(request: Request) -> str | None:
    """Gives the key that was sent. Raises BadInputError for one that cannot be."""
    key = request.headers.get(HEADER)
    if key is not None and not 0 < len(key.strip()) <= LONGEST_KEY:
        raise BadInputError(f"{HEADER}: expected 1 to {LONGEST_KEY} characters, got {len(key)}")
    return key


async def once(
    request: Request, body: bytes, key: str, caller: Caller, desk: Desk, carry: Carry
) -> Response:
    """Carries the request out, or gives the answer that it was given. Raises ConflictError for another one."""
    name, asked = _name_of(key, caller), _digest_of(request, body, key, desk)
    single = desk.requests.single(name, asked)
    inner, send_nudges = desk.within(single)
    known = await to_thread.run_sync(desk.requests.find, name)
    if known is not None:
        return _again(known, asked, key, desk)
    try:
        answer = await carry(inner)
        if single.is_open and answer.status_code < 400:
            sealed = _sealed(_written(answer), key, desk)
            await to_thread.run_sync(
                single.keep, sealed, limiter=_limiter(_end_threads, END_THREADS)
            )
    except DoneBefore:
        known = await to_thread.run_sync(desk.requests.find, name)
        if known is None:
            raise UnavailableError(f"{HEADER} {key!r}: it was just forgotten; ask again") from None
        return _again(known, asked, key, desk)
    finally:
        with CancelScope(shield=True):  # who hangs up leaves no transaction open
            await to_thread.run_sync(single.let_go, limiter=_limiter(_end_threads, END_THREADS))
    await to_thread.run_sync(send_nudges)
    return answer


def _limiter(variable: RunVar[CapacityLimiter], most: int) -> CapacityLimiter:
    """Gives what limits something in this event loop."""
    try:
        return variable.get()
    except LookupError:
        made = CapacityLimiter(most)
        variable.set(made)
        return made


def _name_of(key: str, caller: Caller) -> str:
    """Callers choose their keys without knowing those of others; all tokens of one vendor are one caller."""
    owner, owner_type = caller.owner
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{caller.role} {owner_type} {owner}: {digest}"


def _digest_of(request: Request, body: bytes, key: str, desk: Desk) -> str:
    """Gives what tells this request from others: white space and the order of names in JSON do not.

    It is keyed: the body may hold a secret, which who reads the database alone could guess at else.
    """
    try:
        said = json.dumps(json.loads(body), sort_keys=True) if body else ""
    except (ValueError, RecursionError):
        said = base64.b64encode(body).decode()
    url, life = request.url, request.headers.get("if-match", "")
    asked = json.dumps([request.method, url.path, url.query, life, said])
    return _mac(asked.encode(), key, desk).hex()


def _again(known: Kept, asked: str, key: str, desk: Desk) -> Response:
    kept = _opened(
        known.answer, key, desk
    )  # first: under another secret the digests differ as well
    if known.digest != asked:
        raise ConflictError(
            f"{HEADER} {key!r} was used for another request; use a new key for this one"
        )
    return Response(
        base64.b64decode(kept["body"]), kept["status"], {**kept["headers"], REPLAYED: "true"}
    )


def _written(answer: Response) -> str:
    headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
    body = base64.b64encode(bytes(answer.body)).decode()
    return json.dumps({"status": answer.status_code, "headers": headers, "body": body})


def _sealed(text: str, key: str, desk: Desk) -> str:
    """Hides an answer from who only reads the database: a new token's secret may be in it.

    It is masked by a stream that only our secret, and the key that was sent, of which we keep a digest, give.
    """
    nonce, said = secrets.token_bytes(MAC_BYTES), text.encode()
    masked = _masked(said, nonce, key, desk)
    return base64.b64encode(nonce + _mac(nonce + masked, key, desk) + masked).decode()


def _opened(sealed: str, key: str, desk: Desk) -> dict[str, Any]:
    raw = base64.b64decode(sealed)
    nonce, mac, masked = raw[:MAC_BYTES], raw[MAC_BYTES : 2 * MAC_BYTES], raw[2 * MAC_BYTES :]
    if not hmac.compare_digest(mac, _mac(nonce + masked, key, desk)):
        raise ConflictError(
            f"{HEADER} {key!r}: the request was carried out, but its answer was given under another session"
            " secret; look at what it was about, and give all API processes the same secret"
        )
    found: dict[str, Any] = json.loads(_masked(masked, nonce, key, desk))
    return found


def _masked(text: bytes, nonce: bytes, key: str, desk: Desk) -> bytes:
    stream = hashlib.shake_256(_mac(b"mask" + nonce, key, desk)).digest(len(text))
    return (int.from_bytes(text) ^ int.from_bytes(stream)).to_bytes(len(text))


def _mac(text: bytes, key: str, desk: Desk) -> bytes:
    secret = hashlib.sha256(f"{desk.session_secret}\x00{key}".encode()).digest()
    return hmac.digest(secret, text, "sha256")
