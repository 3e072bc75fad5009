"""The keys that secrets are encrypted with: the first encrypts, all of them decrypt."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.core.errors import BadInputError, UnreadableError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

KEY_BYTES = 32
ID_LENGTH = 8
MAKE_ONE = "make a key with `orchestrator secret-key new`, and set ORCHESTRATOR_SECRET_KEY to it for all programs"


class Keyring:
    """Keys as `cryptography`'s Fernet has them: 32 bytes in URL-safe base64.

    A token is the key's id and what Fernet made of the text: so it can be said which key is missing. Raises
    BadInputError, without the key in it, for what is no key.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = {key_id(key): key for key in map(check_key, keys)}
        self._fernets: dict[str, Fernet] = {}
        if self._keys:
            from cryptography.fernet import Fernet  # noqa: PLC0415 - 8 MB, for who has secrets

            self._fernets = {one: Fernet(key) for one, key in self._keys.items()}

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.ids)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, the one that encrypts first."""
        return tuple(self._keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def encrypt(self, text: str) -> str:
        """Gives a token. Raises BadInputError without a key."""
        if not self:
            raise BadInputError(f"no key is set to encrypt secrets with; {MAKE_ONE}")
        first = self.ids[0]
        return f"{first}:{self._fernets[first].encrypt(text.encode()).decode()}"

    def decrypt(self, token: str) -> str:
        """Gives the text. Raises UnreadableError when its key is not here, or the token is damaged."""
        one, _, cipher = token.partition(":")
        found = self._fernets.get(one)
        if found is None:
            has = f"keys {', '.join(self.ids)} are" if self else "no key is"
            raise UnreadableError(
                f"waits for the key {one}, with which a secret of it is encrypted; {has} set here: add"
                " that key to ORCHESTRATOR_SECRET_KEY of all programs"
            )
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - loaded already

        try:
            return found.decrypt(cipher).decode()
        except (InvalidToken, ValueError) as problem:
            raise UnreadableError(
                f"a secret of it is damaged: what is stored was not encrypted with the key {one};"
                " put the row back from a backup, or stop the command"
            ) from problem

    def fingerprint(self, text: str, one: str) -> str:
        """Gives what the text is known by to who has the key of that id, and to nobody else."""
        key = hmac.digest(self._keys[one].encode(), b"orchestrator: fingerprints", hashlib.sha256)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def key_id(key: str) -> str:
    """Gives a name for a key from which the key cannot be found."""
    return hashlib.sha256(f"orchestrator key {key}".encode()).hexdigest()[:ID_LENGTH]


def check_key(key: str) -> str:
    """Gives the key back. Raises BadInputError, without it, when it is none."""
    try:
        size = len(base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True))
    except ValueError:  # not ASCII, too
        size = 0
    if size != KEY_BYTES:
        raise BadInputError(
            f"one of the secret keys is no key ({KEY_BYTES} bytes in URL-safe base64); {MAKE_ONE}"
        )
    return key
