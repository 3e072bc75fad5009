"""A busy morning to look at: some of everything that a list of commands can show."""

from __future__ import annotations

from datetime import timedelta

from orchestrator import TaskStatus
from tests.page.site import Site
from tests.page.works import (
    Inventory,
    MoveDisk,
    Note,
    RapidClone,
    Rebalance,
    Refusing,
    Stubborn,
    StuckEnd,
)

MIRROR_ERROR = (
    "transport endpoint is not connected: brick 3 (gluster01:/bricks/b3) did not answer for 30 s"
)


def set_scene(site: Site) -> dict[str, str]:
    """Submits and plays it, from half an hour ago until now; gives the roots by name."""
    roots: dict[str, str] = {}
    roots["inventory"] = at(site, 31).submit(
        Inventory(hosts=400), owner="nightly", correlation_id="cron-0412"
    )
    roots["done"] = at(site, 29).submit(
        MoveDisk(vm="vm-001"), owner="bob", correlation_id="req-9c12"
    )
    roots["rebalance"] = at(site, 27).submit(
        Rebalance(volume="data01"), owner="carol", correlation_id="req-9c33"
    )
    roots["moving"] = at(site, 22).submit(
        MoveDisk(vm="vm-000"), owner="alice", correlation_id="req-9c40"
    )
    roots["failed"] = at(site, 20).submit(
        MoveDisk(
            vm="vm-003",
            error=MIRROR_ERROR,
        ),
        owner="alice",
        correlation_id="req-9c41",
    )
    for number in range(20, 24):
        at(site, 28).submit(Note(text=f"Stop vm-0{number}"), owner="alice")
    at(site, 19).finish(roots["done"], "Create snapshot")
    at(site, 17).finish(roots["moving"], "Create snapshot")
    at(site, 16.5).finish(roots["failed"], "Create snapshot")
    at(site, 16).finish(roots["done"], "Start mirror")
    roots["clone"] = at(site, 15).submit(
        RapidClone(vm="vm-012"), owner="dave", correlation_id="req-9c55"
    )
    roots["blocked"] = at(site, 14).submit(
        MoveDisk(vm="vm-000"), owner="erin", correlation_id="req-9c56"
    )
    roots["stopped"] = at(site, 13).submit(MoveDisk(vm="vm-009"), owner="bob")
    at(site, 12).finish(roots["done"], "Sync base image", "Sync overlay")
    at(site, 11).finish(roots["moving"], "Start mirror")
    at(site, 10).finish(roots["rebalance"], "Move files of brick 1")
    site.stage.orchestrator.stop(roots["stopped"], "the window is over", actor="bob")
    at(site, 9).report(roots["stopped"], "Create snapshot", TaskStatus.ABORTED)
    at(site, 8).finish(roots["done"], "Pivot")
    at(site, 7).report(
        roots["done"], "Delete source image", TaskStatus.FAILED, message="the image is in use"
    )
    at(site, 6).finish(roots["moving"], "Sync base image")
    at(site, 5).finish(roots["rebalance"], "Move files of brick 2")
    roots["stuck"] = at(site, 4).submit(
        StuckEnd(vm="vm-007"), owner="nightly", correlation_id="cron-0413"
    )
    roots["delayed"] = at(site, 3).submit(Stubborn(text="Reconfigure host-2"), owner="carol")
    roots["refused"] = at(site, 2.5).submit(
        Refusing(text="Detach disk 5 of vm-004", error="device busy"), owner="erin"
    )
    at(site, 2).report(
        roots["moving"], "Sync overlay", TaskStatus.RUNNING, progress=0.42, message="41 of 98 GiB"
    )
    site.report(roots["rebalance"], "Move files of brick 3", TaskStatus.RUNNING, progress=0.5)
    site.report(roots["rebalance"], "Move files of brick 4", TaskStatus.RUNNING, progress=0.15)
    site.report(
        roots["clone"],
        "Clone the LUN",
        TaskStatus.RUNNING,
        progress=0.62,
        message="block 620 of 1000",
    )
    site.back = timedelta(0)
    return roots


def at(site: Site, minutes_ago: float) -> Site:
    """Turns the clock of the site to so long ago."""
    site.back = timedelta(minutes=minutes_ago)
    return site
