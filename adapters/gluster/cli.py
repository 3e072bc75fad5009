"""Runs the `gluster` command and tells a yes from a no from a "not now"."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import BoundedSemaphore

from adapters.gluster.xml import NotXmlError, Reply, read_reply
from orchestrator import Refused, TryAgain

SHORTEST_TIMEOUT = timedelta(seconds=15)
"""A start holds glusterd's lock for 5 s, other calls queue behind it: two starts make 10 s."""

CALLS_AT_ONCE = 4
WAIT_FOR_PERMIT_S = 1.0
"""How long a call waits for another one to its cluster to end, before it is tried again later."""

_PASSING = (
    "Another transaction is in progress",
    "Another transaction could be in progress",
    "Locking failed",
    "Request timed out",
    "operations failed",  # a brick or a node did not answer; the task itself may be fine
)

_NO_TASK = re.compile(r"(rebalance|remove-brick) not started for volume ", re.IGNORECASE)
_UNKNOWN_WORDS = re.compile(
    r"(unrecognized (word|command)\b|Usage:\s*(gluster|volume|peer|pool|snapshot)\s)"
)


class GlusterRefused(Refused):
    """Gluster said no; the message is its own text."""

    def __init__(self, text: str, errno: int) -> None:
        super().__init__(text)
        self.text = text
        self.errno = errno

    @property
    def says_no_task(self) -> bool:
        """Whether the no is that the volume has no such task; a volume that is down is another."""
        return _NO_TASK.match(self.text) is not None


class GlusterCli:
    """The command line of one cluster.

    `command` is what stands before the words of a request, for instance
    `("gluster", "--glusterd-sock=/run/g.sock")`; a program with the same interface will do as well.
    `("ssh", "root@g1", "gluster")` runs it elsewhere. At most `calls_at_once` calls are under way:
    a cluster that hangs holds up that many threads, and not all that serve other systems.
    """

    def __init__(
        self, command: Sequence[str], *, timeout: timedelta, calls_at_once: int = CALLS_AT_ONCE
    ) -> None:
        self._command = tuple(command)
        self._timeout = timeout
        self._calls_at_once = calls_at_once
        self._permits = BoundedSemaphore(calls_at_once)
        # ssh joins its words, and a shell of the other side takes them apart: a name with a space
        # or a semicolon in it would be read as more than a name.
        self._is_shell = Path(self._command[0]).name == "ssh"

    def has_room(self) -> bool:
        """Whether a call would be made at once."""
        has = self._permits.acquire(blocking=False)
        if has:
            self._permits.release()
        return has

    def ask(self, *words: str) -> Reply:
        """Runs one request and gives the answer.

        Raises `GlusterRefused` when Gluster says no; `TryAgain` when it could not be asked or did
        not answer, in which case the request *may* have been carried out.
        """
        # The exit code is not looked at: Gluster says no with 0 and 1 alike; opRet is what counts.
        asked = " ".join(words)
        done = self._run(asked, (*words, "--xml"))
        try:
            reply = read_reply(done.stdout)
        except NotXmlError as error:
            said = " ".join(f"{done.stdout} {done.stderr}".split())
            if done.returncode == 1 and _UNKNOWN_WORDS.match(said):
                # This Gluster does not know the request, and never will.
                raise GlusterRefused(said, done.returncode) from error
            if not said and any(word.startswith("--remote-host") for word in self._command):
                said = "gluster --remote-host only reads; to change something, run it by ssh"
            # All else may be the way to Gluster (ssh, sudo, a container): that is no answer.
            raise TryAgain(
                f"gluster {asked} ended with code {done.returncode} and no answer: {said or error}"
            ) from error
        if reply.returned == 0:
            return reply
        if not reply.text:
            raise TryAgain(f"gluster {asked} failed without a reason (errno {reply.errno})")
        if any(sign in reply.text for sign in _PASSING):
            raise TryAgain(f"gluster {asked}: {reply.text}")
        raise GlusterRefused(reply.text, reply.errno)

    def ask_in_words(self, *words: str) -> str:
        """Runs a request that Gluster answers in plain text only, and gives that text.

        Raises `TryAgain` with what was said on any failure: a no in words may be a passing one.
        """
        asked = " ".join(words)
        done = self._run(asked, words)
        if done.returncode:
            said = " ".join(f"{done.stdout} {done.stderr}".split())
            raise TryAgain(f"gluster {asked} ended with code {done.returncode}: {said}")
        return done.stdout

    def _run(self, asked: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        said = ("--mode=script", *words)
        quoted = (shlex.quote(word) for word in said)
        command = [*self._command, *(quoted if self._is_shell else said)]
        if not self._permits.acquire(timeout=WAIT_FOR_PERMIT_S):
            raise TryAgain(
                f"gluster {asked} waits: {self._calls_at_once} calls to its cluster are under way",
                after=timedelta(seconds=2),
            )
        try:
            return self._run_now(asked, command)
        finally:
            self._permits.release()

    def _run_now(self, asked: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        try:
            # A session of its own: what the program starts can then be killed with it.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise TryAgain(
                f"{self._command[0]!r} cannot be run ({error.strerror}); "
                "check ORCHESTRATOR_GLUSTER_COMMAND",
                after=timedelta(seconds=30),
            ) from error
        with process:
            try:
                stdout, stderr = process.communicate(timeout=self._timeout.total_seconds())
            except BaseException as error:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                raise TryAgain(
                    f"gluster {asked} did not answer within {self._timeout.total_seconds():g} s"
                ) from error
        if process.returncode < 0:
            raise TryAgain(f"gluster {asked} was killed by signal {-process.returncode}")
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)
