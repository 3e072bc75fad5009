"""oVirt's API as it goes over the wire: XML and JSON, faults, logins, hostile bodies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from orchestrator.app import VendorReport
from orchestrator.core.access import Role, digest_of
from orchestrator.core.asynctask import TaskStatus
from tests.api.served import Guarded, Served, served
from tests.ovirt.conftest import at_work

API = "/ovirt-engine/api"
TOKEN = "/ovirt-engine/sso/oauth/token"
XML = {"Content-Type": "application/xml"}
BOMB = b'<!DOCTYPE job [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><job><description>&b;</description></job>'
READER = b'<!DOCTYPE job [<!ENTITY a SYSTEM "file:///etc/passwd">]><job><description>&a;</description></job>'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("wire"), patience_s=10.0) as house, at_work(house.stage):
        yield house


@pytest.fixture(scope="module")
def netapp(house: Served) -> httpx.Client:
    return house.client("netapp", Role.VENDOR)


def job_by(client: httpx.Client, description: str = "Clone", prefix: str = API) -> str:
    body = f"<job><description>{description}</description></job>"
    answer = client.post(f"{prefix}/jobs", content=body, headers=XML)
    assert answer.status_code == 201, answer.text
    return ET.fromstring(answer.text).attrib["id"]


def logged_in(house: Served, user: str, password: str) -> httpx.Response:
    form = {"grant_type": "password", "scope": "ovirt-app-api"}
    return house.bare().post(TOKEN, data={**form, "username": user, "password": password})


@pytest.mark.parametrize("prefix", [API, f"{API}/v4"])
def test_links_keep_the_prefix_that_the_client_uses(netapp: httpx.Client, prefix: str) -> None:
    job = job_by(netapp, prefix=prefix)

    shown = netapp.get(f"{prefix}/jobs/{job}?follow=steps")

    hrefs = [one.attrib["href"] for one in ET.fromstring(shown.text).iter() if "href" in one.attrib]
    assert len(hrefs) > 4
    assert all(one.startswith(f"{prefix}/") for one in hrefs)
    assert ("/v4/" in shown.text) == prefix.endswith("v4")
    assert netapp.get(prefix).status_code == 200


def test_location_names_the_new_job(netapp: httpx.Client) -> None:
    made = netapp.post(f"{API}/jobs", content="<job><description>x</description></job>")

    found = netapp.get(made.headers["Location"])

    assert found.status_code == 200
    assert found.headers["Content-Type"].startswith("application/xml")


def test_json_has_the_same_names_and_its_truth_in_words(netapp: httpx.Client) -> None:
    asked = {"Accept": "application/json"}
    job = netapp.post(f"{API}/jobs", json={"description": "j", "auto_cleared": True}, headers=asked)
    steps = f"{API}/jobs/{job.json()['id']}/steps"
    step = {"description": "s", "type": "validating", "progress": 10}

    made = netapp.post(steps, json=step, headers=asked).json()
    moved = netapp.put(f"{steps}/{made['id']}", json={"progress": "55"}, headers=asked).json()

    assert (job.json()["auto_cleared"], job.json()["external"]) == ("true", "true")
    assert (made["progress"], made["type"], moved["progress"]) == ("10", "validating", "55")
    assert netapp.get(steps, headers=asked).json()["step"][0]["id"] == made["id"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BOMB, id="entities"),
        pytest.param(READER, id="a file"),
        pytest.param(b"<!DOCTYPE job><job/>", id="a document type"),
        pytest.param(b"<job><description>x</job>", id="torn"),
        pytest.param(b"<step/>", id="another root"),
        pytest.param(b"<job>" * 200 + b"</job>" * 200, id="deep"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b'<?xml version="1.0" encoding="nonsense"?><job/>', id="no encoding"),
        pytest.param(b"<job><description><b>x</b></description></job>", id="no text inside"),
        pytest.param(b"<job><description>x</description><auto_cleared>7</auto_cleared></job>", id="no flag"),
        pytest.param(b"<job><description> </description></job>", id="blanks"),
        pytest.param(b"<job/>", id="nothing"),
        pytest.param(b"", id="no body"),
    ],
)  # fmt: skip
def test_a_hostile_or_useless_body_is_a_fault(netapp: httpx.Client, body: bytes) -> None:
    before = netapp.get(f"{API}/jobs").text.count("<job ")

    answer = netapp.post(f"{API}/jobs", content=body, headers=XML)

    assert answer.status_code == 400
    fault = ET.fromstring(answer.text)
    assert fault.tag == "fault"
    assert fault.findtext("reason")
    assert netapp.get(f"{API}/jobs").text.count("<job ") == before


@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_a_large_body_is_refused(netapp: httpx.Client, size: int) -> None:
    body = b"<job><description>" + b"x" * size + b"</description></job>"

    assert netapp.post(f"{API}/jobs", content=body, headers=XML).status_code == 413


def test_a_fault_of_an_action_is_wrapped_in_it(netapp: httpx.Client) -> None:
    answer = netapp.post(
        f"{API}/jobs/11111111-1111-1111-1111-111111111111/end", content="<action/>"
    )

    assert answer.status_code == 404
    action = ET.fromstring(answer.text)
    assert (action.tag, action.findtext("status")) == ("action", "failed")
    assert "there is no job" in (action.findtext("fault/detail") or "")


def test_the_token_is_checked_before_the_body_means_anything(house: Served) -> None:
    answer = house.bare().post(f"{API}/jobs", content="<job", headers=XML)

    assert (answer.status_code, answer.content) == (401, b"")


def test_a_name_and_a_password_are_a_tokens_name_and_its_secret(house: Served) -> None:
    secret = house.tokens.create("emc-1", Role.VENDOR, vendor="emc")

    for user in ("emc-1", "emc-1@internal", "emc", "emc@any"):
        assert logged_in(house, user, secret).status_code == 200
    for user in ("netapp", "admin@internal", ""):
        refused = logged_in(house, user, secret)
        assert (refused.status_code, refused.json()["error_code"]) == (400, "access_denied")
    assert house.bare(auth=("emc-1@internal", secret)).get(f"{API}/jobs").status_code == 200
    assert house.bare(auth=("netapp", secret)).get(f"{API}/jobs").status_code == 401


def test_a_login_ends_with_its_time_its_logout_and_its_token(house: Served) -> None:
    secret = house.tokens.create("hitachi", Role.VENDOR)
    digest = digest_of(secret)
    now = house.tokens._store.now()
    out, over = (house.tokens.log_in(digest, now + timedelta(hours=h)) for h in (1, -1))
    kept = logged_in(house, "hitachi", secret).json()["access_token"]

    def status(token: str) -> int:
        return (
            house.bare(headers={"Authorization": f"Bearer {token}"}).get(f"{API}/jobs").status_code
        )

    assert (status(kept), status(out), status(over)) == (200, 200, 401)
    done = house.bare().post("/ovirt-engine/services/sso-logout", data={"token": out})
    assert (done.status_code, done.json()) == (200, {})
    assert (status(kept), status(out)) == (200, 401)
    house.tokens.revoke("hitachi")
    assert status(kept) == 401


def test_a_failed_step_and_its_job_end_in_one_transaction(
    house: Served, netapp: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, step = job_by(netapp), {"description": "s", "type": "executing"}
    steps = f"{API}/jobs/{job}/steps"
    first, _ = (netapp.post(steps, json=step).headers["Location"] for _ in range(2))
    front, calls = house.stage.orchestrator, list[int]()
    report = front.report_external

    def counted(reports: Sequence[VendorReport], **more: Any) -> Any:
        calls.append(len(reports))
        return report(reports, **more)

    monkeypatch.setattr(front, "report_external", counted)
    answer = netapp.post(f"{first}/end", json={"succeeded": False})

    assert (answer.status_code, calls) == (200, [3])
    found = netapp.get(steps, headers={"Accept": "application/json"}).json()["step"]
    assert [one["status"] for one in found] == ["failed", "failed"]
    assert house.stage.orchestrator.wait(job, 10).status == "failed"


def test_a_step_that_ended_otherwise_takes_nothing_down(
    house: Served, netapp: httpx.Client
) -> None:
    job, step = job_by(netapp), {"description": "s", "type": "executing"}
    steps = f"{API}/jobs/{job}/steps"
    done, other = (netapp.post(steps, json=step).headers["Location"] for _ in range(2))
    netapp.post(f"{done}/end", json={"succeeded": True})

    refused = netapp.post(f"{done}/end", json={"succeeded": False})

    shown = [
        netapp.get(one, headers={"Accept": "application/json"}).json()["status"]
        for one in (f"{API}/jobs/{job}", other)
    ]
    assert (refused.status_code, shown) == (409, ["started", "started"])


def test_a_job_that_ended_otherwise_leaves_its_steps(house: Served, netapp: httpx.Client) -> None:
    job, rival = job_by(netapp), {"description": "s", "type": "executing"}
    ends = f"{API}/jobs/{job}/end"
    kept = netapp.post(f"{API}/jobs/{job}/steps", json=rival).headers["Location"]
    root = VendorReport(command_id=job, vendor="netapp", status=TaskStatus.SUCCEEDED)
    house.stage.orchestrator.report_external([root])  # the job alone: its step goes on

    refused = netapp.post(ends, json={"succeeded": False})
    shown = netapp.get(kept, headers={"Accept": "application/json"}).json()

    assert (refused.status_code, shown["status"]) == (409, "started")


def test_a_vendor_touches_no_job_of_another(house: Served, netapp: httpx.Client) -> None:
    rival = house.client("rival", Role.VENDOR)
    job = job_by(netapp)
    step = netapp.post(
        f"{API}/jobs/{job}/steps", json={"description": "s", "type": "executing"}
    ).headers["Location"]

    answers = [
        rival.get(f"{API}/jobs/{job}"),
        rival.get(f"{API}/jobs/{job}/steps"),
        rival.post(f"{API}/jobs/{job}/end"),
        rival.post(f"{API}/jobs/{job}/clear"),
        rival.post(f"{API}/jobs/{job}/steps", json={"description": "s", "type": "executing"}),
        rival.get(step),
        rival.put(step, json={"progress": 1}),
        rival.post(f"{step}/end"),
    ]

    assert {one.status_code for one in answers} == {404}
    assert job not in rival.get(f"{API}/jobs").text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_who_reports_nothing_may_only_look(house: Served, netapp: httpx.Client, role: Role) -> None:
    job = job_by(netapp)
    looker = house.client(f"the {role}", role)

    assert looker.get(f"{API}/jobs/{job}").status_code == 200
    assert job in looker.get(f"{API}/jobs").text
    made = looker.post(f"{API}/jobs", json={"description": "x"})
    assert (made.status_code, looker.post(f"{API}/jobs/{job}/end").status_code) == (403, 403)


def test_a_stop_reaches_a_job_like_any_command(house: Served, netapp: httpx.Client) -> None:
    job = job_by(netapp, "Stopped")

    house.client("alice", Role.OPERATOR).post(f"/api/v1/commands/{job}/stop", json={})
    netapp.post(f"{API}/jobs/{job}/end", content="<action><succeeded>false</succeeded></action>")

    assert house.stage.orchestrator.wait(job, 10).status == "stopped"
    assert ET.fromstring(netapp.get(f"{API}/jobs/{job}").text).findtext("status") == "aborted"


def test_an_engines_command_is_found_by_its_correlation_id_alone(house: Served) -> None:
    viewer = house.client("victor", Role.VIEWER)
    command = house.stage.submit(Guarded(vm="v"), correlation_id="corr-engine")

    assert command not in viewer.get(f"{API}/jobs").text
    found = viewer.get(f"{API}/jobs", params={"search": "correlation_id=corr-engine"})
    assert command in found.text
    assert "<external>false</external>" in found.text
    assert viewer.get(f"{API}/jobs/{command}/steps").text.count("<step ") == 3


def test_a_vendor_adds_and_ends_nothing_where_it_was_not_let_in(house: Served) -> None:
    acme = house.client("acme", Role.VENDOR)
    command = house.stage.submit(Guarded(vm="w"))
    step = {"description": "s", "type": "executing"}

    refused = acme.post(f"{API}/jobs/{command}/steps", json=step)

    assert refused.status_code == 403
    assert acme.post(f"{API}/jobs/{command}/end").status_code == 409
