"""Secrets: encrypted at rest, read by verbs and adapters alone, and in no text for people."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator import (
    Outcome,
    Secret,
    TaskStatus,
)
from orchestrator.core.catalog import Catalog
from orchestrator.core.errors import BadInputError
from orchestrator.core.sealed import has_sealed
from orchestrator.core.secret import MASK, masked_text
from orchestrator.core.status import Status
from orchestrator.monitor.monitor import Monitor
from orchestrator.testing import Stage
from tests.engine.acts import Diary
from tests.engine.conftest import Stages
from tests.engine.secretive import (
    KINDS,
    MARKER,
    Both,
    Checks,
    Disk,
    Handed,
    Locking,
    Login,
    MakeLogin,
    Mount,
    Named,
    Raises,
    Reads,
    Vaulted,
    check_nothing_leaks,
    leaks,
)
from workers.logs import MaskedRecord


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def stage(stages: Stages, disk: Disk) -> Stage:
    return stages(*KINDS, supplies=(disk,))


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> Iterable[pytest.LogCaptureFixture]:
    """All that is logged, by records as our processes make them."""
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(MaskedRecord)
    yield caplog
    logging.setLogRecordFactory(before)
    assert not leaks(caplog.text)


def test_a_secret_comes_back_wherever_it_stands(stage: Stage, diary: Diary) -> None:
    login = Login(user="ann", password=Secret(MARKER))
    command = Vaulted(
        password=Secret(MARKER),
        pin=Secret(123456),
        blob=Secret(MARKER.encode()),
        login=login,
        whole=Secret(login),
        many=[Secret(MARKER), Secret("")],
        by_name={"a": Secret(MARKER)},
        plain=Secret({"deep": [MARKER]}),
        anything={"deep": [Secret(MARKER)]},
    )

    ended = stage.perform(command)

    assert (ended.status, ended.message) == (Status.SUCCEEDED, None)
    notes: list[object] = [*diary.notes]
    assert command in notes
    said = check_nothing_leaks(stage, ended.command_id)
    assert "123456" not in said
    assert MASK in said
    assert not leaks(diary.notes[0] + repr(command) + str(command) + command.model_dump_json())
    assert f"{command.password:>3}{command.password}" == MASK * 2


def test_a_secret_is_copied_and_not_pickled() -> None:
    secret = Secret(MARKER)

    assert copy.deepcopy(secret) == secret == copy.copy(secret)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    with pytest.raises(AttributeError):
        secret.x = 1


def test_schemas_say_that_it_is_a_password(stage: Stage) -> None:
    kind = Monitor(stage.store, stage.catalog).kind("secret.all")
    properties = kind["parameters"]["properties"]

    assert properties["password"] == {
        "format": "password", "title": "Password", "type": "string", "writeOnly": True,
    }  # fmt: skip
    assert properties["many"]["items"]["writeOnly"]
    assert properties["pin"]["anyOf"][0] == {"type": "integer", "writeOnly": True}


@pytest.mark.parametrize("how", ["error", "again", "pydantic"])
def test_what_a_verb_raises_is_told_without_it(stage: Stage, how: str) -> None:
    ended = stage.perform(Raises(password=Secret(MARKER), how=how))

    assert ended.label == MASK
    assert ended.message
    check_nothing_leaks(stage, ended.command_id)


def test_neither_a_cut_nor_a_name_lets_it_through(stage: Stage) -> None:
    ended = stage.perform(Named(password=Secret(MARKER)))

    assert ended.status is Status.SUCCEEDED
    assert MASK in ended.label
    check_nothing_leaks(stage, ended.command_id)


def test_a_restart_has_it_still(stage: Stage) -> None:
    ended = stage.perform(Raises(password=Secret(MARKER)))

    stage.orchestrator.restart(ended.command_id)
    stage.play()

    assert MASK in (stage.orchestrator.get(ended.command_id).message or "")
    check_nothing_leaks(stage, ended.command_id)


def test_a_typed_result_is_passed_on(stage: Stage, diary: Diary) -> None:
    ended = stage.perform(Both())

    assert ended.status is Status.SUCCEEDED
    assert diary.notes == [MARKER]
    check_nothing_leaks(stage, ended.command_id)


def test_a_typed_result_from_outside_is_sealed(stage: Stage, diary: Diary) -> None:
    ended = stage.perform(Reads())
    stage.turn(timedelta(seconds=5))

    assert stage.orchestrator.get(ended.command_id).status is Status.SUCCEEDED
    assert diary.notes == [MARKER]
    check_nothing_leaks(stage, ended.command_id)


def test_a_result_that_an_operator_says_is_sealed(stage: Stage, diary: Diary, disk: Disk) -> None:
    disk.is_quiet = True
    command_id = stage.submit(Reads())
    stage.play()
    part = stage.orchestrator.tree(command_id)[1].command_id
    stage.report(part, TaskStatus.LOST)

    stage.orchestrator.resolve(part, Outcome.SUCCEEDED, value={"user": "ann", "password": MARKER})
    stage.play()

    assert diary.notes == [MARKER]
    check_nothing_leaks(stage, command_id)


@pytest.mark.parametrize("as_text", [False, True])
def test_an_adapter_is_told_it_and_what_it_repeats_is_masked(
    stage: Stage, disk: Disk, as_text: bool
) -> None:
    ended = stage.perform(Mount(password=Secret(MARKER), as_text=as_text))
    stage.turn(timedelta(seconds=5))
    stage.turn(timedelta(seconds=5))

    assert stage.orchestrator.get(ended.command_id).status is Status.SUCCEEDED
    expected = {"url": f"nfs://x:{MARKER}@h/", "password": [MARKER]}
    assert len(disk.seen) >= 3
    assert all(one == expected for one in disk.seen)
    check_nothing_leaks(stage, ended.command_id)


def test_what_an_adapter_raises_is_told_without_it(stage: Stage, disk: Disk) -> None:
    disk.refuses = True

    ended = stage.perform(Mount(password=Secret(MARKER)))

    assert "is not welcome" in (ended.message or "")
    check_nothing_leaks(stage, ended.command_id)


def test_a_plan_hands_it_on(stage: Stage) -> None:
    ended = stage.perform(Handed(password=Secret(MARKER)))
    part = stage.orchestrator.tree(ended.command_id)[1].command_id
    (task,) = stage.orchestrator.tasks([part])

    assert has_sealed(task.request)
    assert stage.orchestrator.vault.in_plain(task, []).request == {
        "password": MARKER,
        "text": MARKER,
    }
    check_nothing_leaks(stage, ended.command_id)


def test_a_lock_that_names_it_is_refused(stage: Stage) -> None:
    with pytest.raises(BadInputError, match="its locks name a secret") as found:
        stage.submit(Locking(password=Secret(MARKER)))

    assert not leaks(str(found.value))


@pytest.mark.parametrize(
    "sent",
    [
        {"password": MARKER},
        {"password": MARKER, "user": 5},
        {"password": MARKER, "user": "noone-at-all"},
        {"password": MARKER, "user": "a", MARKER: 1},
        {"password": [MARKER], "user": "a"},
    ],
)
def test_what_is_wrong_with_parameters_is_told_without_it(
    stage: Stage, sent: dict[str, Any]
) -> None:
    with pytest.raises(BadInputError, match=r"secret\.checks: ") as found:
        stage.orchestrator.make("secret.checks", sent)

    if MARKER not in sent:  # the name of a field is no secret
        assert not leaks(str(found.value))
    with pytest.raises(ValidationError) as told:
        Checks.model_validate(sent)
    if MARKER not in sent and sent.get("user") != "noone-at-all":
        assert not leaks(str(told.value))


def test_texts_are_masked_as_long_as_a_secret_is_alive() -> None:
    secret, short = Secret(MARKER), Secret("abc")

    assert not leaks(masked_text(f"{MARKER} {MARKER!r} {json.dumps(MARKER)} second line of it"))
    assert masked_text("abc dabc (abc)") == f"{MASK} dabc ({MASK})"
    del short
    assert masked_text("abc") == "abc"
    assert secret


def test_the_catalog_knows_who_has_secrets() -> None:
    catalog = Catalog([Vaulted, MakeLogin, Both], [Diary()])

    assert catalog.of("secret.all").has_secrets
    assert not catalog.of("secret.both").has_secrets
    assert catalog.of("secret.make").returns_secrets
