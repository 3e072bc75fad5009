"""API tokens: random secrets of which only the SHA-256 is stored."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.core.access import Role, Token, digest_of
from orchestrator.core.audit import Deed
from orchestrator.core.errors import BadInputError, ConflictError, NotFoundError
from orchestrator.store.auditing import write_deed
from orchestrator.store.direct import Direct
from orchestrator.store.sql import SqlStore
from orchestrator.store.tables import api_login, api_token

SECRET_BYTES = 32
PREFIX = "orc_"  # lets people and secret scanners tell what the string is
LOGIN_PREFIX = "orl_"
_t = api_token.c
_l = api_login.c
COLUMNS = (
    _t.name, _t.role, _t.digest, _t.created_at, _t.revoked_at, _t.expires_at, _t.vendor,
    _t.acts_for_others,
)  # fmt: skip


class SqlTokens:
    """Implements `orchestrator.core.access.Tokens` on the tables of a store."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        # Asked with every request.
        by_digest = sa.select(*COLUMNS).where(_t.digest == sa.bindparam("digest"))
        self._found = Direct(by_digest, store.engine.dialect.name)

    def create(
        self,
        name: str,
        role: Role | str,
        *,
        vendor: str | None = None,
        expires_at: datetime | None = None,
        acts_for_others: bool = False,
        actor: str = "engine",
    ) -> str:
        """Makes a token and gives its secret. A token of that name that is no longer in force is replaced.

        Raises BadInputError for what does not go together, ConflictError for a name that is taken.
        """
        now = self._store.now()
        _check(name, role, vendor, expires_at, now)
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        with self._store.writing() as connection:
            in_force = sa.select(api_token.c.role).where(_t.name == name, _in_force(now))
            known = connection.execute(in_force).scalar()
            if known is not None:
                raise ConflictError(
                    f"a token named {name!r} ({known}) is in force;"
                    " revoke it or choose another name"
                )
            connection.execute(sa.delete(api_token).where(_t.name == name))
            connection.execute(
                sa.insert(api_token).values(
                    name=name,
                    digest=digest_of(secret),
                    role=Role(role).value,
                    created_at=now,
                    vendor=(vendor or name) if role == Role.VENDOR else None,
                    expires_at=expires_at,
                    acts_for_others=acts_for_others,
                )
            )
            write_deed(
                connection,
                Deed(actor=actor, verb="token create", at=now, subject=f"{name} ({Role(role)})"),
            )
        return secret

    def find(self, digest: str) -> Token | None:
        """Gives the token with that digest that is in force, or None."""
        rows = self._store.alone(self._found, {"digest": digest})
        found = _token(rows[0]) if rows else self._of_login(digest)
        if found is None or found.revoked_at is not None:
            return None
        is_over = found.expires_at is not None and found.expires_at <= self._store.now()
        return None if is_over else found

    def _of_login(self, digest: str) -> Token | None:
        is_in_force = sa.and_(_l.digest == digest, _l.expires_at > self._store.now())
        statement = sa.select(*COLUMNS).join(api_login, _l.token_digest == _t.digest)
        with self._store.reading() as connection:
            row = connection.execute(statement.where(is_in_force)).first()
        return None if row is None else _token(row)

    def log_in(self, digest: str, until: datetime) -> str:
        """Gives a secret that stands for a token until then, or until `log_out`; it dies with its token."""
        secret = LOGIN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        row = {"digest": digest_of(secret), "token_digest": digest, "expires_at": until}
        with self._store.writing() as connection:
            connection.execute(sa.delete(api_login).where(_l.expires_at <= self._store.now()))
            connection.execute(sa.insert(api_login).values(**row))
        return secret

    def log_out(self, digest: str) -> None:
        """Takes what `log_in` gave out of force; anything else stays as it is."""
        with self._store.writing() as connection:
            connection.execute(sa.delete(api_login).where(_l.digest == digest))

    def list(self) -> Sequence[Token]:
        """Gives all tokens by name, revoked ones included."""
        with self._store.reading() as connection:
            return [
                _token(row) for row in connection.execute(sa.select(*COLUMNS).order_by(_t.name))
            ]

    def revoke(self, name: str, *, actor: str = "engine") -> None:
        """Takes a token out of force, at once and everywhere. Raises NotFoundError."""
        now = self._store.now()
        with self._store.writing() as connection:
            changed = connection.execute(
                sa.update(api_token).where(_t.name == name, _in_force(now)).values(revoked_at=now)
            ).rowcount
            if not changed:
                raise NotFoundError(f"there is no token {name!r} in force")
            write_deed(connection, Deed(actor=actor, verb="token revoke", at=now, subject=name))


def _token(row: Any) -> Token:
    name, role, digest, created_at, revoked_at, expires_at, vendor, acts_for_others = row
    return Token(
        name=name,
        role=Role(role),
        digest=digest,
        created_at=created_at,
        revoked_at=revoked_at,
        expires_at=expires_at,
        vendor=vendor,
        acts_for_others=bool(acts_for_others),
    )


def _in_force(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_t.revoked_at.is_(None), sa.or_(_t.expires_at.is_(None), _t.expires_at > now))


def _check(
    name: str, role: Role | str, vendor: str | None, expires_at: datetime | None, now: datetime
) -> None:
    if role not in list(Role):
        raise BadInputError(f"there is no role {role!r}; there are: {', '.join(Role)}")
    if not name.strip():
        raise BadInputError("a token needs a name")
    if vendor is not None and (role != Role.VENDOR or not vendor.strip()):
        raise BadInputError(f"a token with the role {role} speaks for no vendor; leave it out")
    if expires_at is not None and expires_at <= now:
        raise BadInputError(f"the token would expire at {expires_at.isoformat()}, which has passed")
