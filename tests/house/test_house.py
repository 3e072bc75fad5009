"""The house: who may import whom, how large files are, what they are called, what they keep."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("orchestrator", "workers", "adapters")
MOST_LINES = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
ALLOWED_STATE = {("orchestrator.engine.faults", "_armed")}  # the one switchboard for tests

PURE = {"orchestrator.core", "pydantic", "pydantic_core"}
RINGS: dict[str, set[str]] = {
    "orchestrator.core": PURE,
    "orchestrator.engine": {
        *PURE, "orchestrator.engine", "cryptography", "structlog", "psutil", "orjson",
    },
    "orchestrator.store": {*PURE, "orchestrator.store", "sqlalchemy", "psycopg", "orjson"},
    "orchestrator.monitor": {
        *PURE, "orchestrator.monitor", "sqlalchemy", "structlog", "anyio", "typing_extensions",
    },
    "orchestrator.api": {
        *PURE, "orchestrator", "orchestrator.app", "orchestrator.monitor", "orchestrator.api",
        "anyio", "typing_extensions", "fastapi", "starlette", "sse_starlette", "prometheus_client", "structlog",
        "defusedxml",
    },
    "orchestrator.app": {*PURE, "orchestrator.engine", "orchestrator.monitor"},
    "orchestrator.testing": {
        *PURE, "orchestrator.app", "orchestrator.engine", "orchestrator.store",
    },
    "orchestrator.running": set(),
    "orchestrator.client": {"orchestrator.client", "httpx"},
    "orchestrator.cli": {
        *PURE, "orchestrator", "orchestrator.running", "orchestrator.cli", "orchestrator.client",
        "orchestrator.monitor", "typer", "click",
        "rich", "httpx", "httpx_sse", "psutil", "redis", "pydantic_settings",
    },
    "adapters.vdsm": {
        "orchestrator", "adapters.vdsm", "pydantic", "pydantic_settings", "structlog",
        "defusedxml",
    },
    "adapters.gluster": {
        "orchestrator", "adapters.gluster", "pydantic", "pydantic_settings", "structlog",
        "defusedxml",
    },
    "adapters.vendor": {
        "orchestrator", "orchestrator.client", "adapters.vendor", "pydantic", "httpx", "structlog",
    },
}  # fmt: skip
"""For each ring what it may import beside the standard library: a package stands for all in it,
but `orchestrator` for the face alone."""
IMPURE = {
    "asyncio", "datetime.now", "logging", "os", "random", "secrets", "shutil", "socket",
    "sqlite3", "subprocess", "threading", "time", "urllib", "uuid.uuid4",
}  # fmt: skip
FACE = {"orchestrator"}


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """Gives the modules of a package with their files."""
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


ALL = [found for package in PACKAGES for found in modules(package)]
TESTS = list(modules("tests"))


@cache
def parsed(path: Path) -> ast.Module:
    """Gives the syntax tree of a file."""
    return ast.parse(path.read_text())


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Gives everything in the syntax tree of a file."""
    return tuple(ast.walk(parsed(path)))


def imported(module: str, path: Path) -> Iterator[str]:
    """Gives the full names of all that a module imports, wherever in it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            where = node.module or ""
            if node.level:
                above = module.split(".")[: -node.level or None]
                where = ".".join([*above, *filter(None, [node.module])])
            for one in node.names:
                is_module = (ROOT / where.replace(".", "/") / f"{one.name}.py").exists()
                yield f"{where}.{one.name}" if is_module else where


def ring_of(module: str) -> str | None:
    """Names the ring that a module lies in."""
    found = [ring for ring in RINGS if module == ring or module.startswith(f"{ring}.")]
    return max(found, key=len, default=None)


def is_allowed(name: str, allowed: set[str]) -> bool:
    """Tells whether one of the allowed packages holds that name; a face holds only itself."""
    return any(name == one or (one not in FACE and name.startswith(f"{one}.")) for one in allowed)


def is_standard(name: str) -> bool:
    """Tells whether the standard library holds that name."""
    return name.partition(".")[0] in sys.stdlib_module_names


def test_imports_point_inwards() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, path in ALL
        if (ring := ring_of(module)) is not None
        for name in imported(module, path)
        if not is_standard(name) and not is_allowed(name, RINGS[ring])
    ]

    assert not wrong


@pytest.mark.parametrize("outsider", ["workers", "celery", "kombu", "flower"])
def test_only_the_workers_know_celery_and_nobody_knows_the_workers(outsider: str) -> None:
    knowing = [
        module
        for module, path in ALL
        if not module.startswith("workers")
        and any(name.partition(".")[0] == outsider for name in imported(module, path))
    ]

    assert not knowing


def test_the_core_asks_for_no_clock_network_or_chance() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, path in ALL
        if ring_of(module) == "orchestrator.core"
        for name in IMPURE.intersection(imported(module, path))
    ]

    assert not wrong


def test_no_file_is_long() -> None:
    lengths = {module: len(path.read_text().splitlines()) for module, path in ALL + TESTS}

    assert not {module: lines for module, lines in lengths.items() if lines > MOST_LINES}


def test_the_first_line_of_a_file_says_what_it_is_for() -> None:
    silent = [
        module
        for module, path in ALL + TESTS
        if (text := path.read_text()).strip() and not text.startswith(('"""', "#!"))
    ]

    assert not silent


