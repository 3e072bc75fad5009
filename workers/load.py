"""Finds every command and adapter: entry points, and the modules that the settings name."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from orchestrator.core.catalog import Catalog
from orchestrator.core.command import Command
from orchestrator.core.errors import BadCommandError
from orchestrator.core.external import ExternalTask

ADAPTERS = "orchestrator.adapters"
COMMANDS = "orchestrator.commands"


def load_catalog(modules: Iterable[str]) -> Catalog:
    """Loads all adapters and commands and checks them against each other.

    A module may also define `supplies()`, which gives objects that verbs may ask for by type.
    Raises BadCommandError for a module that cannot be imported, or whatever is wrong with a class.
    """
    supplies: list[object] = [point.load()() for point in entry_points(group=ADAPTERS)]
    commands: dict[type[Command], None] = {ExternalTask: None}
    for module in (*_entry_modules(), *_named_modules(modules)):
        commands.update(dict.fromkeys(commands_in(module)))
        given = getattr(module, "supplies", None)
        if callable(given):
            supplies.extend(given())
    return Catalog(commands, supplies)


def commands_in(module: ModuleType) -> Iterator[type[Command]]:
    """Gives the command classes that a module, or a package's public names, defines."""
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Command) and "declared" in vars(found):
            yield found


def _entry_modules() -> Iterator[ModuleType]:
    for point in entry_points(group=COMMANDS):
        loaded: Any = point.load()
        if isinstance(loaded, ModuleType):
            yield loaded


def _named_modules(names: Iterable[str]) -> Iterator[ModuleType]:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # a module beside the user, as Celery's own -A finds it
    for name in names:
        try:
            yield importlib.import_module(name)
        except BadCommandError:
            raise  # it says itself what is wrong with a command
        except Exception as problem:
            first_line = str(problem).partition("\n")[0]
            raise BadCommandError(
                f"the module {name!r} (setting MODULES) cannot be imported:"
                f" {first_line or type(problem).__name__}"
            ) from problem
