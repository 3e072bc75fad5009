"""Keys of secrets: none, one, another, and the way from one to the next."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from orchestrator import (
    Secret,
)
from orchestrator.core.errors import BadInputError, ConflictError
from orchestrator.core.status import Status
from orchestrator.engine.keyring import Keyring, key_id
from orchestrator.engine.vault import Vault
from orchestrator.testing import Stage
from tests.engine.acts import Diary
from tests.engine.conftest import Stages
from tests.engine.secretive import (
    KINDS,
    MARKER,
    NEW,
    OLD,
    Disk,
    Login,
    MakeLogin,
    Masked,
    Mount,
    Vaulted,
    leaks,
)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def stage(stages: Stages, disk: Disk) -> Stage:
    return stages(*KINDS, supplies=(disk,))


def test_without_a_key_it_is_refused_with_its_field_and_a_way_out(
    stages: Stages, disk: Disk
) -> None:
    stage = stages(*KINDS, supplies=(disk,), secret_keys=())

    with pytest.raises(
        BadInputError, match=r"login\.password is secret.*orchestrator secret-key new"
    ):
        stage.submit(Vaulted.model_construct(login=Login(user="a", password=Secret("b"))))
    ended = stage.perform(MakeLogin())
    assert ended.status is Status.DELAYED
    assert "waits for a worker with a key" in (ended.message or "")


def test_what_only_looks_encrypted_is_refused(stage: Stage) -> None:
    forged = {"$secret": Keyring((OLD,)).encrypt('"x"')}

    with pytest.raises(BadInputError, match="encrypted already"):
        stage.submit(Vaulted(password=Secret("a"), anything=forged))
    assert stage.perform(Vaulted(password=Secret("a"), anything={"$secret": 1})).status is (
        Status.SUCCEEDED
    )


def test_a_secret_of_pydantics_as_a_result_is_refused(stage: Stage) -> None:
    ended = stage.perform(Masked())

    assert ended.status is Status.FAILED
    assert "declare orchestrator.Secret" in (ended.message or "")


def with_keys(stage: Stage, *keys: str) -> None:
    """Has the stage go on with these keys, as processes that were started anew."""
    vault = Vault(Keyring(keys), stage.catalog)
    stage.writer.vault = stage.runner.caller.vault = vault
    stage.runner.caller.supplier.vault = vault


def test_a_command_whose_key_is_gone_waits_and_then_runs(
    stages: Stages, diary: Diary, disk: Disk
) -> None:
    stage = stages(*KINDS, supplies=(disk,), secret_keys=(OLD,))
    command_id = stage.submit(Vaulted(password=Secret(MARKER)))
    with_keys(stage, NEW)

    stage.play()
    waits = stage.orchestrator.get(command_id)
    assert waits.status is Status.DELAYED
    assert f"waits for the key {key_id(OLD)}" in (waits.message or "")
    assert not diary.notes

    with_keys(stage, NEW, OLD)
    stage.turn(timedelta(seconds=30))
    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED
    assert diary.notes[1].password.get_secret_value() == MARKER  # type: ignore[attr-defined]


def test_a_task_whose_key_is_gone_is_not_asked_about(stages: Stages, disk: Disk) -> None:
    stage = stages(*KINDS, supplies=(disk,), secret_keys=(OLD,))
    command_id = stage.submit(Mount(password=Secret(MARKER)))
    stage.inbox.launch(stage.runner.run(stage.inbox.nudges.popleft()).ready)
    with_keys(stage, NEW)
    stage.turn(timedelta(seconds=60))

    assert len(disk.seen) <= 1
    assert stage.orchestrator.get(command_id).status is Status.WAITING

    with_keys(stage, NEW, OLD)
    stage.turn(timedelta(seconds=60))
    assert stage.orchestrator.get(command_id).status is Status.SUCCEEDED


def test_the_same_request_is_known_by_its_secret_and_by_no_plain_hash(
    stages: Stages, disk: Disk
) -> None:
    stage = stages(*KINDS, supplies=(disk,), secret_keys=(OLD,))

    def ask(password: str) -> str:
        return stage.submit(Vaulted(password=Secret(password)), idempotency_key="k")

    first = ask(MARKER)
    assert ask(MARKER) == first
    with pytest.raises(ConflictError, match="was used for another request") as found:
        ask("another")
    assert not leaks(str(found.value))

    with_keys(stage, NEW, OLD)
    assert ask(MARKER) == first
    with pytest.raises(ConflictError, match="was used for another request"):
        ask("another")

    with_keys(stage, NEW)
    with pytest.raises(ConflictError, match=f"key {key_id(OLD)}, which is not set any more"):
        ask(MARKER)


def test_a_rotation_seals_anew(stage: Stage) -> None:
    before = Vault(Keyring((OLD,)))
    value = before.sealing().hidden({"a": [Secret({"b": Secret(MARKER)})], "c": 1})
    left = Counter[str]()
    after = Vault(Keyring((NEW, OLD))).resealed(value, left)

    assert not left
    assert Vault(Keyring((NEW,))).plain(after, []) == {"a": [{"b": MARKER}], "c": 1}
    assert Vault(Keyring((NEW,))).resealed(value, left) == value
    assert left == {key_id(OLD): 1}


@pytest.mark.parametrize("key", ["", "short", "é" * 44, "A" * 44, OLD[:-1], OLD + OLD])
def test_what_is_no_key_is_refused_without_it(key: str) -> None:
    with pytest.raises(BadInputError, match="is no key") as found:
        Keyring((key,))

    assert not key or key not in str(found.value)
