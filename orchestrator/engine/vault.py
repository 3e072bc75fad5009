"""Seals what is to be stored and opens it for verbs and adapters: the one way between a secret and the store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from orchestrator.core.asynctask import TaskReport
from orchestrator.core.catalog import Catalog
from orchestrator.core.entity import TaskEntity
from orchestrator.core.errors import OrchestratorError, UnavailableError, UnreadableError
from orchestrator.core.sealed import HIDDEN, SECRET, has_sealed, is_sealed, replaced
from orchestrator.core.secret import SEALING, Secret, forms, mask_forms, masked_text
from orchestrator.engine.keyring import Keyring

ANYTHING: TypeAdapter[Any] = TypeAdapter(
    Any, config={"ser_json_inf_nan": "constants"}
)  # else NaN is silently null
MANY_FORMS = 500  # above that a text is only looked up whole: a search for each would take too long


class Sealing:
    """What is sealed together: the parameters of a tree, or what one verb answers.

    `known` are secrets that a plain text of it may hold as well: where it does, that is sealed, too.
    """

    def __init__(self, keyring: Keyring, known: Iterable[Secret[Any]] = ()) -> None:
        self._keyring = keyring
        self._known = list(known)  # alive as long as this is
        self._forms = {form for one in self._known for form in forms(one)}
        self._made: set[str] = set()
        self.lacks_key = False

    @property
    def context(self) -> dict[str, Any]:
        """The context of pydantic's dump by which secrets find this."""
        return {SEALING: self}

    @property
    def has_known(self) -> bool:
        """Whether any secret has been met."""
        return bool(self._known)

    def seal(self, secret: Secret[Any], stored: Any) -> dict[str, str]:
        """Gives the JSON of a secret as it is stored."""
        self._known.append(secret)
        self._forms.update(forms(secret))
        return self._sealed(SECRET, stored)

    def hidden(self, value: Any) -> Any:
        """Gives a value with secrets in it sealed, and with plain texts sealed in which one could be read."""
        match value:
            case Secret():
                inner = value.get_secret_value()
                return self.seal(
                    value, ANYTHING.dump_python(inner, mode="json", context=self.context)
                )
            case Mapping():
                if is_sealed(value):
                    return value
                if self._known and any(self.holds(str(name)) for name in value):
                    whole = ANYTHING.dump_python(value, mode="json", context=self.context)
                    return self._sealed(HIDDEN, whole)
                return {name: self.hidden(one) for name, one in value.items()}
            case list() | tuple():
                return [self.hidden(one) for one in value]
            case str() | int() | float() if self._known and self.holds(str(value)):
                return self._sealed(HIDDEN, value)
        return value

    def holds(self, text: str) -> bool:
        """Tells whether a secret that was met can be read in a text."""
        return text in self._forms or self.masked(text) != text

    def masked(self, text: str) -> str:
        """Gives a text with the secrets that were met masked."""
        if text in self._forms:
            return mask_forms(text, (text,))
        return mask_forms(text, self._forms) if len(self._forms) <= MANY_FORMS else text

    def opened(self, value: Any, kept: list[Secret[Any]]) -> Any:
        """Gives what was sealed as it was."""
        return opened(self._keyring, value, kept, plain=False) if self._made else value

    def is_forged(self, value: Any) -> bool:
        """Tells whether JSON holds what looks like a secret as it is stored, and was not sealed here."""
        if not has_sealed(value):
            return False
        found: list[str] = []
        replaced(value, lambda _mark, token: found.append(token))
        return not self._made.issuperset(found)

    def _sealed(self, mark: str, value: Any) -> dict[str, str]:
        if not self._keyring:
            self.lacks_key = True
            return {mark: ""}
        token = self._keyring.encrypt(json.dumps(value))
        self._made.add(token)
        return {mark: token}


