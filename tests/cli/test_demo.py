"""The demo itself, on real processes: it kills one of them, and all must end as it must."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.chaos
@pytest.mark.timeout(400)
@pytest.mark.parametrize("fusion", ["on", "off"])
def test_the_demo_ends_as_it_must_with_and_without_fusion(tmp_path: Path, fusion: str) -> None:
    words = ("demo", "--data", str(tmp_path / "demo"), "--no-flower", "--timeout", "5m")

    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", *words],
        env={**os.environ, "ORCHESTRATOR_FUSION": fusion},
        capture_output=True,
        text=True,
        check=False,
        timeout=380,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "with -9 and emptied the broker" in done.stderr
    assert "14 of 14 commands" in done.stdout
