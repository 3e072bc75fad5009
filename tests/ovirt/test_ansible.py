"""Ansible's module `ovirt.ovirt.ovirt_job`, unchanged, over TLS."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from orchestrator import external
from orchestrator.core.access import Role
from tests.api.served import Note, Served
from tests.ovirt.clients import clients
from tests.ovirt.conftest import Client

JOB = "Clone <vm> & co ž"


def played(client: Client, folder: Path, *runs: dict[str, Any]) -> list[dict[str, Any]]:
    """Plays a playbook that logs in and then uses the module once for each run; gives what each said."""
    auth = "{{ ovirt_auth }}"
    login = {"url": f"{client.url}/ovirt-engine/api", "username": client.user}
    login |= {"password": client.password, "ca_file": str(client.ca_file)}
    tasks: list[dict[str, Any]] = [{"ovirt.ovirt.ovirt_auth": login, "no_log": True}]
    for number, run in enumerate(runs):
        used = {"auth": auth, **run}
        tasks.append({"ovirt.ovirt.ovirt_job": used, "register": f"run{number}"})
    results = {f"r{number}": f"{{{{ run{number} }}}}" for number in range(len(runs))}
    out = folder / "results.json"
    copied = {"content": "{{ results | to_json }}", "dest": str(out)}
    tasks.append({"vars": {"results": results}, "ansible.builtin.copy": copied})
    revoked = {"state": "absent", "ovirt_auth": auth}
    tasks.append({"ovirt.ovirt.ovirt_auth": revoked, "no_log": True})
    after = {"auth": auth, "description": "late"}
    tasks.append(
        {"ovirt.ovirt.ovirt_job": after, "register": "late", "failed_when": "late is success"}
    )
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    (folder / "play.yml").write_text(json.dumps(play))
    _run(folder)
    found = json.loads(out.read_text())
    return [found[f"r{number}"] for number in range(len(runs))]


def _run(folder: Path) -> None:
    home = clients()
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(home),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_PYTHON_INTERPRETER": str(home / "bin" / "python"),
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [
            str(home / "bin" / "ansible-playbook"),
            "-i",
            "localhost,",
            "-c",
            "local",
            str(folder / "play.yml"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_the_module_makes_moves_and_ends_jobs(
    house: Served, client: Client, tmp_path: Path
) -> None:
    stage = house.stage
    engines = stage.submit(Note(text=JOB))
    two = {"description": JOB, "steps": [{"description": "one"}, {"description": "two ž"}]}
    one_done = {"description": JOB, "steps": [{"description": "one", "state": "finished"}]}
    failed = [{"description": "one"}, {"description": "breaks", "state": "failed"}]

    runs = played(
        client,
        tmp_path,
        two,
        two,
        one_done,
        one_done,
        {"description": JOB, "state": "finished"},
        {"description": JOB, "state": "absent"},
        {"description": "Fails", "steps": [{"description": "one"}, {"description": "breaks"}]},
        {"description": "Fails", "steps": failed[1:]},
        {"description": "Fails"},
        {"description": "Fails", "state": "failed"},
    )

    changed = [one["changed"] for one in runs]
    assert changed == [True, False, True, False, True, False, True, True, True, True]
    jobs = [stage.orchestrator.get(runs[number]["id"]) for number in (0, 6, 8)]
    assert [one.status.value for one in jobs] == ["succeeded", "failed", "failed"]
    assert {one.owner_id for one in jobs} == {"netapp"}
    assert engines not in {one.command_id for one in jobs}


def test_a_command_of_the_engine_is_not_taken_for_the_clients_job(
    house: Served, client: Client, tmp_path: Path
) -> None:
    password = house.tokens.create("root", Role.ADMIN)
    admin = Client(client.url, client.ca_file, "root@internal", password)
    mine = house.stage.submit(external("acme", "Not yours"))
    note = house.stage.submit(Note(text="Taken?"))

    (made,) = played(admin, tmp_path, {"description": "Note Taken?"})

    assert made["changed"]
    assert made["id"] not in (mine, note)
