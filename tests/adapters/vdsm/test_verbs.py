"""Every verb and parameter that we send, and all that the simulator knows, are VDSM's own."""

from __future__ import annotations

import ast
from pathlib import Path

import adapters.vdsm
from adapters.vdsm.simulator.signatures import SIGNATURES

HERE = Path(__file__).parent


def _recorded() -> dict[str, str]:
    lines = (HERE / "recorded_verbs.txt").read_text().splitlines()
    pairs = (line.partition(":") for line in lines if not line.startswith("#"))
    return {verb: names.strip() for verb, _, names in pairs}


def _sent() -> set[str]:
    """Gives every text in the adapter's code that names a verb."""
    classes = {one.partition(".")[0] for one in _recorded()}
    package = Path(adapters.vdsm.__file__).parent
    found: set[str] = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                place, dot, verb = node.value.partition(".")
                if dot and place in classes and verb.isidentifier():
                    found.add(node.value)
    return found


def test_every_verb_that_we_name_is_one_of_vdsms() -> None:
    sent = _sent()

    assert "Image.delete" in sent
    assert sent - _recorded().keys() == set()


def test_the_simulator_knows_vdsms_verbs_with_vdsms_parameters_and_no_others() -> None:
    recorded = _recorded()

    assert dict(SIGNATURES) == {verb: recorded.get(verb) for verb in SIGNATURES}
