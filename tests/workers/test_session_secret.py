"""The secret of all API processes of an installation is one, whoever makes it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workers.asgi import session_secret
from workers.settings import Settings


def test_who_begins_at_the_same_time_makes_one_secret(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path / "data"))

    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: session_secret(settings), range(16)))

    assert len(found) == 1
    assert len(found.pop()) > 30
    (file,) = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
