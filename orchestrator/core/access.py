"""Who may do what: roles, what each is allowed, whose a command is, and the tokens that carry it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from orchestrator.core.entity import CommandEntity
from orchestrator.core.errors import NotAllowedError

VENDOR_OWNED = "vendor"
"""The `owner_type` of what belongs to a vendor: its tasks, and the commands that it submitted."""


class Permission(StrEnum):
    """One thing that a caller may do."""

    READ = "read"  # see all commands, workers, locks, the feed
    READ_OWN = "read_own"  # see its own trees, and what encloses them
    OPERATE = "operate"  # submit, stop, restart, skip, clear, resolve
    REPORT = "report"  # register external tasks and report on them
    ADMINISTER = "administer"  # make and revoke tokens
    ACT_FOR_OTHERS = "act_for_others"  # submit in the name of another owner


class GrantAbout(StrEnum):
    """What a grant is about."""

    COMMAND = "command"
    KIND = "kind"


class Role(StrEnum):
    """What a token makes of its bearer."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    VENDOR = "vendor"

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that the role may do."""
        return ALLOWED[self]


ALLOWED = {
    Role.ADMIN: frozenset(Permission),
    Role.OPERATOR: frozenset({Permission.READ, Permission.READ_OWN, Permission.OPERATE}),
    Role.VIEWER: frozenset({Permission.READ, Permission.READ_OWN}),
    Role.VENDOR: frozenset({Permission.READ_OWN, Permission.REPORT}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is stored: not the secret itself, only its SHA-256 in hexadecimal.

    `vendor` is whom it speaks for, with the role vendor; several tokens may speak for one.
    """

    name: str
    role: Role
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    vendor: str | None = None
    acts_for_others: bool = False

    def bearer(self) -> Caller:
        """Gives who asks with it."""
        return Caller(self.name, self.role, self.vendor, self.acts_for_others)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name of its token, and the vendor that it speaks for, if it is one's."""

    name: str
    role: Role
    vendor: str | None = None
    acts_for_others: bool = False

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that it may do."""
        extra = {Permission.ACT_FOR_OTHERS} if self.acts_for_others else set()
        return self.role.permissions | extra

    @property
    def owner(self) -> tuple[str, str]:
        """Gives whom what it submits belongs to: the owner and the owner's type."""
        if self.role is Role.VENDOR:
            return self.vendor or self.name, VENDOR_OWNED
        return self.name, "user"

    def why_not(self, permission: Permission) -> str | None:
        """Says why the caller may not, naming the roles that would do; None when it may."""
        if permission in self.permissions:
            return None
        would_do = " or ".join(role for role in Role if permission in role.permissions)
        return f"{self.name!r} has the role {self.role}; to {permission} takes the role {would_do}"

    def need(self, permission: Permission) -> None:
        """Raises NotAllowedError, naming the roles that would do, when the caller may not."""
        refused = self.why_not(permission)
        if refused is not None:
            raise NotAllowedError(refused)


def is_of_vendor(command: CommandEntity, vendor: str) -> bool:
    """Tells whether a command belongs to a vendor: its task, or what it submitted."""
    return command.owner_type == VENDOR_OWNED and command.owner_id == vendor


def check_attaches(
    vendor: str, parent: CommandEntity, open_to: Collection[str], granted: Collection[str]
) -> None:
    """Raises NotAllowedError unless a vendor may add a task under that command.

    It may under its own; where the plan says `open_to`; and where it was granted.
    """
    if is_of_vendor(parent, vendor) or vendor in open_to or vendor in granted:
        return
    raise NotAllowedError(
        f"the vendor {vendor!r} was not let in at command {parent.command_id} ({parent.kind});"
        " its owner or an operator may grant it"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a vendor was let do beside its own: add tasks under a command, or submit commands of a kind."""

    about: GrantAbout
    subject: str
    vendor: str
    granted_by: str
    reason: str
    at: datetime


class Sight(StrEnum):
    """How much of a command a caller sees."""

    WHOLE = "whole"
    OUTLINE = "outline"  # how it stands; no parameters, texts, results
    NOTHING = "nothing"


class Tokens(Protocol):
    """Where tokens are kept. All methods raise UnavailableError while it does not answer."""

    def create(
        self,
        name: str,
        role: Role,
        *,
        vendor: str | None = None,
        expires_at: datetime | None = None,
        acts_for_others: bool = False,
        actor: str = "engine",
    ) -> str:
        """Makes a token and gives its secret, which is shown this once.

        A token of the role vendor speaks for `vendor`, or the vendor of its own name. Raises ConflictError when
        a token of that name is in force, BadInputError for what does not go together.
        """

    def find(self, digest: str) -> Token | None:
        """Gives the token with that digest that is in force, or None."""

    def list(self) -> Sequence[Token]:
        """Gives all tokens by name, revoked ones included."""

    def revoke(self, name: str, *, actor: str = "engine") -> None:
        """Takes a token out of force. Raises NotFoundError."""

    def log_in(self, digest: str, until: datetime) -> str:
        """Gives a secret that stands for a token until then, or until `log_out`; it dies with its token."""

    def log_out(self, digest: str) -> None:
        """Takes what `log_in` gave out of force; anything else stays as it is."""


def digest_of(secret: str) -> str:
    """Gives what is stored of a secret. It is long and random: no salt or slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
