"""oVirt's own Python SDK, unchanged, over TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.core.access import Role
from tests.api.served import Served
from tests.ovirt.conftest import Client, said_by, working

DEEDS = (
    "a_job_is_made_nested_and_ended",
    "a_failed_step_fails_the_job",
    "force_aborts_what_is_open",
    "open_steps_end_as_the_job_does",
    "what_is_wrong_is_refused",
    "jobs_are_found",
    "a_lost_login_is_renewed_and_nothing_is_done_twice",
)


@pytest.mark.parametrize("deed", DEEDS)
def test_the_sdk_works_unchanged(client: Client, deed: str) -> None:
    client.does(deed)


def test_a_wrong_password_and_a_wrong_name_are_refused(client: Client) -> None:
    wrong = Client(client.url, client.ca_file, client.user, "wrong")
    stranger = Client(client.url, client.ca_file, "nobody@internal", client.password)

    wrong.does("a_wrong_password_is_refused")
    stranger.does("a_wrong_password_is_refused")


def test_three_vendors_at_once_see_their_own_jobs_only(house: Served, client: Client) -> None:
    names = ("acme", "globex", "initech")
    vendors = [
        Client(client.url, client.ca_file, name, house.tokens.create(name, Role.VENDOR))
        for name in names
    ]

    running = [one.started("many_jobs_are_done") for one in vendors]

    for one in running:
        said_by(one)


def test_a_job_outlives_a_restart_of_the_server(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    with working(tmp_path, certificate) as house:
        password = house.tokens.create("acme", Role.VENDOR)
        first = Client(house.url, certificate[0], "acme", password)
        ids = first.does("a_job_is_left_open").split()

    with working(tmp_path, certificate) as house:
        Client(house.url, certificate[0], "acme", password).does("a_job_is_taken_up_again", *ids)

        assert house.stage.orchestrator.get(ids[0]).status == "succeeded"
