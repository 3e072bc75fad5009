"""Messages that nobody of ours has sent: dropped, and the worker goes on."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.workers.installation import Installation, installed
from tests.workers.mine import Note

QUICKLY_S = 5.0
QUEUE = "orchestrator"
ID = "12345678-1234-4234-8234-123456789abc"
BODY = [[ID], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


def message(**changed: Any) -> bytes:
    """Gives a nudge as Celery puts it on Redis, but for what is changed; None leaves that out."""
    proper: dict[str, Any] = {
        "body": base64.b64encode(json.dumps(BODY).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers(),
        "properties": properties(),
    }
    return json.dumps(_without_none(proper | changed)).encode()


def headers(**changed: Any) -> dict[str, Any]:
    """Gives a nudge's headers, but for what is changed."""
    return _without_none({"lang": "py", "task": "mine.note", "id": ID, "root_id": ID} | changed)


def properties(**changed: Any) -> dict[str, Any]:
    """Gives a nudge's properties, but for what is changed."""
    proper = {
        "correlation_id": ID,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": QUEUE},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": ID,
    }
    return _without_none(proper | changed)


def body(content: Any) -> str:
    """Gives what a message carries, encoded as Celery does it."""
    return base64.b64encode(json.dumps(content).encode()).decode()


def _without_none(of: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in of.items() if value is not None}


STRANGE: dict[str, bytes] = {
    "empty": b"",
    "not JSON": b"hello {",
    "null bytes": b"\0\0\0",
    "not UTF-8": b"\xff\xfe\xfa",
    "JSON null": b"null",
    "a number": b"7",
    "a list": b"[]",
    "an empty object": b"{}",
    "deeply nested": b"[" * 100_000,
    "no properties": message(properties=None),
    "properties are a list": message(properties=[]),
    "no delivery_info": message(properties=properties(delivery_info=None)),
    "delivery_info is a number": message(properties=properties(delivery_info=7)),
    "no delivery_tag": message(properties=properties(delivery_tag=None)),
    "delivery_tag is a list": message(properties=properties(delivery_tag=[])),
    "an unknown body_encoding": message(properties=properties(body_encoding="rot13")),
    "no headers": message(headers=None),
    "headers are a list": message(headers=[1]),
    "headers are a text": message(headers="task"),
    "no id": message(headers=headers(id=None)),
    "the id is a list": message(headers=headers(id=[])),
    "the id is a number": message(headers=headers(id=7)),
    "no task": message(headers=headers(task=None)),
    "an unknown task": message(headers=headers(task="no.such")),
    "an unknown task without an id": message(headers=headers(task="no.such", id=None)),
    "the task is a list": message(headers=headers(task=["mine.note"])),
    "an unknown compression": message(headers=headers(compression="no-such")),
    "wrongly compressed": message(headers=headers(compression="application/x-gzip")),
    "an eta that is none": message(headers=headers(eta="soon")),
    "an expiry that is none": message(headers=headers(expires="soon")),
    "expired": message(headers=headers(expires="2001-01-01T00:00:00+00:00")),
    "a time limit that is none": message(headers=headers(timelimit="soon")),
    "no body": message(body=None),
    "the body is a number": message(body=7),
    "bad base64": message(body="a"),
    "not JSON inside": message(body=base64.b64encode(b"hello {").decode()),
    "null bytes inside": message(body=base64.b64encode(b"\0\0").decode()),
    "an empty body": message(body=""),
    "a body of one": message(body=body([[ID]])),
    "a body of four": message(body=body([*BODY, 1])),
    "the body is an object": message(body=body({"a": 1})),
    "the body is null": message(body=body(None)),
    "arguments are a text": message(body=body(["x", {}, {}])),
    "arguments are null": message(body=body([None, None, None])),
    "no arguments": message(body=body([[], {}, {}])),
    "an argument that is a number": message(body=body([[7], {}, {}])),
    "an argument that is an object": message(body=body([[{"a": 1}], {}, {}])),
    "an argument with a null byte": message(body=body([["a\0b"], {}, {}])),
    "an argument that is a lone surrogate": message(body=body([["\ud800"], {}, {}])),
    "arguments that have names": message(body=body([[ID], {"a": 1}, {}])),
    "options are a list": message(body=body([[ID], {}, []])),
    "a chain of nonsense": message(body=body([[ID], {}, {"chain": [7]}])),
    "a chord of nonsense": message(body=body([[ID], {}, {"chord": 7}])),
    "callbacks of nonsense": message(body=body([[ID], {}, {"callbacks": [7]}])),
    "no content type": message(**{"content-type": None}),
    "an unknown content type": message(**{"content-type": "application/x-no-such"}),
    "pickle": message(
        body=base64.b64encode(pickle.dumps(BODY)).decode(),
        **{"content-type": "application/x-python-serialize", "content-encoding": "binary"},
    ),
    "yaml": message(**{"content-type": "application/x-yaml"}),
    "the content type is a list": message(**{"content-type": []}),
    "an unknown encoding": message(**{"content-encoding": "utf-99"}),
    "the encoding is a number": message(**{"content-encoding": 7}),
    "the first protocol": message(headers={}, body=body({"task": "mine.note", "id": ID})),
    "the first protocol without an id": message(headers={}, body=body({"task": "mine.note"})),
    "the first protocol, arguments of nonsense": message(
        headers={}, body=body({"task": "mine.note", "id": ID, "args": 7, "kwargs": 7})
    ),
}


@pytest.fixture(scope="module", params=["threads", "prefork", "solo"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, redis_server_url: str
) -> Iterator[Installation]:
    """A worker of each kind, at a Redis."""
    folder = tmp_path_factory.mktemp("strange")
    database = f"sqlite:///{folder / 'orchestrator.db'}"
    with redis.Redis.from_url(redis_server_url) as client:
        client.flushdb()
    with installed(folder, database, redis_server_url, fusion=True, pool=request.param) as running:
        yield running


@pytest.mark.timeout(240)
def test_a_strange_message_is_dropped_and_the_worker_goes_on(
    installation: Installation, tmp_path: Path
) -> None:
    book = str(tmp_path / "book")
    before = _workers(installation)
    slow: list[str] = []
    with redis.Redis.from_url(installation.environment["ORCHESTRATOR_BROKER_URL"]) as client:
        for name, raw in STRANGE.items():
            client.lpush(QUEUE, raw)
            handle = installation.door.submit(Note(book=book, text=name))
            if not installation.door.wait(handle.id, QUICKLY_S).status.is_final:
                slow.append(name)
            assert len(slow) < 3, slow

    assert slow == []
    assert _workers(installation) == before


def _workers(installation: Installation) -> list[str]:
    workers = installation.store.workers()
    return sorted(one.worker_id for one in workers if one.role == "worker")
