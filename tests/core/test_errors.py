"""How errors are worded."""

from __future__ import annotations

from orchestrator.core.errors import as_clause


def test_a_sentence_within_another_keeps_its_case_but_for_the_first_letter() -> None:
    assert as_clause(r"String should match '^[A-Z]\S'") == r"string should match '^[A-Z]\S'"
    assert as_clause("URL scheme should be 'http'") == "URL scheme should be 'http'"
    assert as_clause("") == ""
