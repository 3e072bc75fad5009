"""Who may do what: roles, what each is allowed, and the tokens that carry them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from orchestrator.core.errors import NotAllowedError


class Permission(StrEnum):
    """One thing that a caller may do."""

    READ = "read"  # see commands, workers, locks, the feed
    OPERATE = "operate"  # submit, stop, restart, skip, resolve
    REPORT = "report"  # register external tasks and report on them
    ADMINISTER = "administer"  # make and revoke tokens


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
    Role.OPERATOR: frozenset({Permission.READ, Permission.OPERATE}),
    Role.VIEWER: frozenset({Permission.READ}),
    Role.VENDOR: frozenset({Permission.READ, Permission.REPORT}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is stored: not the secret itself, only its SHA-256 in hexadecimal."""

    name: str
    role: Role
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    name: str
    role: Role

    def need(self, permission: Permission) -> None:
        """Raises NotAllowedError, naming the roles that would do, when the caller may not."""
        if permission not in self.role.permissions:
            would_do = " or ".join(role for role in Role if permission in role.permissions)
            raise NotAllowedError(
                f"{self.name!r} has the role {self.role}; to {permission} takes the role {would_do}"
            )


class Tokens(Protocol):
    """Where tokens are kept. All methods raise UnavailableError while it does not answer."""

    def create(self, name: str, role: Role) -> str:
        """Makes a token and gives its secret, which is shown this once.

        Raises ConflictError when a token of that name is in force.
        """

    def find(self, digest: str) -> Token | None:
        """Gives the token with that digest that is in force, or None."""

    def list(self) -> Sequence[Token]:
        """Gives all tokens by name, revoked ones included."""

    def revoke(self, name: str) -> None:
        """Takes a token out of force. Raises NotFoundError."""


def digest_of(secret: str) -> str:
    """Gives what is stored of a secret. It is long and random: no salt or slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
