"""The deadline of a submission: a time of the calendar in UTC, however it was said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.core.errors import BadInputError


def deadline_at(deadline: datetime | timedelta | None, now: datetime) -> datetime | None:
    """Gives the time that is meant. Raises BadInputError for what is no point in time."""
    match deadline:
        case None:
            return None
        case datetime() if deadline.utcoffset() is None:
            raise BadInputError(
                f"the deadline {deadline.isoformat()} has no zone, so it may be any of several times;"
                " write datetime.now(UTC) + ..., or a timedelta from now"
            )
        case datetime() | timedelta():
            try:
                return (now + deadline if isinstance(deadline, timedelta) else deadline).astimezone(
                    UTC
                )
            except OverflowError as problem:
                raise BadInputError(
                    f"the deadline {deadline} lies beyond the calendar; give an earlier one, or none"
                ) from problem
    raise BadInputError(
        f"the deadline is of type {type(deadline).__name__}; give a datetime with its zone, or a timedelta"
    )
