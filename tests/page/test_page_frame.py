"""The frame around the views: signing in, refusals, an API that is away, colours, other tabs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from orchestrator import Trouble
from tests.api.served import in_trouble
from tests.page.conftest import OpenPage, Scene
from tests.page.reading import row
from tests.page.site import running_site
from tests.page.works import Note, Work
from tests.services import free_port


def test_who_is_unknown_signs_in_with_a_token(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/", token=None)
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").last).to_have_text("This token is unknown or was revoked.")

    page.get_by_label("Token").fill(scene.token)
    page.get_by_role("button", name="Sign in").click()

    expect(row(page, scene.roots["moving"])).to_be_visible()
    expect(page.locator(".who")).to_contain_text("alice · operator")
    expect(page.locator(".live")).to_have_text("Live")


def test_signing_out_leads_to_the_sign_in(open_page: OpenPage) -> None:
    page = open_page("/")

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_label("Token")).to_be_focused()


def test_who_may_only_look_is_told_so(scene: Scene, open_page: OpenPage, viewer_token: str) -> None:
    command_id = scene.site.submit(Work(text="Not for viewers"), owner="alice")
    page = open_page("/?q=viewers", token=viewer_token)

    row(page, command_id).get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()

    expect(page.locator(".note")).to_contain_text("'victor' has the role viewer")


def test_the_page_says_that_the_api_is_away_and_comes_back(
    tmp_path: Path, open_page: OpenPage
) -> None:
    port = free_port()
    with running_site(tmp_path, port) as site:
        first = site.submit(Note(text="Before the fall"), owner="alice")
        page = open_page("/", site=site, token=site.token("alice"))
        expect(row(page, first)).to_be_visible()
    expect(page.locator("#banner")).to_contain_text("The API does not answer")
    expect(page.locator(".live")).to_have_text("Reconnecting")
    expect(row(page, first)).to_be_visible()  # old news are better than none

    with running_site(tmp_path, port) as site:
        second = site.submit(Note(text="After the fall"), owner="alice")
        page.get_by_label("Token").fill(site.token("bob"))  # sessions do not outlive this process
        page.get_by_role("button", name="Sign in").click()

        expect(row(page, second)).to_be_visible()
        expect(page.locator("#banner")).to_be_hidden()
        expect(page.locator(".live")).to_have_text("Live")


def test_colours_follow_the_system_until_one_chooses(open_page: OpenPage) -> None:
    page = open_page("/", dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(14, 19, 26)"

    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(ground) == "rgb(245, 246, 249)"
    page.reload()
    assert page.evaluate(ground) == "rgb(245, 246, 249)"

    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(ground) == "rgb(14, 19, 26)"


def test_workers_and_queues_have_a_tab(open_page: OpenPage) -> None:
    page = open_page("/")

    page.get_by_role("link", name="Workers").click()

    expect(page.get_by_role("table", name="Workers")).to_contain_text("Alive")
    expect(page.get_by_role("table", name="Queues")).to_contain_text("orchestrator")


def test_a_host_that_does_not_trust_us_is_named_with_what_to_do(
    scene: Scene, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = "host1:54321 and we do not trust each other: certificate verify failed"
    trouble = Trouble("pool-1", "host1:54321", problem, "check ca.pem (whom we trust)")
    in_trouble(scene.site.stage, trouble, monkeypatch)

    page = open_page("/workers")

    table = page.get_by_role("table", name="Not reached")
    expect(table).to_contain_text("host1:54321")
    expect(table).to_contain_text("certificate verify failed")
    expect(table).to_contain_text("check ca.pem")


def test_locks_have_a_tab_that_names_who_holds_and_who_waits(
    scene: Scene, open_page: OpenPage
) -> None:
    page = open_page("/locks")

    table = page.get_by_role("table", name="Locks")
    waiting = table.get_by_role("row").filter(has_text="Waited for")
    expect(waiting).to_contain_text("vm:vm-000")
    waiting.get_by_role("link").click()
    page.wait_for_url(scene.command_url("blocked"))


def test_flower_is_linked_where_there_is_one(open_page: OpenPage) -> None:
    page = open_page("/")

    expect(page.get_by_role("link", name="Flower")).to_have_attribute(
        "href", "http://127.0.0.1:5555/"
    )
