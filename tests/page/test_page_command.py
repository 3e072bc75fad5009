"""The page of one command: it explains how things stand, and lets one do something about it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from orchestrator import TaskStatus
from tests.page.conftest import OpenPage, Scene
from tests.page.reading import step
from tests.page.works import MoveDisk, Refusing, StuckEnd, Sweep, Work


def test_a_failed_command_says_what_failed_what_was_undone_and_what_to_do(
    scene: Scene, open_page: OpenPage
) -> None:
    page = open_page(scene.command_url("failed"))

    advice = page.get_by_role("region", name="What happened")
    expect(advice).to_contain_text("Step “Start mirror” failed: transport endpoint")
    expect(advice).to_contain_text("3 steps that had succeeded were undone")
    expect(advice).to_contain_text("then Restart")
    expect(step(page, "Start mirror")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".command-head").get_by_role("button", name="Restart")).to_be_enabled()
    expect(page.locator(".command-head").get_by_role("button", name="Stop")).to_be_disabled()


def test_a_blocked_command_links_to_the_one_that_holds_the_lock(
    scene: Scene, open_page: OpenPage
) -> None:
    page = open_page(scene.command_url("blocked"))
    advice = page.get_by_role("region", name="What happened")
    expect(advice).to_contain_text("Waits for the exclusive lock on vm:vm-000")

    advice.get_by_role("link", name="Live move of disk vm-000").click()

    page.wait_for_url(scene.command_url("moving"))
    expect(step(page, "Sync overlay")).to_have_attribute("aria-selected", "true")


def test_what_needs_attention_is_resolved_with_a_reason(scene: Scene, open_page: OpenPage) -> None:
    command_id = scene.site.submit(StuckEnd(vm="vm-070"), owner="alice")
    page = open_page(f"/commands/{command_id}")
    expect(page.get_by_role("region", name="What happened")).to_contain_text("needs attention")

    page.locator(".command-head").get_by_role("button", name="Resolve").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Succeeded").check()
    dialog.get_by_role("button", name="Resolve").click()
    expect(dialog).to_be_visible()  # a reason is needed
    dialog.get_by_label("Reason").fill("removed the snapshot by hand")
    dialog.get_by_role("button", name="Resolve").click()

    expect(page.locator(".badge .word")).to_have_text("Succeeded")
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("Needs attention → Succeeded")
    expect(page.get_by_role("tabpanel")).to_contain_text("removed the snapshot by hand")


def test_escape_calls_an_order_off(scene: Scene, open_page: OpenPage) -> None:
    page = open_page(scene.command_url("moving"))

    page.locator(".command-head").get_by_role("button", name="Stop").click()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".badge .word")).to_have_text("Waiting")


def test_a_chosen_step_is_shown_close_up(scene: Scene, open_page: OpenPage) -> None:
    page = open_page(scene.command_url("clone"))
    panel = page.get_by_role("tabpanel")

    step(page, "Clone the LUN").click()
    expect(panel).to_contain_text("block 620 of 1000")
    page.get_by_role("tab", name="Input").click()
    expect(panel).to_contain_text('"lun": "/vol/vm12/lun0"')
    page.get_by_role("tab", name="Tasks outside 1").click()
    expect(panel).to_contain_text("vendor · netapp · running · 62%")

    step(page, "Shut down vm-012").click()
    page.get_by_role("tab", name="Output").click()
    expect(panel).to_contain_text('"noted": "Shut down vm-012"')


def test_the_steps_grow_while_one_looks(scene: Scene, open_page: OpenPage) -> None:
    root = scene.site.submit(MoveDisk(vm="vm-071"), owner="alice")
    page = open_page(f"/commands/{root}")
    expect(step(page, "Create snapshot").locator(".word")).to_have_text("Waiting")
    expect(step(page, "Start mirror").locator(".span")).to_be_hidden()

    scene.site.report(root, "Create snapshot", TaskStatus.SUCCEEDED)

    expect(step(page, "Create snapshot").locator(".word")).to_have_text("Succeeded")
    expect(step(page, "Start mirror").locator(".span")).to_be_visible()


def test_a_step_page_shows_the_trail_to_its_root(scene: Scene, open_page: OpenPage) -> None:
    part = scene.site.part(scene.roots["moving"], "Sync overlay")
    page = open_page(f"/commands/{part}")

    trail = page.get_by_role("navigation", name="Where this is")
    expect(trail.get_by_role("link")).to_have_text(
        ["Commands", "Live move of disk vm-000", "side by side"]
    )


def test_an_unknown_command_is_said_to_be_unknown(open_page: OpenPage) -> None:
    page = open_page("/commands/deadbeef")

    expect(page.get_by_role("heading", name="There is no such command")).to_be_visible()
    expect(page.locator(".empty")).to_contain_text("deadbeef")


def test_a_phone_sees_a_command_without_scrolling_sideways(
    scene: Scene, open_page: OpenPage
) -> None:
    page = open_page(scene.command_url("failed"), width=390, height=844)
    expect(step(page, "Start mirror").locator(".word")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_failed_part_is_in_sight_and_in_the_address(scene: Scene, open_page: OpenPage) -> None:
    root = scene.site.submit(Sweep(hosts=120, broken=(100, 110)), owner="sweeper")
    page = open_page(f"/commands/{root}")
    part = scene.site.part(root, "Ask host 100")
    expect(step(page, "Ask host 100")).to_be_in_viewport()
    expect(page).to_have_url(re.compile(f"part={part}"))

    page.get_by_role("button", name="Next failed (2)").click()
    expect(step(page, "Ask host 110")).to_be_in_viewport()
    page.get_by_role("tab", name="Attempts").click()
    expect(page.get_by_role("table", name="Attempts")).to_contain_text("Failed")
    passed_on = open_page(page.url)

    expect(step(passed_on, "Ask host 110")).to_have_attribute("aria-selected", "true")
    expect(passed_on.get_by_role("tab", name="Attempts")).to_have_attribute("aria-selected", "true")


def test_finished_parts_are_hidden_and_failed_ones_alone_are_shown(
    scene: Scene, open_page: OpenPage
) -> None:
    root = scene.site.submit(Sweep(hosts=120, broken=(7,)), owner="sweeper")
    page = open_page(f"/commands/{root}")
    expect(step(page, "Ask host 7")).to_be_visible()

    page.get_by_role("button", name="Only failed").click()
    expect(step(page, "Ask host 6")).to_have_count(0)
    expect(step(page, "Ask host 7")).to_be_visible()

    page.get_by_role("button", name="Hide finished").click()
    expect(step(page, "Ask host 7")).to_have_count(0)


def test_two_thousand_parts_are_a_strip_to_click_on(scene: Scene, open_page: OpenPage) -> None:
    root = scene.site.submit(Sweep(hosts=2000, broken=(1500,)), owner="sweeper")
    page = open_page(f"/commands/{root}")

    strip = page.get_by_role("img", name=re.compile("^2,000 parts: .*1 failed"))
    strip.click(position={"x": 3, "y": 3})

    expect(step(page, "Ask host 1")).to_have_attribute("aria-selected", "true")
    expect(step(page, "Ask host 1")).to_be_in_viewport()
    assert page.locator(".step").count() < 120


def test_an_update_leaves_what_one_has_selected(scene: Scene, open_page: OpenPage) -> None:
    root = scene.site.submit(Work(text="Selected"), owner="alice")
    page = open_page(f"/commands/{root}")
    scene.site.report(root, "Selected", TaskStatus.RUNNING, progress=0.1, message="first news")
    message = page.locator(".inspector .message")
    expect(message).to_have_text("first news")
    message.select_text()

    scene.site.report(root, "Selected", TaskStatus.RUNNING, progress=0.6, message="second news")
    expect(page.locator(".command-head .figure")).to_have_text("60%")
    assert page.evaluate("getSelection().toString()") == "first news"

    page.evaluate("getSelection().removeAllRanges()")
    scene.site.report(root, "Selected", TaskStatus.RUNNING, progress=0.7, message="third news")
    expect(message).to_have_text("third news")


def test_a_wait_for_a_lock_and_an_undo_are_drawn_apart(scene: Scene, open_page: OpenPage) -> None:
    page = open_page(scene.command_url("blocked"))
    expect(page.locator(".step .span[data-locked]").first).to_be_visible()

    page.goto(scene.command_url("failed"))
    expect(step(page, "Create snapshot").locator(".span[data-undone]")).to_be_visible()


def test_a_long_message_is_told_in_full_once(scene: Scene, open_page: OpenPage) -> None:
    error = "the array said: " + "no spare disk in shelf; " * 40 + "END"
    root = scene.site.submit(Refusing(text="Long", error=error), owner="alice")

    page = open_page(f"/commands/{root}")

    expect(page.locator(".inspector .message")).to_contain_text("END")
    expect(page.get_by_text(re.compile("END"))).to_have_count(1)


@pytest.mark.parametrize("width", [390, 800, 1360])
@pytest.mark.parametrize("name", ["failed", "blocked", "inventory"])
def test_nothing_reaches_beyond_the_edge(
    scene: Scene, open_page: OpenPage, name: str, width: int
) -> None:
    page = open_page(scene.command_url(name), width=width)
    expect(page.locator(".step").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == width
