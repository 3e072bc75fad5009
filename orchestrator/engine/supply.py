"""Calls a verb with what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from orchestrator.core.asks import Ask, Source
from orchestrator.core.catalog import Catalog, CommandType
from orchestrator.core.command import Command
from orchestrator.core.entity import CommandEntity, Payload
from orchestrator.core.errors import Refused
from orchestrator.core.ports import Store
from orchestrator.core.run import Run
from orchestrator.core.secret import Secret
from orchestrator.core.status import Outcome
from orchestrator.engine.vault import Vault


class Supplier:
    """Finds by type what verbs ask for: adapters in the catalog, results in the store."""

    def __init__(self, catalog: Catalog, store: Store, vault: Vault) -> None:
        self.catalog = catalog
        self.store = store
        self.vault = vault

    def call(
        self,
        verb: str,
        command: Command,
        known: CommandType,
        entity: CommandEntity,
        payload: Payload,
        kept: list[Secret[Any]],
    ) -> Any:
        """Calls the verb and gives what it returned. Raises what the verb raises.

        Secrets in results that it asks for are appended to `kept`.
        """
        asks = known.asks[verb]
        found = self._results([ask for ask in asks if ask.source is Source.RESULT], payload)
        values = {name: self.vault.opened(one, kept) for name, one in found.items()}
        given = {ask.name: self._give(ask, entity, values) for ask in asks}
        return getattr(command, verb)(**given)

    def _give(self, ask: Ask, entity: CommandEntity, results: Mapping[str, Any]) -> Any:
        match ask.source:
            case Source.OUTCOME:
                return entity.outcome or Outcome.SUCCEEDED
            case Source.RUN:
                return run_of(entity)
            case Source.ADAPTER:
                return self.catalog.supply(ask.wanted)
            case Source.RESULT:
                return self._as_asked(ask, results[ask.key], entity)

    def _results(self, asks: list[Ask], payload: Payload) -> dict[str, Any]:
        """Reads all stored results that are asked for, in one go."""
        if not asks:
            return {}
        found: dict[str, Any] = {}
        for ask in asks:
            match payload.inputs.get(ask.key):
                case None:
                    found[ask.key] = [] if ask.many else None
                case list() as ids:
                    values = self.store.values(ids)
                    found[ask.key] = [values[one] for one in ids if values.get(one) is not None]
                case command_id:
                    found[ask.key] = self.store.values((command_id,)).get(command_id)
        return found

    def _as_asked(self, ask: Ask, value: Any, entity: CommandEntity) -> Any:
        codec: TypeAdapter[Any] = TypeAdapter(ask.wanted)
        if ask.many:
            return [codec.validate_python(one) for one in value]
        if value is not None:
            return codec.validate_python(value)
        if ask.optional:
            return None
        raise Refused(
            f"{ask.verb} of {entity.kind} asks for {ask.name!r}, and the part that returns it gave nothing"
        )


def run_of(entity: CommandEntity) -> Run:
    """Gives the circumstances of a call for this command."""
    return Run(
        command_id=entity.command_id,
        root_id=entity.root_id,
        attempt=entity.attempt,
        owner=entity.owner_id,
        correlation_id=entity.correlation_id,
        deadline=entity.deadline,
        reason=entity.message,
        restarts=entity.restarts,
    )
