"""A site in a process of its own, which a test may freeze: `python -m tests.page.apart DIRECTORY PORT`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.page.site import running_site
from tests.page.works import Note


def main() -> None:
    """Prints a token once the site answers, and goes on until its input ends."""
    with running_site(Path(sys.argv[1]), int(sys.argv[2]), beat_s=0.5) as site:
        site.submit(Note(text="Before the frost"), owner="alice")
        print(site.token("alice"), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
