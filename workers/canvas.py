"""Compiles what is ready of stored trees to Celery's own chains and chords.

Signatures go by name (the kind) and carry ids only; the task id is the command's id. The canvas is made anew from the
store whenever it is needed, so a lost one costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from celery import Celery, Signature, chain, chord, group

from orchestrator.core.entity import CommandEntity
from orchestrator.core.ports import Store
from orchestrator.core.status import Mode, Phase

CHAIN_LENGTH = 8
SUFFIX = {Phase.EXECUTE: "", Phase.START: "", Phase.END: "~end"}


class Canvas:
    """The compiler. With fusion a run of steps is one signature, since one message runs it."""

    def __init__(self, app: Celery, store: Store, *, fusion: bool) -> None:
        self._app = app
        self._store = store
        self._fusion = fusion

    def compile(self, ready: Sequence[CommandEntity]) -> list[Signature]:
        """Gives the canvases that nudge all these commands: one for each parent that has some ready."""
        found: list[Signature] = []
        by_parent = sorted(ready, key=lambda one: one.parent_id or "")
        for parent_id, siblings in groupby(by_parent, key=lambda one: one.parent_id):
            together = list(siblings)
            side_by_side = [one for one in together if not one.in_sequence]
            found.extend(self._chain(one) for one in together if one.in_sequence)
            if parent_id is None or len(side_by_side) < 2:
                found.extend(self.signature(one) for one in side_by_side)
            else:
                found.append(self._chord(parent_id, side_by_side))
        return found

    def signature(self, command: CommandEntity) -> Signature:
        """Gives the signature that nudges one command."""
        task_id = command.command_id + SUFFIX.get(command.phase, "~undo")
        return self._app.signature(
            command.kind,
            args=(command.command_id,),
            immutable=True,
            options={
                "task_id": task_id,
                "root_id": command.root_id,
                "parent_id": command.parent_id,
            },
        )

    def _chain(self, command: CommandEntity) -> Signature:
        """Gives a step with those that follow it, unless the worker goes on with them by itself."""
        if self._fusion or command.phase is not Phase.EXECUTE:
            return self.signature(command)
        followers = [*self._followers(command)]
        return chain(self.signature(command), *followers) if followers else self.signature(command)

    def _followers(self, command: CommandEntity) -> Iterable[Signature]:
        if command.parent_id is None or command.next_id is None:
            return
        after = str(command.order + 1)
        for follower in self._store.get_parts(command.parent_id, (), CHAIN_LENGTH, after).items:
            if follower.mode is not None or not follower.in_sequence:
                return  # a composite opens its parts itself, and their canvas is made then
            yield self.signature(follower)

    def _chord(self, parent_id: str, parts: Sequence[CommandEntity]) -> Signature:
        """Gives the parts as the header, and their parent as the body that the last of them opens."""
        parent = self._store.get(parent_id)
        header = [self.signature(one) for one in parts]
        if parent is None or parent.mode is not Mode.PARALLEL:
            return group(header)
        body = self.signature(parent).set(task_id=f"{parent_id}~end")
        return chord(header, body)


def next_in_chain(request: Any) -> str | None:
    """Gives the command that Celery itself will nudge when this message's task returns."""
    following = getattr(request, "chain", None)
    return following[-1]["args"][0] if following else None


def body_of_chord(request: Any) -> str | None:
    """Gives the command that is the body of this message's chord."""
    body = getattr(request, "chord", None)
    return body["args"][0] if body else None