def test_modules_have_names_of_their_own() -> None:
    assert not [one for one, _ in ALL + TESTS if one.rpartition(".")[2] in FORBIDDEN_NAMES]


def test_modules_outside_the_workers_keep_no_state() -> None:
    kept = [
        (module, name)
        for module, path in ALL
        if not module.startswith("workers")
        for name in module_state(path)
    ]

    assert not [one for one in kept if one not in ALLOWED_STATE]


def module_state(path: Path) -> Iterator[str]:
    """Gives the names that a module binds to something it can change, and those it rebinds.

    A table in capitals is a constant, whatever its type.
    """
    for node in parsed(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for one in targets:
            is_constant = isinstance(one, ast.Name) and one.id.isupper()
            dunder = isinstance(one, ast.Name) and one.id.startswith("__")
            mutable = isinstance(getattr(node, "value", None), MUTABLE)
            if isinstance(one, ast.Name) and mutable and not is_constant and not dunder:
                yield one.id
    for found in nodes(path):
        if isinstance(found, ast.Global):
            yield from found.names


def test_no_two_modules_of_ours_import_each_other() -> None:
    names = {module for module, _ in ALL}
    graph = {
        module: {one for one in top_level_imports(module, path) if one in names} - {module}
        for module, path in ALL
    }

    circles = [circle for module in graph if (circle := find_circle(module, graph))]

    assert not circles


def top_level_imports(module: str, path: Path) -> Iterator[str]:
    """Gives what a module imports when it is loaded, not what it imports for types only."""
    body = [node for node in parsed(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in body:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        else:
            where = node.module or ""
            for one in node.names:
                is_module = (ROOT / where.replace(".", "/") / f"{one.name}.py").exists()
                yield f"{where}.{one.name}" if is_module else where


def find_circle(start: str, graph: dict[str, set[str]]) -> list[str]:
    """Gives a way from a module back to itself, or nothing."""
    stack = [[start]]
    seen = set[str]()
    while stack:
        way = stack.pop()
        for following in graph[way[-1]]:
            if following == start:
                return [*way, start]
            if following not in seen:
                seen.add(following)
                stack.append([*way, following])
    return []


def _printers(path: Path) -> Iterator[str]:
    """Names the ways past the safe console that a file of the command line uses."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Name("print" | "Console")):
                yield f"{path.name}:{node.lineno} calls {node.func.id}"  # type: ignore[attr-defined]
            case ast.Call(
                func=ast.Attribute(attr="echo" | "secho" | "from_markup" | "render_markup")
            ):
                yield f"{path.name}:{node.lineno} calls {node.func.attr}"  # type: ignore[attr-defined]
            case ast.Call(func=ast.Attribute(ast.Attribute(ast.Name("sys"), _), "write")):
                yield f"{path.name}:{node.lineno} writes to a stream"
            case ast.keyword("markup" | "emoji", ast.Constant(True)):
                yield f"{path.name}:{node.lineno} asks for markup"


def test_the_command_line_prints_on_the_safe_console_alone() -> None:
    files = [
        path for path in (ROOT / "orchestrator/cli").rglob("*.py") if path.name != "terminal.py"
    ]

    assert not [found for path in files for found in _printers(path)]
    assert list(_printers(ROOT / "orchestrator/cli/terminal.py"))  # it sees what there is to see
