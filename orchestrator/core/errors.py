"""Every error of ours, in one tree: what happened, to which thing, in which state, what to do."""

from __future__ import annotations

from datetime import timedelta

LONGEST = timedelta(days=3650)
"""The longest wait there is: what is longer is cut to this, or it would lead past the end of the calendar."""


class OrchestratorError(Exception):
    """The root of all errors that this project raises on purpose."""


class BadCommandError(OrchestratorError):
    """A command class or a catalog is wrong; found when the program starts."""


class BadInputError(OrchestratorError):
    """What the caller sent cannot be accepted: unknown kind, wrong parameters, an impossible plan."""


class NotFoundError(OrchestratorError):
    """There is no such command, task, token or worker."""


class ConflictError(OrchestratorError):
    """The thing exists, and its present state does not allow what was asked."""


class UnreadableRowError(ConflictError):
    """A row of the database cannot be read, so nothing can happen to the command that it holds."""


class NotAllowedError(OrchestratorError):
    """The caller is known and lacks the permission."""


class UnavailableError(OrchestratorError):
    """A part that we need (database, broker, outside system) does not answer; try again later."""


class ContendedError(OrchestratorError):
    """Another transaction was in the way (deadlock, serialisation, busy); the same again will do."""


class UnreadableError(OrchestratorError):
    """A stored command cannot be read by this code: its kind, version or parameters are unknown here."""


class Refused(Exception):  # noqa: N818 - a verb says "refused"; it is an answer, not a fault of the program
    """Raised by a verb: this may not be done; trying again would not help."""


class TryAgain(Exception):  # noqa: N818 - as above: an answer
    """Raised by a verb or an adapter: a passing condition outside; ask again, at no cost in attempts.

    `after` is how long to wait before the next try. `untouched` is for an adapter's start: it says that nothing of it
    has reached the system, so that a command which is stopped meanwhile is known not to have begun there.
    """

    def __init__(
        self,
        message: str,
        *,
        after: timedelta = timedelta(seconds=5),
        untouched: bool = False,
    ) -> None:
        super().__init__(message)
        self.after = after
        self.untouched = untouched


def as_clause(sentence: str) -> str:
    """Gives a sentence as part of another one: its first letter small, and no other, which may mean something."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]
