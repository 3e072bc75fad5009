"""Lets vendors in where they have nothing of their own, and takes that back."""

from __future__ import annotations

from orchestrator.core.access import Grant, GrantAbout, check_attaches
from orchestrator.core.audit import Deed
from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import BadInputError, NotFoundError
from orchestrator.core.external import VENDOR_KINDS
from orchestrator.engine.deeds import deed_on
from orchestrator.engine.storable import stored_size
from orchestrator.engine.work import UnitOfWork
from orchestrator.engine.writer import Request, Writer


class Grants:
    """Gives and takes back grants; each leaves a row in the audit."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def give(
        self, about: GrantAbout, subject: str, vendor: str, reason: str, *, actor: str
    ) -> None:
        """Lets a vendor do something about a command or a kind. Given again, it stays as it is."""
        try:
            stored_size([vendor, subject])
        except ValueError as problem:
            raise BadInputError(f"the vendor cannot be stored: {problem}") from problem

        def note(unit: UnitOfWork) -> None:
            _hold(unit, about, subject)
            grant = Grant(
                about=about,
                subject=subject,
                vendor=vendor,
                granted_by=actor,
                reason=reason,
                at=unit.now,
            )
            unit.tx.grant(grant)
            _audit(unit, "grant", grant)

        self.writer.write(Request("", work=note))

    def take_back(
        self, about: GrantAbout, subject: str, vendor: str, reason: str, *, actor: str
    ) -> None:
        """Takes a grant back; what was done by it stays. Raises NotFoundError."""

        def strike(unit: UnitOfWork) -> None:
            _hold(unit, about, subject)
            if not unit.tx.withdraw(about, subject, vendor):
                raise NotFoundError(f"{vendor!r} has no grant for the {about} {subject}")
            grant = Grant(
                about=about,
                subject=subject,
                vendor=vendor,
                granted_by=actor,
                reason=reason,
                at=unit.now,
            )
            _audit(unit, "withdraw", grant)

        self.writer.write(Request("", work=strike))


def check_let_in(unit: UnitOfWork, parent: CommandEntity, vendor: str) -> None:
    """Raises NotAllowedError unless the vendor may add a task there, as it stands in this transaction."""
    open_to: tuple[str, ...] = ()
    if parent.kind in VENDOR_KINDS:
        payload = unit.tx.payloads([parent.command_id]).get(parent.command_id)
        open_to = tuple(payload.parameters.get("open_to", ())) if payload else ()
    granted = unit.tx.grants(GrantAbout.COMMAND, parent.command_id)
    check_attaches(vendor, parent, open_to, [one.vendor for one in granted])


def _hold(unit: UnitOfWork, about: GrantAbout, subject: str) -> None:
    """Locks the command, so that nobody is let in by a grant that is being taken back."""
    if about is GrantAbout.COMMAND and unit.command(subject) is None:
        raise NotFoundError(f"there is no command {subject}")


def _audit(unit: UnitOfWork, verb: str, grant: Grant) -> None:
    said = f"{grant.vendor}: {grant.reason}" if grant.reason else grant.vendor
    command = unit.command(grant.subject) if grant.about is GrantAbout.COMMAND else None
    if command is not None:
        unit.tx.audit(deed_on(command, grant.granted_by, verb, said, grant.at))
        return
    deed = Deed(
        actor=grant.granted_by,
        verb=verb,
        at=grant.at,
        reason=said,
        subject=f"kind {grant.subject}",
    )
    unit.tx.audit(deed)
