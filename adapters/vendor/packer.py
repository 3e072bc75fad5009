"""The packer of `vm.export_ova`: a vendor's program that runs on the hosts and writes OVA files.

    python -m adapters.vendor.packer --url URL --token TOKEN --vendor NAME --directory DIR

It claims tasks on the topic `ova.pack` and writes the file that is asked for, inside DIR and nowhere else: a tar of the
VM's description (`vm.xml`) and its disks (`<image>.img`). A volume that is not raw is converted by `qemu-img`. On
`ova.pack.undo` it removes the file. What it was at when it died is claimed and written anew. It ends when it is told to
(SIGTERM, Ctrl-C).
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import shutil
import signal
import subprocess
import tarfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from orchestrator import client
from orchestrator.client import Task

log = logging.getLogger("packer")

PACK, UNDO = "ova.pack", "ova.pack.undo"
RAW, QCOW2 = "raw", b"QFI\xfb"
WAIT_S, LEASE_S, RETRY_S = 5.0, 60.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the program was told on its command line."""

    url: str
    token: str
    vendor: str
    directory: Path


class Packer:
    """Packs until it is stopped, one file at a time."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._is_over = threading.Event()
        self._api = client.Vendor(orders.url, orders.token, retry_s=RETRY_S)

    def stop(self) -> None:
        """Lets it end; the file that it is at is left to whoever comes next."""
        self._is_over.set()

    def run(self) -> None:
        """Looks for work and does it."""
        with self._api:
            while not self._is_over.is_set():
                try:
                    tasks = self._api.claim(
                        PACK, UNDO, wait_s=WAIT_S, lease_s=LEASE_S, vendor=self._orders.vendor
                    )
                except client.ClientError as problem:
                    log.warning("%s", problem)
                    self._is_over.wait(1.0)
                    continue
                for task in tasks:
                    self._work(task)

    def _work(self, task: Task) -> None:
        try:
            with task:
                path = self._allowed(str(task.told["data"]["path"]))
                if task.told["topic"] == UNDO:
                    path.unlink(missing_ok=True)
                else:
                    task.result = self._pack(task, path)
        except client.ConflictError as problem:  # it is over, or somebody else's by now
            log.warning("%s", problem)
        except Exception:
            log.exception("task %s broke", task.id)

    def _allowed(self, wanted: str) -> Path:
        directory = self._orders.directory.resolve()
        path = Path(wanted).resolve()
        if not path.is_relative_to(directory) or path == directory:
            raise client.TaskFailed(
                f"{wanted} is not in {directory}, where alone files are written"
            )
        return path

    def _pack(self, task: Task, path: Path) -> dict[str, Any]:
        draft = path.with_name(f".{path.name}.{task.id}")
        data = task.told["data"]
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with tarfile.open(draft, "w") as archive:
                description = (data.get("domain_xml") or "").encode()
                _add(archive, "vm.xml", io.BytesIO(description), len(description))
                for number, disk in enumerate(data["disks"]):
                    self._add_disk(archive, disk, task, number / len(data["disks"]) * 100)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        return {"file": str(path), "size_bytes": path.stat().st_size}

    def _add_disk(
        self, archive: tarfile.TarFile, disk: dict[str, str], task: Task, done: float
    ) -> None:
        task.progress(done, f"image {disk['image_id']}")
        source, scratch = Path(disk["path"]), None
        try:
            with source.open("rb") as volume:
                is_raw = volume.read(4) != QCOW2
            if not is_raw:
                scratch = self._converted(source, disk["image_id"])
            with (scratch or source).open("rb") as content:
                size = content.seek(0, os.SEEK_END)
                content.seek(0)
                _add(archive, f"{disk['image_id']}.img", _Watched(content, task.check), size)
        except OSError as problem:
            raise client.TaskFailed(f"{source} cannot be read here: {problem}") from problem
        finally:
            if scratch is not None:
                scratch.unlink(missing_ok=True)

    def _converted(self, source: Path, image_id: str) -> Path:
        if shutil.which("qemu-img") is None:
            raise client.TaskFailed(f"{source} is not raw; install qemu-img on this host")
        scratch = self._orders.directory / f".{image_id}.{os.getpid()}.raw"
        command = ["qemu-img", "convert", "-O", RAW, str(source), str(scratch)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise client.TaskFailed(f"qemu-img cannot read {source}: {done.stderr.strip()}")
        return scratch


class _Watched:
    """A file that asks, now and then while it is read, whether the task is still wanted."""

    def __init__(self, file: BinaryIO, check: Callable[[], None]) -> None:
        self._file = file
        self._check = check

    def read(self, size: int = -1) -> bytes:
        self._check()
        return self._file.read(size)


def _add(archive: tarfile.TarFile, name: str, content: Any, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    archive.addfile(member, content)


def main() -> None:
    """Reads the command line and works until told to end."""
    logging.basicConfig(level=logging.INFO, format="packer: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    packer = Packer(read_orders())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: packer.stop())
    packer.run()


def read_orders(words: list[str] | None = None) -> Orders:
    """Reads the command line; the token may come from ORCHESTRATOR_TOKEN instead."""
    parser = argparse.ArgumentParser(prog="python -m adapters.vendor.packer", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--token", default=os.environ.get("ORCHESTRATOR_TOKEN", ""))
    parser.add_argument("--vendor", required=True)
    parser.add_argument("--directory", type=Path, required=True, help="where files may be written")
    return Orders(**vars(parser.parse_args(words)))


if __name__ == "__main__":
    main()
