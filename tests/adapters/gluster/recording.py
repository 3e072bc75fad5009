"""A run of requests and what each is answered, without what differs between any two clusters."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypedDict

from tests.adapters.gluster.simulated import until

RECORDED = Path(__file__).with_name("recorded.json")

Run: TypeAlias = Callable[[list[str]], "subprocess.CompletedProcess[str]"]
"""Runs `gluster --mode=script WORDS`."""


class Answered(TypedDict):
    """One request and its answer, masked."""

    request: str
    code: int
    stdout: list[str]
    stderr: list[str]


# `@` stands for a node and the folder of its bricks: `@1/b0` is `n1:FOLDER/b0`. A line that begins
# with "until" is not recorded: it is asked until the answer contains the text behind the colon.
# `d` is distributed, `r` replicated, `a` has an arbiter, `e` is dispersed, `one` has one brick.
REQUESTS = """\
volume list
volume info --xml
volume status all tasks --xml
volume create d @1/d0 @2/d1 force --xml
volume create d @1/d0 @2/d1 force --xml
volume create x @1/d0 force --xml
volume create x @1/no/x force --xml
volume create x @2/no/x force --xml
volume create r replica 3 @1/r0 @2/r1 @3/r2 force --xml
volume create a replica 3 arbiter 1 @1/a0 @2/a1 @3/a2 force --xml
volume create e disperse 3 redundancy 1 @1/e0 @2/e1 @3/e2 force --xml
volume create one @1/one0 force --xml
volume list --xml
volume info d --xml
volume info r --xml
volume info a --xml
volume info e --xml
volume info nothere --xml
volume status d tasks --xml
volume status nothere tasks --xml
volume rebalance d start --xml
volume rebalance d status --xml
volume heal r info summary --xml
volume start d --xml
volume start d --xml
volume start nothere --xml
volume start r --xml
volume start a --xml
volume start e --xml
volume start one --xml
volume status d tasks --xml
volume status all tasks --xml
volume rebalance d status --xml
volume rebalance d stop --xml
volume rebalance nothere status --xml
volume rebalance nothere start --xml
volume rebalance one start --xml
volume rebalance r start --xml
volume rebalance d begin --xml
volume remove-brick d @1/d0 status --xml
volume remove-brick d @1/d0 stop --xml
volume remove-brick d @1/d0 commit --xml
volume remove-brick d @1/zz start --xml
volume remove-brick d @1/d0 @2/d1 start --xml
volume remove-brick nothere @1/d0 start --xml
volume remove-brick r @1/r0 start --xml
volume remove-brick r replica 2 @3/r2 start --xml
volume remove-brick r replica 2 @3/r2 force --xml
volume info r --xml
volume add-brick r replica 3 @3/r3 force --xml
volume add-brick d @3/d2 force --xml
volume add-brick d @3/d2 force --xml
volume add-brick nothere @3/d3 force --xml
volume add-brick d @1/no/d3 force --xml
volume add-brick d @3/no/d3 force --xml
volume add-brick r @1/r9 force --xml
volume rebalance d fix-layout start --xml
until volume rebalance d status --xml: <statusStr>fix-layout completed
volume rebalance d status --xml
volume status d tasks --xml
volume rebalance d stop --xml
volume status d tasks --xml
volume rebalance d start --xml
until volume rebalance d status --xml: <status>3</status>
volume rebalance d status --xml
volume rebalance d start force --xml
until volume rebalance d status --xml: <status>3</status>
volume remove-brick d @3/d2 start --xml
until volume remove-brick d @3/d2 status --xml: <status>3</status>
volume remove-brick d @3/d2 status --xml
volume status d tasks --xml
volume remove-brick d @3/d2 start --xml
volume remove-brick d @1/d0 status --xml
volume rebalance d start --xml
volume remove-brick d @3/d2 stop --xml
volume remove-brick d @3/d2 commit --xml
volume remove-brick d @3/d2 start --xml
until volume remove-brick d @3/d2 status --xml: <status>3</status>
volume remove-brick d @3/d2 commit --xml
volume status d tasks --xml
volume remove-brick d @2/d1 force --xml
volume replace-brick d @1/d0 @1/d9 commit force --xml
volume replace-brick nothere @1/d0 @1/d9 commit force --xml
volume replace-brick r @1/zz @1/r9 commit force --xml
volume replace-brick r @1/r0 @2/r1 commit force --xml
volume replace-brick r @1/r0 @1/no/r9 commit force --xml
volume replace-brick r @2/r1 @2/no/r9 commit force --xml
volume replace-brick r @1/r0 @1/r9 start --xml
volume heal r info summary --xml
volume heal r info --xml
volume heal a info summary --xml
volume heal e info --xml
volume heal d info --xml
volume heal nothere info --xml
volume heal r --xml
volume heal r full --xml
volume heal d --xml
volume heal nothere --xml
volume heal e statistics --xml
volume reset-brick r @2/r1 @2/r1 commit force --xml
volume reset-brick nothere @2/r1 start --xml
volume reset-brick r @2/zz start --xml
volume reset-brick r @2/r1 start --xml
volume heal r info summary --xml
volume reset-brick r @2/r1 @2/r1 commit force --xml
volume replace-brick a @1/a0 @1/a9 commit force --xml
volume replace-brick e @1/e0 @1/e9 commit force --xml
volume stop one --xml
volume stop one --xml
volume stop nothere --xml
volume rebalance one start --xml
volume rebalance one status --xml
volume remove-brick one @1/one0 start --xml
volume status one tasks --xml
volume heal one --xml
volume replace-brick one @1/one0 @1/one9 commit force --xml
"""


def record(run: Run, folder: str) -> list[Answered]:
    """Runs all requests; `folder` is where bricks are, with one folder a node in it."""
    answers: list[Answered] = []
    for line in REQUESTS.splitlines():
        asked, _, wanted = line.removeprefix("until ").partition(": ")
        words = [re.sub(r"^@(\d)", rf"n\1:{folder}/n\1", word) for word in asked.split()]
        if wanted:
            until(lambda words=words, wanted=wanted: wanted in run(words).stdout, line)  # type: ignore[misc]
            continue
        done = run(words)
        answers.append(
            {
                "request": line,
                "code": done.returncode,
                "stdout": masked(done.stdout, folder),
                "stderr": masked(done.stderr, folder),
            }
        )
    return answers


def masked(printed: str, folder: str) -> list[str]:
    """Gives the lines of an answer without ids, folders, times, counts and volume options."""
    text = printed.replace(folder, "FOLDER")
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"<(files|size|lookups|runtime|skipped)>[\d.]+<", r"<\1>N<", text)
    text = re.sub(
        r"<optCount>.*?</options>|<optCount>0</optCount>\s*<options/>", "", text, flags=re.DOTALL
    )
    # the real one writes a brick's name twice, as text of its element and in <name>
    text = re.sub(r'(<brick uuid="ID">)[^<]+', r"\1", text)
    text = re.sub(r">\s*<", ">\n<", text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_recorded() -> list[Answered]:
    """Gives what a real Gluster of three nodes answered."""
    answers: list[Answered] = json.loads(RECORDED.read_text())
    return answers
