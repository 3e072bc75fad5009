"""Turns a command into the rows of its whole tree: every part, its place, and where its inputs come from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.core.access import VENDOR_OWNED
from orchestrator.core.catalog import Catalog, CommandType
from orchestrator.core.command import Command
from orchestrator.core.entity import CommandEntity, NewCommand, Payload
from orchestrator.core.errors import BadInputError
from orchestrator.core.external import ExternalTask, ExternalTree
from orchestrator.core.plan import BestEffort, Group, Part
from orchestrator.core.status import Mode
from orchestrator.engine.asking import label_of, locks_of, plan_of, shown
from orchestrator.engine.parameters import parameters_of
from orchestrator.engine.scope import NO_OFFERS, NO_SCOPE, Offers, Scope, resolve_inputs, still_open
from orchestrator.engine.vault import Sealing

NO_MORE: Any = object()  # None may be among the parts, by mistake
GROUP_LABELS = {Mode.SEQUENCE: "in order", Mode.PARALLEL: "side by side"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a plan may grow before it is refused."""

    parts: int = 100_000
    depth: int = 1_000
    parameter_bytes: int = 1024 * 1024


@dataclass(slots=True)
class _Node:
    """A row in the making, and how far its parts have been walked."""

    entity: CommandEntity
    payload: Payload
    parts: Iterator[Part]
    before: Scope  # what is offered to itself
    like: CommandEntity | None = None  # what all its parts have in common
    scope: Scope = NO_SCOPE  # what is offered to its parts; grows from part to part of a sequence
    mode: Mode | None = None
    depth: int = 1
    type: CommandType | None = None
    found: list[_Node] = field(default_factory=list)
    offers: Offers = NO_OFFERS

    def __post_init__(self) -> None:
        self.scope = self.before


