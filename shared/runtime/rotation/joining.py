"""Several rotations of one environment are one roll: what is asked for while nothing is planned yet joins what is there.

The operation's row decides: joining writes it, and so does the step that plans the roll. Of the two that meet there one is
run again, and sees what the other did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.access.governance import Receipt
from shared.events.journal import Place, Transaction
from shared.operations.model import OPEN, Joined, Operation, OperationKind, StepStatus
from shared.runtime.deployments.rotating import bindings
from shared.runtime.environments.isolation import Admitted
from shared.runtime.secrets.model import SecretBinding
from shared.store.port import Row, Store
from shared.store.reading import read

FIND = "find newer versions"  # the steps of a rotation
ROLL = "roll the consumers"
MOST_TOGETHER = 60  # bindings and secrets in one roll: their rows and events share its last transaction


@dataclass(frozen=True)
class Part:
    """A binding and those of its secrets that are to be rotated."""

    row: Row
    binding: SecretBinding
    names: Sequence[str]


async def parts(store: Store, place: Place, wanted: Mapping[str, Sequence[str]]) -> list[Part]:
    """The bindings of `wanted` (binding -> names) as they stand now."""
    found = await bindings(store, place, wanted)
    return [Part(row, binding, wanted[binding.secret_binding_id]) for row, binding in found]


async def members(store: Store, place: Place, operation: Operation) -> list[tuple[Row, SecretBinding]]:
    """The bindings that take part in a rotation."""
    idents = [operation.resource_id, *(one.resource_id for one in operation.joined)]
    found = await bindings(store, place, idents)
    return [(row, one) for row, one in found if one.turn and one.turn.operation_id == operation.operation_id]


def fitting(wanted: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """As much of `wanted` (binding -> names) as goes together; the rest has its turn later."""
    chosen: dict[str, Sequence[str]] = {}
    for ident, names in wanted.items():
        if weight([*chosen.values(), names]) <= MOST_TOGETHER:
            chosen[ident] = names
    return chosen


def weight(names: Iterable[Sequence[str]]) -> int:
    """`names`: of each binding the secrets that are rotated."""
    return sum(1 + len(some) for some in names)


async def open_to_others(store: Store, admitted: Admitted, more: Iterable[Sequence[str]]) -> tuple[Row, Operation] | None:
    """The rotation that holds the environment's slot, while nothing of it is planned yet and `more` goes with it."""
    ident = admitted.slot.operation_id
    row = await store.get(admitted.place.partition, ident) if ident else None
    operation = read(Operation, admitted.place.partition, row) if row else None
    if row is None or operation is None or operation.kind is not OperationKind.ROTATE_SECRET:
        return None
    planned = any(step.name == FIND and step.status is StepStatus.SUCCEEDED for step in operation.steps)
    if planned or operation.status not in OPEN or operation.cancel is not None:
        return None
    standing = [binding.turn.names for _, binding in await members(store, admitted.place, operation) if binding.turn]
    return (row, operation) if weight([*standing, *more]) <= MOST_TOGETHER else None


def join(
    tx: Transaction,
    standing: tuple[Row, Operation],
    joining: Iterable[Part],
    request_json: str,
    receipt: Receipt | None,
) -> Operation:
    """Add to `tx`: the operation with more bindings, and the bindings that take part in it."""
    row, operation = standing
    known = {operation.resource_id, *(one.resource_id for one in operation.joined)}
    added = []
    for part in joining:
        ident = part.binding.secret_binding_id
        if receipt is not None or ident not in known:
            added.append(Joined(resource_id=ident, request_json=request_json, receipt=receipt))
        tx.replace(part.row, part.binding.taking_turn(operation.operation_id, list(part.names)))
    joined = operation.model_copy(update={"joined": [*operation.joined, *added]})
    tx.replace(row, joined)
    return joined
