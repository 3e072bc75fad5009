"""What an administrator does beside the API: the schema, tokens, settings, old history."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from alembic import command as alembic
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import make_url

import orchestrator
from orchestrator.core.access import Role
from orchestrator.core.errors import OrchestratorError
from orchestrator.store.single import SqlRequests
from orchestrator.store.sql import translated
from workers.settings import Settings
from workers.wiring import Wiring, wiring


def main() -> None:
    """Runs one administrator's verb; 0 done, 1 an error, in one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, (run, arguments) in VERBS.items():
        verb = verbs.add_parser(name, help=run.__doc__)
        for flags, options in arguments:
            verb.add_argument(*flags, **options)
    asked = parser.parse_args()
    try:
        VERBS[asked.verb][0](wiring(), asked)
    except OrchestratorError as problem:
        sys.exit(f"error: {problem}")


def upgrade(wired: Wiring, _: argparse.Namespace) -> None:
    """Brings the database's schema up to date."""
    wired.settings.data_path.mkdir(parents=True, exist_ok=True)
    with translated():
        alembic.upgrade(_config(wired), "head")
    current(wired, _)


def current(wired: Wiring, _: argparse.Namespace) -> None:
    """Tells which schema the database has."""
    wired.settings.data_path.mkdir(parents=True, exist_ok=True)
    with wired.store.reading() as reads:
        revision = MigrationContext.configure(reads.connection).get_current_revision()
    print(revision or "empty")


def config(wired: Wiring, _: argparse.Namespace) -> None:
    """Shows every setting in force, as JSON; secrets only as set or not."""
    hidden = {"token", "session_secret"}
    shown: dict[str, Any] = {}
    for name, about in Settings.model_fields.items():
        value = getattr(wired.settings, name)
        if name in hidden:
            value = "(set)" if value else ""
        shown[name] = {"value": _plain(value), "about": about.description}
    for name, url in (
        ("database_url", wired.settings.database),
        ("broker_url", wired.settings.broker_url),
    ):
        shown[name]["value"] = make_url(url).render_as_string(hide_password=True)
    for supply in wired.catalog.supplies:
        settings = getattr(supply, "settings", None)
        if settings is not None and hasattr(settings, "model_dump"):
            for name, value in settings.model_dump(mode="json").items():
                key = f"{getattr(supply, 'name', 'adapter')}_{name}"
                shown[key] = {"value": value, "about": None}
    print(json.dumps(shown, indent=2))


def token(wired: Wiring, asked: argparse.Namespace) -> None:
    """Makes a token and prints it; it cannot be shown again."""
    age = None if asked.expires_in_s is None else timedelta(seconds=asked.expires_in_s)
    made = wired.tokens.create(
        asked.name,
        Role(asked.role),
        vendor=asked.vendor,
        expires_at=None if age is None else wired.clock.now() + age,
        acts_for_others=asked.acts_for_others,
        actor=f"{getpass.getuser()} (on the server)",
    )
    print(made)


def gc(wired: Wiring, asked: argparse.Namespace) -> None:
    """Deletes trees that ended long ago, with all that belongs to them, and answers kept for who asks again."""
    old = wired.clock.now() - timedelta(days=asked.older_than_days)
    deleted = wired.store.delete_ended_before(old, dry_run=asked.dry_run)
    if not asked.dry_run:
        SqlRequests(wired.store).forget(old)
    audit = wired.store.delete_audit_before(
        wired.clock.now() - timedelta(days=wired.settings.audit_days), dry_run=asked.dry_run
    )
    print(json.dumps({"trees": deleted, "audit": audit, "deleted": not asked.dry_run}))


VERBS: dict[str, tuple[Callable[[Wiring, argparse.Namespace], None], list[Any]]] = {
    "upgrade": (upgrade, []),
    "current": (current, []),
    "config": (config, []),
    "token": (
        token,
        [
            (("name",), {}),
            (("role",), {"choices": [one.value for one in Role]}),
            (("--vendor",), {}),
            (("--expires-in-s",), {"type": float}),
            (("--acts-for-others",), {"action": "store_true"}),
        ],
    ),
    "gc": (
        gc,
        [
            (("--older-than-days",), {"type": float, "required": True}),
            (("--dry-run",), {"action": "store_true"}),
        ],
    ),
}


def _config(wired: Wiring) -> Config:
    found = Config()
    found.set_main_option("script_location", str(Path(orchestrator.__file__).parent / "migrations"))
    found.attributes["engine"] = wired.store.engine
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


if __name__ == "__main__":
    main()
