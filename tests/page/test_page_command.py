"""The page of one command: it explains how things stand, and lets one do something about it."""

from __future__ import annotations

from playwright.sync_api import expect

from orchestrator import TaskStatus
from tests.page.conftest import OpenPage, Scene
from tests.page.reading import step
from tests.page.works import MoveDisk, StuckEnd


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
