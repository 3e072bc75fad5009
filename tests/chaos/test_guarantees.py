"""The guarantees name their proofs; each proof named exists."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "guarantees.md"


def test_each_promise_says_how_it_is_kept_and_proven() -> None:
    promises = re.split(r"^### \d+\. ", PAGE.read_text(), flags=re.MULTILINE)[1:]

    assert len(promises) == 10
    for promise in promises:
        assert "Kept by: " in promise
        assert "Proven by: " in promise


def test_each_proof_exists() -> None:
    text = PAGE.read_text()
    names = set(re.findall(r"::(test_\w+)", text))
    files = set(re.findall(r"tests/[\w/]+\.py", text))

    code = "\n".join(one.read_text() for one in (REPOSITORY / "tests").rglob("test_*.py"))
    assert [one for one in sorted(names) if f"def {one}(" not in code] == []
    assert [one for one in sorted(files) if not (REPOSITORY / one).exists()] == []
