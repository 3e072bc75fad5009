"""The list of commands: what it shows, how it follows, and what one can do with it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from orchestrator import TaskStatus
from orchestrator.testing import FakeVendors
from tests.page.conftest import OpenPage, Scene
from tests.page.reading import open_parts, row
from tests.page.works import MoveDisk, Nightly, Note, Rebalance, Work


def test_each_root_stands_there_with_its_status_in_words(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/")

    for name, word in {
        "done": "Succeeded",
        "moving": "Waiting",
        "failed": "Failed",
        "blocked": "Blocked",
        "delayed": "Delayed",
        "stuck": "Needs attention",
        "stopped": "Stopped",
    }.items():
        expect(row(page, scene.roots[name]).locator(".word")).to_have_text(word)


def test_an_open_tree_follows_its_parts_live(scene: Scene, open_page: OpenPage) -> None:
    root = scene.site.submit(Rebalance(volume="live01"), owner="alice")
    page = open_page("/?q=live01")
    open_parts(page, root)
    brick = row(page, scene.site.part(root, "Move files of brick 2"))
    expect(brick.locator(".status")).to_contain_text("Waiting")

    scene.site.report(root, "Move files of brick 2", TaskStatus.RUNNING, progress=0.37)
    expect(brick.locator(".figure")).to_have_text("37%")

    scene.site.finish(root, "Move files of brick 2")
    expect(brick.locator(".word")).to_have_text("Succeeded")


def test_a_new_command_appears_by_itself(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/")
    expect(page.locator(".live")).to_have_text("Live")

    submitted = scene.site.submit(Note(text="Written while you look"), owner="zoe")

    expect(row(page, submitted)).to_contain_text("Written while you look")


def test_pause_holds_the_list_still_until_resume(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/?q=paused-note")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Pause updates").click()
    expect(page.locator(".live")).to_have_text("Paused")

    with page.expect_event("console", predicate=lambda message: message.text == "told"):
        page.evaluate(
            "() => { const feed = new EventSource('/api/v1/feed');"
            " feed.addEventListener('change', () => { console.log('told'); feed.close(); });"
            " return new Promise((opened) => feed.addEventListener('open', opened)); }"
        )
        submitted = scene.site.submit(Note(text="A paused-note"), owner="zoe")
    expect(row(page, submitted)).to_have_count(0)

    page.get_by_role("button", name="Resume").click()
    expect(row(page, submitted)).to_be_visible()


def test_the_filter_box_reads_words_owners_and_statuses(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/")
    expect(row(page, scene.roots["failed"])).to_be_visible()

    page.keyboard.press("/")
    page.keyboard.type("owner:alice status:failed move")

    expect(row(page, scene.roots["moving"])).to_have_count(0)
    expect(row(page, scene.roots["failed"])).to_be_visible()
    assert "q=owner" in page.url, "the address shows the same again"


def test_a_chip_keeps_one_status_and_shows_its_count(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/?q=owner:nightly")

    page.get_by_role("button", name="Needs attention 1").click()

    expect(page.locator(".row")).to_have_count(1)
    expect(row(page, scene.roots["stuck"])).to_be_visible()


def test_an_unknown_status_is_answered_with_those_there_are(open_page: OpenPage) -> None:
    page = open_page("/?status=sleeping")

    expect(page.locator(".empty")).to_contain_text("there is no status 'sleeping'")


def test_a_wide_command_is_drawn_by_the_rows_in_sight(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/?q=Inventory")
    open_parts(page, scene.roots["inventory"])
    expect(page.get_by_text("Ask host 00001")).to_be_visible()
    assert page.locator(".row").count() < 80

    page.get_by_role("treegrid").locator(".row").first.focus()
    page.keyboard.press("End")
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "402")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")

    expect(page.get_by_text("Ask host 00400")).to_be_visible()
    assert page.locator(".row").count() < 80


def test_arrow_keys_open_walk_and_close_a_tree(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/?q=data01")
    root = row(page, scene.roots["rebalance"])
    root.focus()

    page.keyboard.press("ArrowRight")
    expect(root).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_text("Start rebalance")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(row(page, scene.site.part(scene.roots["rebalance"], "Start rebalance"))).to_be_focused()

    page.keyboard.press("ArrowLeft")
    expect(root).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(root).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Rebalance Gluster volume data01")).to_be_visible()


def test_chosen_commands_are_stopped_together(
    scene: Scene, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeVendors, "stop", lambda *_: None)  # so that it stays at that
    ids = [scene.site.submit(Work(text=f"Bulk {one}"), owner="bulk") for one in range(3)]
    page = open_page("/?q=owner:bulk")
    for one in ids[:2]:
        row(page, one).get_by_role("checkbox").check()

    page.get_by_role("button", name="Stop chosen").click()
    page.get_by_label("Reason").fill("enough")
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    for one in ids[:2]:
        expect(row(page, one).locator(".status")).to_contain_text("stopping")
    for number in range(2):
        scene.site.report(ids[number], f"Bulk {number}", TaskStatus.ABORTED)

    for one in ids[:2]:
        expect(row(page, one).locator(".word")).to_have_text("Stopped")
    expect(row(page, ids[2]).locator(".word")).to_have_text("Waiting")


def test_going_back_finds_the_list_as_it_was_left(scene: Scene, open_page: OpenPage) -> None:
    page = open_page("/?q=data01")
    open_parts(page, scene.roots["rebalance"])
    page.get_by_role("link", name="Rebalance Gluster volume data01").click()
    expect(page.locator(".step").first).to_be_visible()

    page.go_back()

    expect(row(page, scene.roots["rebalance"])).to_have_attribute("aria-expanded", "true")


def test_a_phone_sees_the_list_without_scrolling_sideways(
    scene: Scene, open_page: OpenPage
) -> None:
    page = open_page("/", width=390, height=844)
    open_parts(page, scene.site.submit(MoveDisk(vm="vm-390"), owner="alice"))
    expect(page.get_by_text("Create snapshot").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_stuck_part_raises_its_root_to_the_top(scene: Scene, open_page: OpenPage) -> None:
    root = scene.site.submit(Nightly(vm="vm-stuck"), owner="pinned")
    for number in range(3):
        scene.site.submit(Note(text=f"Younger {number}"), owner="pinned")
    page = open_page("/?q=owner:pinned")

    first = page.locator(".row").first
    expect(first).to_have_attribute("data-id", root)
    expect(first.locator(".word")).to_have_text("Needs attention")
    expect(first.locator(".about")).to_contain_text("▲ Back up vm-stuck: no space is left")
    expect(page.get_by_role("button", name="Needs attention 1")).to_have_attribute("data-alarm", "")
    expect(page.get_by_role("button", name="All 4")).to_be_visible()
    expect(page).to_have_title("▲ 1 · Commands · Orchestrator")


def test_the_dialog_says_what_it_would_do(scene: Scene, open_page: OpenPage) -> None:
    root = scene.site.submit(MoveDisk(vm="vm-foreseen"), owner="alice")
    page = open_page("/?q=vm-foreseen")

    row(page, root).get_by_role("button", name="Stop").click()

    effect = page.get_by_role("dialog").locator(".effect")
    expect(effect).to_contain_text("frees 1 lock")
    expect(effect).to_contain_text("asks host-1 to stop")


def test_all_that_match_are_ordered_at_once(scene: Scene, open_page: OpenPage) -> None:
    ids = [scene.site.submit(Work(text=f"Many {one}"), owner="many") for one in range(105)]
    page = open_page("/?q=owner:many")
    row(page, ids[-1]).get_by_role("checkbox").check()

    page.get_by_role("button", name="Choose all 105 that match").click()
    page.get_by_role("button", name="Stop chosen").click()
    expect(page.get_by_role("dialog").locator(".effect")).to_contain_text("105 commands would take")
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()

    expect(page.locator(".note").first).to_have_text(re.compile("^Stop ordered: 105 commands"))
    stopped = [scene.site.stage.orchestrator.get(one) for one in ids]
    assert all(one.stopping or one.status.is_final for one in stopped)
