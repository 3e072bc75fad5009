"""Finds every command and adapter: entry points, and the modules that the settings name."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from orchestrator.core.catalog import Catalog
from orchestrator.core.command import Command
from orchestrator.core.errors import BadCommandError
from orchestrator.core.external import VENDOR_COMMANDS
from orchestrator.core.outside import OutsideTask
from orchestrator.engine.answers import describe

ADAPTERS = "orchestrator.adapters"
COMMANDS = "orchestrator.commands"


def load_catalog(modules: Iterable[str]) -> Catalog:
    """Loads all adapters and commands and checks them against each other.

    A module may also define `supplies()`, which gives objects that verbs may ask for by type.
    Raises BadCommandError for a module that cannot be imported, or whatever is wrong with a class.
    """
    supplies: list[object] = []
    for point in entry_points(group=ADAPTERS):
        with _said_in_one_sentence(f"the adapter {point.name!r} ({point.value})", "loaded"):
            supplies.append(point.load()())
    commands: dict[type[Command], None] = dict.fromkeys((*VENDOR_COMMANDS, OutsideTask))
    for module in (*_entry_modules(), *_named_modules(modules)):
        commands.update(dict.fromkeys(commands_in(module)))
        given = getattr(module, "supplies", None)
        if callable(given):
            with _said_in_one_sentence(f"supplies() of the module {module.__name__!r}", "called"):
                supplies.extend(given())
    return Catalog(commands, supplies)


def commands_in(module: ModuleType) -> Iterator[type[Command]]:
    """Gives the command classes that a module, or a package's public names, defines."""
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Command) and "declared" in vars(found):
            yield found


def _entry_modules() -> Iterator[ModuleType]:
    for point in entry_points(group=COMMANDS):
        with _said_in_one_sentence(f"the commands {point.name!r} ({point.value})", "loaded"):
            loaded: Any = point.load()
        if isinstance(loaded, ModuleType):
            yield loaded


def _named_modules(names: Iterable[str]) -> Iterator[ModuleType]:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # a module beside the user, as Celery's own -A finds it
    for name in names:
        with _said_in_one_sentence(f"the module {name!r} (setting MODULES)", "imported"):
            found = importlib.import_module(name)
        yield found


@contextmanager
def _said_in_one_sentence(what: str, done: str) -> Iterator[None]:
    """Makes a BadCommandError of whatever somebody else's code raises, but for what says itself what is wrong."""
    try:
        yield
    except (BadCommandError, KeyboardInterrupt):
        raise
    except BaseException as problem:  # a module may even end the program
        first_line = describe(problem).partition("\n")[0]
        raise BadCommandError(f"{what} cannot be {done}: {first_line}") from problem
