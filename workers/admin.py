"""What an administrator does beside the API: the schema, tokens, settings, old history."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from alembic import command as alembic
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from pydantic import BaseModel

import orchestrator
from orchestrator.cli.private import make_private
from orchestrator.core.access import Role, digest_of
from orchestrator.core.errors import BadInputError, OrchestratorError
from orchestrator.core.redaction import is_secret_name, without_passwords
from orchestrator.engine.keyring import MAKE_ONE
from orchestrator.store.resealing import reseal
from orchestrator.store.single import SqlRequests
from orchestrator.store.sql import translated
from workers.settings import Settings
from workers.wiring import Wiring, wiring

SIGN_IN_FOR = timedelta(minutes=15)


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
    make_private(wired.settings.data_path)
    with translated():
        alembic.upgrade(_config(wired), "head")
    current(wired, _)


def current(wired: Wiring, _: argparse.Namespace) -> None:
    """Tells which schema the database has."""
    make_private(wired.settings.data_path)
    with wired.store.reading() as reads:
        revision = MigrationContext.configure(reads.connection).get_current_revision()
    print(revision or "empty")


def config(wired: Wiring, _: argparse.Namespace) -> None:
    """Shows every setting in force, those of adapters too, as JSON; secrets only as set or not."""
    shown: dict[str, Any] = {}
    for name, about in Settings.model_fields.items():
        value = getattr(wired.settings, name)
        shown[name] = {"value": _shown(name, value), "about": about.description}
    shown["database_url"]["value"] = without_passwords(wired.settings.database)
    for supply in wired.catalog.supplies:
        settings = getattr(supply, "settings", None)
        if isinstance(settings, BaseModel):
            fields = type(settings).model_fields
            for name, value in settings.model_dump(mode="json").items():
                key = f"{getattr(supply, 'name', 'adapter')}_{name}"
                said = fields[name].description if name in fields else None
                shown[key] = {"value": _shown(name, value), "about": said}
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


def sign_in(wired: Wiring, _: argparse.Namespace) -> None:
    """Prints a secret that signs a browser in for a while, as the owner of the token of these settings."""
    kept = wired.settings.data_path / "token"
    token = wired.settings.token or (kept.read_text().strip() if kept.exists() else "")
    found = wired.tokens.find(digest_of(token)) if token else None
    if found is None:
        raise BadInputError(
            f"there is no token in force in {kept}; log in with: orchestrator login"
        )
    print(wired.tokens.log_in(found.digest, wired.clock.now() + SIGN_IN_FOR))


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


def reencrypt(wired: Wiring, _: argparse.Namespace) -> None:
    """Encrypts all stored secrets with the first key; says how many others are left, and with which keys."""
    if not wired.vault.keyring:
        raise BadInputError(f"no key is set; {MAKE_ONE}")
    changed, left = 0, Counter[str]()
    for _again in range(2):  # others may write with the old key meanwhile
        left.clear()
        changed += reseal(wired.store, lambda value: wired.vault.resealed(value, left))
    told = {
        "changed": changed,
        "key": wired.vault.keyring.ids[0],
        "left": left.total(),
        "missing": sorted(left),
    }
    print(json.dumps(told))


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
    "sign-in": (sign_in, []),
    "reencrypt": (reencrypt, []),
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


def _shown(name: str, value: Any) -> Any:
    """Gives a setting as people may see it, however deep a password lies in it."""
    if is_secret_name(name) and not isinstance(value, bool | int | float):
        return "(set)" if value else ""
    match value:
        case dict():
            return {key: _shown(str(key), one) for key, one in value.items()}
        case list() | tuple():
            return [_shown("", one) for one in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return without_passwords(str(value))


if __name__ == "__main__":
    main()
