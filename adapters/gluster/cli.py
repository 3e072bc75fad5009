"""Runs the `gluster` command and tells a yes from a no from a "not now"."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import timedelta

from adapters.gluster.xml import NotXmlError, Reply, read_reply
from orchestrator import Refused, TryAgain

SHORTEST_TIMEOUT = timedelta(seconds=15)
"""A start holds glusterd's lock for 5 s, other calls queue behind it: two starts make 10 s."""

_PASSING = (
    "Another transaction is in progress",
    "Another transaction could be in progress",
    "Locking failed",
    "Request timed out",
    "operations failed",  # a brick or a node did not answer; the task itself may be fine
)


class GlusterRefused(Refused):
    """Gluster said no; the message is its own text."""

    def __init__(self, asked: str, text: str, errno: int) -> None:
        super().__init__(text or f"gluster {asked} was refused without a reason (errno {errno})")
        self.text = text
        self.errno = errno


class GlusterCli:
    """The command line of one cluster.

    `command` is what stands before the words of a request, for instance
    `("gluster", "--glusterd-sock=/run/g.sock")`; a program with the same interface will do as well.
    """

    def __init__(self, command: Sequence[str], *, timeout: timedelta) -> None:
        self._command = tuple(command)
        self._timeout = timeout

    def ask(self, *words: str) -> Reply:
        """Runs one request and gives the answer.

        Raises `GlusterRefused` when Gluster says no; `TryAgain` when it could not be asked or did
        not answer, in which case the request *may* have been carried out.
        """
        # The exit code is not looked at: Gluster says no with 0 and 1 alike; opRet is what counts.
        asked = " ".join(words)
        printed = self._run(asked, [*self._command, "--mode=script", *words, "--xml"])
        try:
            reply = read_reply(printed)
        except NotXmlError as error:
            raise TryAgain(f"gluster {asked} printed {error}") from error
        if reply.returned == 0:
            return reply
        if any(sign in reply.text for sign in _PASSING):
            raise TryAgain(f"gluster {asked}: {reply.text}")
        raise GlusterRefused(asked, reply.text, reply.errno)

    def _run(self, asked: str, command: list[str]) -> str:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._timeout.total_seconds(),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TryAgain(
                f"gluster {asked} did not answer within {self._timeout.total_seconds():g} s"
            ) from error
        except OSError as error:
            raise TryAgain(
                f"{self._command[0]!r} cannot be run ({error.strerror}); "
                "check ORCHESTRATOR_GLUSTER_COMMAND",
                after=timedelta(seconds=30),
            ) from error
        if not done.stdout.strip() and done.stderr.strip():
            # A usage error: this Gluster does not know the request, and never will.
            raise GlusterRefused(asked, " ".join(done.stderr.split()), done.returncode)
        return done.stdout