@dataclass(slots=True)
class TreeBuilder:
    """Builds rows. `new_id` is called once for each part, in the order of the plan."""

    catalog: Catalog
    limits: Limits
    new_id: Callable[[], str]
    sealing: Sealing

    def build(self, root: Command, like: CommandEntity) -> list[NewCommand]:
        """Gives the rows of a root and all its parts, parents first.

        `like` carries what is not in the command: ids, owner, correlation id, deadline.
        Raises BadInputError for an endless or oversized plan, what its verbs raise, or an ask that nothing satisfies.
        """
        place = {"command_id": like.command_id, "order": like.order}
        return self._walk(self._node_of(root, like, Scope(), place))

    def expand(self, plan: Part, parent: CommandEntity, payload: Payload) -> list[NewCommand]:
        """Gives the rows of a plan that was made at run time; the first is the parent, with its mode.

        Its parts see each other's results and those that the plan itself asked for.
        """
        known = self.catalog.of(parent.kind)
        node = _Node(parent, payload, iter(()), Scope.of_inputs(known, payload), type=known)
        self._open(node, plan)
        return self._walk(node)

    def _walk(self, top: _Node) -> list[NewCommand]:
        nodes, stack = [top], [top]
        while stack:
            node = stack[-1]
            part = next(node.parts, NO_MORE)
            if part is NO_MORE:
                stack.pop()
                self._close(node, stack[-1] if stack else None)
                continue
            child = self._part_node(part, node)
            child.depth = node.depth + 1
            node.found.append(child)
            nodes.append(child)
            stack.append(child)
            self._check_size(nodes, stack)
        return [NewCommand(node.entity, node.payload) for node in nodes]

    def _part_node(self, part: Part, parent: _Node) -> _Node:
        part, best_effort = (part.part, True) if isinstance(part, BestEffort) else (part, False)
        if parent.like is None:
            parent.like = _like_parts_of(parent.entity, parent.mode)
        place = {
            "command_id": self.new_id(),
            "order": len(parent.found),
            "best_effort": best_effort,
        }
        if not isinstance(part, Command | Group):
            raise BadInputError(
                f"the plan of {parent.entity.kind} has {shown(part)} among its parts;"
                " a part is a command, or sequence(...), parallel(...), best_effort(...)"
            )
        if isinstance(part, Group):
            return self._group_node(part, parent.like, parent.scope, place)
        return self._node_of(part, parent.like, parent.scope, place)

    def _group_node(
        self, group: Group, like: CommandEntity, scope: Scope, place: dict[str, Any]
    ) -> _Node:
        entity = like._replace(kind=group.mode.value, label=GROUP_LABELS[group.mode], **place)
        node = _Node(entity, Payload({}), iter(()), scope)
        self._open(node, group)
        return node

    def _node_of(
        self, command: Command, like: CommandEntity, scope: Scope, place: dict[str, Any]
    ) -> _Node:
        known = self.catalog.type_of(command)
        payload = Payload(parameters_of(command, known, self.limits.parameter_bytes, self.sealing))
        locks = locks_of(command) if known.defines("locks") else ()
        if any(self.sealing.holds(one.entity_id) for one in locks if self.sealing.has_known):
            raise BadInputError(
                f"{known.kind} cannot be submitted: its locks name a secret, which could be read there"
            )
        about = locks[0] if locks else None
        weight = known.command.declared.weight
        if isinstance(command, ExternalTask | ExternalTree):  # whoever submits it
            place = {**place, "owner_id": command.vendor, "owner_type": VENDOR_OWNED}
        if isinstance(command, ExternalTask):
            weight = command.weight
        entity = like._replace(
            kind=known.kind,
            version=known.version,
            label=label_of(command, self.sealing.masked),
            verbs=known.verbs,
            locks=locks,
            weight=weight,
            entity_type=about.entity_type if about else None,
            entity_id=about.entity_id if about else None,
            **place,
        )
        node = _Node(entity, payload, iter(()), scope, type=known)
        if known.defines("plan") and not known.plans_at_run_time:
            self._open(node, plan_of(command))
        return node

    def _open(self, node: _Node, plan: Part) -> None:
        """Makes the node walk the plan's parts; a plan of one part is a sequence of one, and it may have none."""
        group = plan if isinstance(plan, Group) else Group(Mode.SEQUENCE, (plan,))
        if not isinstance(plan, Group | Command | BestEffort):
            raise BadInputError(
                f"the plan of {node.entity.kind} is {shown(plan)}; return sequence(...), parallel(...) or a command"
            )
        node.mode = group.mode
        node.parts = iter(group.parts)

    def _close(self, node: _Node, parent: _Node | None) -> None:
        """All parts are known: link them, resolve what the node asks for, and offer what it returns."""
        if node.mode is Mode.SEQUENCE:
            for part, follower in itertools.pairwise(node.found):
                part.entity = part.entity._replace(next_id=follower.entity.command_id)
        if node.mode is not None:
            node.entity = node.entity._replace(mode=node.mode, parts=len(node.found))
        if node.type is not None and any(node.type.asks.values()):
            node.payload = self._with_inputs(node, node.type)
        if parent is not None:
            offers = node.offers.seen_from_outside(
                node.entity.command_id, node.type, best_effort=node.entity.best_effort
            )
            if offers.items:
                parent.offers = parent.offers + offers
            if parent.mode is Mode.SEQUENCE:
                parent.scope = parent.scope.after(offers, parent.depth)

    def _with_inputs(self, node: _Node, known: CommandType) -> Payload:
        """Adds where its inputs come from; what was found when the command was stored stays, unless
        its own parts, known only now, return it to its `end`.
        """
        later = known.plans_at_run_time and node.mode is None
        stored = node.payload.inputs
        known = replace(known, asks=still_open(known, stored, node.offers))
        inputs = resolve_inputs(
            known, node.entity.command_id, node.before, node.offers, later=later
        )
        return Payload(node.payload.parameters, {**stored, **inputs})

    def _check_size(self, nodes: list[_Node], stack: list[_Node]) -> None:
        if len(nodes) - 1 > self.limits.parts:
            raise BadInputError(
                f"the plan of {nodes[0].entity.kind} has more than {self.limits.parts} parts"
                " (setting MAX_PARTS); split the command"
            )
        if len(stack) > self.limits.depth:
            tail = " → ".join(node.entity.kind for node in stack[-3:])
            raise BadInputError(
                f"the plan of {nodes[0].entity.kind} is nested deeper than {self.limits.depth}"
                f" (… → {tail} → …); does a command contain itself without end?"
            )


def _like_parts_of(parent: CommandEntity, mode: Mode | None) -> CommandEntity:
    return CommandEntity(
        command_id="",
        root_id=parent.root_id,
        parent_id=parent.command_id,
        kind="",
        version=1,
        label="",
        in_sequence=mode is Mode.SEQUENCE,
        owner_id=parent.owner_id,
        owner_type=parent.owner_type,
        correlation_id=parent.correlation_id,
        visible_to_ui=parent.visible_to_ui,
    )
