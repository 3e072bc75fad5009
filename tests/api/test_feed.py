"""The feed over HTTP: resumable, without gaps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse

from orchestrator.core.access import Role
from orchestrator.monitor.monitor import Monitor
from orchestrator.testing import Stage
from tests.api.served import Guarded, Note, Served, served
from tests.services import until

FEED = "/api/v1/feed"
JSON = {"Accept": "application/json"}


@pytest.fixture
def listener(house: Served, request: pytest.FixtureRequest) -> httpx.Client:
    return house.client(request.node.name, Role.VIEWER)


def events_of(stage: Stage, after: int = 0) -> list[int]:
    return [one.seq for one in stage.store.get_modified_commands(after, 100_000).items]


def changes(stream: Iterator[ServerSentEvent], count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        sent = next(stream)
        if sent.event == "change":
            change = json.loads(sent.data)
            assert sent.id == str(change["seq"])
            found.append(change)
    return found


def test_a_page_gives_what_was_modified_since(viewer: httpx.Client, stage: Stage) -> None:
    stage.perform(Note())

    first = viewer.get(FEED, headers=JSON, params={"limit": 1}).json()
    rest = viewer.get(FEED, headers=JSON, params={"after": first["next_cursor"]}).json()
    nothing = viewer.get(FEED, headers=JSON, params={"after": rest["next_cursor"]}).json()

    assert [one["seq"] for one in (*first["items"], *rest["items"])] == events_of(stage)
    assert nothing == {"items": [], "next_cursor": rest["next_cursor"]}


def test_a_cursor_that_means_nothing_is_refused(viewer: httpx.Client) -> None:
    answer = viewer.get(FEED, headers=JSON, params={"after": "yesterday"})

    assert answer.status_code == 422


def test_a_new_listener_hears_what_happens_next(listener: httpx.Client, stage: Stage) -> None:
    stage.perform(Note())
    before = stage.store.get_modified_commands(0, 100_000).cursor

    with connect_sse(listener, "GET", FEED) as source:
        stream = source.iter_sse()
        ready = next(stream)
        stage.perform(Note(text="news"))
        news = events_of(stage, int(before or 0))
        heard = changes(stream, len(news))

    assert (ready.event, ready.id) == ("ready", before)
    assert heard[-1]["status"] == "succeeded"
    assert [one["seq"] for one in heard] == news


def test_a_lost_connection_is_resumed_without_gap_or_repeat(
    listener: httpx.Client, stage: Stage
) -> None:
    stage.perform(Note())
    wanted = len(events_of(stage))
    seen: list[int] = []

    for part in range(4):
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        params = {} if seen else {"after": "0"}
        with connect_sse(listener, "GET", FEED, headers=headers, params=params) as source:
            seen.extend(one["seq"] for one in changes(source.iter_sse(), wanted if not part else 2))
        stage.perform(Note())
        stage.perform(Note())

    everything = events_of(stage)
    assert seen == everything[: len(seen)]


def test_one_tree_may_be_listened_to(listener: httpx.Client, stage: Stage) -> None:
    command_id = stage.submit(Guarded(vm="vm-feed"))
    stage.perform(Note())
    stage.play()

    with connect_sse(listener, "GET", FEED, params={"after": "0", "root_id": command_id}) as source:
        heard = changes(source.iter_sse(), 3)

    assert {one["root_id"] for one in heard} == {command_id}


def test_the_listeners_are_counted(listener: httpx.Client) -> None:
    def are_counted(number: int) -> bool:
        return f"orchestrator_feed_listeners {number}.0" in listener.get("/metrics").text

    until(lambda: are_counted(0), what="those of other tests have gone")
    with connect_sse(listener, "GET", FEED):
        until(lambda: are_counted(1), what="the listener is counted")
    until(lambda: are_counted(0), what="the listener has gone")


def test_a_quiet_feed_sends_heart_beats_that_a_page_can_hear(tmp_path: Path) -> None:
    with served(tmp_path, keep_alive_s=0.05) as house:
        listener = house.client("quiet", Role.VIEWER)
        with connect_sse(listener, "GET", FEED) as source:
            stream = source.iter_sse()
            ready = next(stream)
            beats = [next(stream).event for _ in range(2)]

    assert json.loads(ready.data)["beat_s"] == 0.05
    assert beats == ["beat", "beat"]


@pytest.mark.parametrize("ended_by", ["revoked", "signed out"])
def test_a_stream_ends_with_what_it_was_opened_with(tmp_path: Path, ended_by: str) -> None:
    with served(tmp_path, keep_alive_s=0.05) as house:
        page = house.bare()
        page.post("/login", json={"token": house.tokens.create("leaver", Role.VIEWER)})
        with connect_sse(page, "GET", FEED) as source:
            stream = source.iter_sse()
            assert next(stream).event == "ready"
            if ended_by == "revoked":
                house.tokens.revoke("leaver")
            else:
                leaver = house.bare(cookies=dict(page.cookies))
                leaver.post("/logout", headers={"Origin": house.url})
            rest = [one.event for one in stream]  # ends, or the test runs into its time limit

    assert set(rest) <= {"beat"}


def test_a_change_is_rendered_once_for_all_who_see_everything(
    house: Served, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[int] = []
    events = Monitor.events

    def counted(self: Monitor, rows: Any) -> Any:
        rendered.extend(one.seq for one in rows)
        return events(self, rows)

    monkeypatch.setattr(Monitor, "events", counted)
    with ExitStack() as stack:
        streams = [
            stack.enter_context(connect_sse(house.client(f"w{n}", role), "GET", FEED)).iter_sse()
            for n, role in enumerate((Role.VIEWER, Role.VIEWER, Role.OPERATOR, Role.ADMIN))
        ]
        for one in streams:
            assert next(one).event == "ready"
        before = len(events_of(stage))
        stage.perform(Note(text="for all"))
        wanted = len(events_of(stage)) - before
        heard = [[one["seq"] for one in changes(stream, wanted)] for stream in streams]

    assert heard[0] == heard[1] == heard[2] == heard[3]
    assert sorted(rendered) == heard[0]