class Vault:
    """Knows the keys, and by the catalog which results hold secrets.

    What is opened is appended to `kept`: while that is alive, errors and logs are cleared of it.
    """

    def __init__(self, keyring: Keyring | None = None, catalog: Catalog | None = None) -> None:
        self.keyring = keyring or Keyring()
        self._catalog = catalog

    def sealing(self, known: Iterable[Secret[Any]] = ()) -> Sealing:
        """Begins to seal."""
        return Sealing(self.keyring, known)

    def opened(self, value: Any, kept: list[Secret[Any]]) -> Any:
        """Gives stored JSON as verbs are given it: with `Secret`s. Raises UnreadableError when a key is missing."""
        return opened(self.keyring, value, kept, plain=False) if has_sealed(value) else value

    def plain(self, value: Any, kept: list[Secret[Any]]) -> Any:
        """Gives stored JSON as adapters are given it: with secrets in plain. Raises UnreadableError."""
        return opened(self.keyring, value, kept, plain=True) if has_sealed(value) else value

    def resealed(self, value: Any, left: Counter[str]) -> Any:
        """Gives stored JSON with all that is sealed in it sealed by the first key.

        What cannot be opened stays as it is, and is counted in `left` by the id of its key.
        """

        def by(mark: str, token: str) -> Any:
            key_id = token.partition(":")[0]
            if key_id == self.keyring.ids[0]:
                return {mark: token}
            try:
                inner = json.loads(self.keyring.decrypt(token))
            except UnreadableError:
                left[key_id] += 1
                return {mark: token}
            return {mark: self.keyring.encrypt(json.dumps(replaced(inner, by)))}

        return replaced(value, by)

    def can_open(self, value: Any) -> bool:
        """Tells whether there is a key for all secrets in stored JSON."""
        try:
            self.plain(value, [])
        except UnreadableError:
            return False
        return True

    def sealed_result(self, kind: str, value: Any) -> Any:
        """Gives the JSON of a result, from outside, with what its type calls secret sealed.

        What is not of that type is sealed as a whole, for nobody can say what in it is secret.
        """
        known = self._catalog.of(kind) if self._catalog and kind in self._catalog else None
        if known is None or known.codec is None or not known.returns_secrets or value is None:
            return value
        sealing = self.sealing()
        try:
            typed = known.codec.validate_python(value)
            found = known.codec.dump_python(typed, mode="json", context=sealing.context)
        except OrchestratorError:
            raise
        except Exception:  # validators are anybody's code
            found = sealing.hidden(Secret(value))
        if sealing.lacks_key:
            raise UnavailableError(
                f"{kind} returns a secret, and no key is set here to encrypt it with; set"
                " ORCHESTRATOR_SECRET_KEY"
            )
        return found

    def in_plain(self, task: TaskEntity, kept: list[Secret[Any]]) -> TaskEntity:
        """Gives a task with its secrets in plain. Raises UnavailableError while a key is missing here."""
        try:
            request, detail, result = (
                self.plain(one, kept) for one in (task.request, task.detail, task.result)
            )
        except UnreadableError as problem:
            raise UnavailableError(f"task {task.task_id} {problem}") from problem
        return replace(task, request=request, detail=detail, result=result) if kept else task

    def cleared(self, report: TaskReport, task: TaskEntity, kind: str) -> TaskReport:
        """Gives a report as it may be stored: without what its task was told in confidence.

        Raises UnavailableError while the key of that is missing here.
        """
        kept: list[Secret[Any]] = []
        before = self.in_plain(task, kept).detail
        result = self.sealed_result(kind, report.result)
        sealing = self.sealing(kept)
        report = report._replace(result=sealing.hidden(result))
        if report.detail:
            same = report.detail == before
            # Notes of ours are added to a detail, so it stays a mapping: its names are masked.
            named = {sealing.masked(name): one for name, one in report.detail.items()}
            report = report._replace(detail=task.detail if same else sealing.hidden(named))
        if kept and report.message:
            report = report._replace(message=masked_text(report.message))
        return report


def opened(keyring: Keyring, value: Any, kept: list[Secret[Any]], *, plain: bool) -> Any:
    """Gives stored JSON with what is sealed in it as it was. Raises UnreadableError when a key is missing."""

    def by(mark: str, token: str) -> Any:
        found = opened(keyring, json.loads(keyring.decrypt(token)), kept, plain=plain)
        secret = Secret(found)
        kept.append(secret)
        return found if plain or mark == HIDDEN else secret

    return replaced(value, by)
