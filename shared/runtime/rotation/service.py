"""What callers, and the platform itself, can ask of rotation: load, decide, commit once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.access.governance import Permit
from shared.events.journal import PLATFORM_CLIENT, Cause, Journal, Transaction
from shared.kernel.canonical import canonical
from shared.kernel.clock import Clock, Draw
from shared.kernel.errors import NotFound, NotRetryable, ValidationFailed
from shared.operations import slot
from shared.operations.intent import Answer, Intent
from shared.operations.model import Joined, Operation, OperationKind
from shared.runtime.deployments import waves
from shared.runtime.deployments.beginning import SLACK
from shared.runtime.deployments.effects import rotation_effects
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.operating import asked_for, by_itself
from shared.runtime.rotation.joining import Part, join, open_to_others, parts
from shared.runtime.rotation.planning import Planning
from shared.runtime.rotation.seeking import Seeking, Sought
from shared.runtime.secrets.model import Bound, SecretBinding
from shared.runtime.secrets.service import names_of, told
from shared.runtime.secrets.transitions import BindingStatus
from shared.store import keys

VERSION_WITHIN = timedelta(minutes=30)  # for a newer version to come; the environment's slot is held meanwhile
SUBJECT = "rotation-sweep"


@dataclass(frozen=True)
class Rotations:
    index: Index
    journal: Journal
    planning: Planning
    seeking: Seeking
    clock: Clock
    draw: Draw

    async def rotate(self, intent: Intent, admitted: Admitted, ident: str, reason: str | None) -> Answer:
        """Commit the intent to roll a binding's consumers onto newer versions of all its secrets.

        A rotation of the environment that is not planned yet takes it up. Raises `NotFound`, `ValidationFailed` naming each
        secret that is missing or disabled, `EnvironmentNotReady`, `OperationInFlight`, `PolicyDenied`, `Transient`.
        """
        part = await self._part(admitted, ident)
        intent.check(admitted.require_provisioned)
        standing = await open_to_others(self.journal.store, admitted, [part.names])
        if standing is None:
            intent.check(admitted.slot.require_free)
        await self._require_present(intent, admitted, [part])
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        summary = f"rotation of {told(part.names)} of {part.binding.service_id} began" + (f" ({reason})" if reason else "")
        tx = intent.transaction(admitted.place, "secret-binding.rotation-begun", ident, summary, permit)
        if standing is not None:
            joined = join(tx, standing, [part], canonical(intent.request).decode(), permit.receipt)
            answer = Answer(
                202, _answered(part.binding, intent), _path(ident), wakes=joined, operation_id=joined.operation_id
            )
            tx.summary = f"{told(part.names)} of {part.binding.service_id} joined the rotation under way"
        else:
            operation = await self._asked_for(intent, admitted, ident, permit)
            answer = Answer(202, _answered(part.binding, intent), _path(ident), operation)
            await self._take(tx, admitted, operation, [part])
        answer = intent.remember(tx, answer)
        await self.journal.commit(tx)
        return answer

    async def again(self, intent: Intent, admitted: Admitted, failed: Operation, permit: Permit) -> Answer:
        """The same bindings once more, under the same decisions. Raises what the first try raised."""
        intent.check(admitted.require_provisioned)
        intent.check(admitted.slot.require_free)
        idents = {failed.resource_id, *(one.resource_id for one in failed.joined)}
        found = await parts(self.journal.store, admitted.place, {one: [] for one in idents})
        again = [Part(one.row, one.binding, names_of(one.binding.secrets)) for one in found]
        if failed.resource_id not in {one.binding.secret_binding_id for one in again}:
            intent.meet(NotRetryable(failed.status))
        await self._require_present(intent, admitted, again)
        operation = (await self._asked_for(intent, admitted, failed.resource_id, permit)).again(failed)
        operation = operation.model_copy(update={"joined": failed.joined})
        tx = intent.transaction(
            admitted.place,
            "secret-binding.rotation-begun",
            failed.resource_id,
            f"rotation of {len(again)} secret bindings began again",
            permit,
        )
        await self._take(tx, admitted, operation, again)
        answer = intent.remember(tx, Answer(202, operation.shown(), operation.resource_path, operation))
        await self.journal.commit(tx)
        return answer

    async def begin(self, admitted: Admitted, wanted: Mapping[str, Sequence[str]], caused_by: str | None) -> Operation:
        """What is due, by the platform itself: one roll for all of `wanted` (binding -> names of secrets).

        It joins a rotation that is not planned yet. Raises `OperationInFlight`, `Conflict`.
        """
        found = await parts(self.journal.store, admitted.place, wanted)
        request = canonical({"secretBindings": {key: list(names) for key, names in sorted(wanted.items())}}).decode()
        first, trace_id = found[0].binding, found[0].binding.trace_id
        summary = f"rotation of {told([name for part in found for name in part.names])} began by itself"
        cause = Cause(SUBJECT, PLATFORM_CLIENT, trace_id, caused_by=caused_by or first.secret_binding_id)
        tx = Transaction(admitted.place, cause, "secret-binding.rotation-begun", first.secret_binding_id, summary)
        standing = await open_to_others(self.journal.store, admitted, wanted.values())
        if standing is not None:
            operation = join(tx, standing, found, request, None)
        else:
            admitted.slot.require_free()
            operation = await self._due(admitted, found, request)
            await self._take(tx, admitted, operation, found)
        await self.journal.commit(tx)
        return operation

    async def _part(self, admitted: Admitted, ident: str) -> Part:
        found = await parts(self.journal.store, admitted.place, {ident: []}) if ident.startswith("sec-") else []
        if not found:
            raise NotFound("secret binding", ident)
        return Part(found[0].row, found[0].binding, names_of(found[0].binding.secrets))

    async def _require_present(self, intent: Intent, admitted: Admitted, taking: Sequence[Part]) -> None:
        """Say what the rotation will do. Raises `ValidationFailed` for secrets that no version could be found of."""
        sought = [await intent.ask(self._present(part.binding)) for part in taking]
        if intent.rehearsal is None:
            return
        wanted: dict[str, list[str]] = {}
        for part, found in zip(taking, sought, strict=True):
            if found is not None:
                wanted[part.binding.secret_binding_id] = _tell(intent, part.binding, found)
        place, environment = admitted.place, admitted.environment
        consumers = await self.planning.consumers(place, environment, wanted)
        rolling = await self.planning.components(place, environment, consumers)
        changes = {service_id: f"a newer version of {told(used)}" for service_id, used in consumers.items()}
        for effect in rotation_effects(rolling, self.planning.gate, changes):
            intent.will(*effect)

    async def _present(self, binding: SecretBinding) -> Sought:
        sought = await self.seeking.seek(binding, names_of(binding.secrets))
        if sought.faults:
            raise ValidationFailed({f"secrets.{name}": [fault.message] for name, fault in sought.faults.items()})
        return sought

    async def _take(self, tx: Transaction, admitted: Admitted, operation: Operation, taking: Sequence[Part]) -> None:
        """Add to `tx`: the operation in the slot, and the bindings that take part. Its lists are announced ahead of it."""
        for part in taking:
            tx.replace(part.row, part.binding.taking_turn(operation.operation_id, list(part.names)))
        slot.take(tx, admitted.rows[keys.SLOT], operation)
        await self.index.announce_operation(operation)
        await self.journal.active.mark(admitted.place)

    async def _asked_for(self, intent: Intent, admitted: Admitted, ident: str, permit: Permit) -> Operation:
        within = await self._longest(admitted)
        return asked_for(
            intent, admitted, OperationKind.ROTATE_SECRET, permit, _path(ident), now=self.clock(), within=within
        )

    async def _due(self, admitted: Admitted, found: Sequence[Part], request_json: str) -> Operation:
        now, first = self.clock(), found[0].binding
        others = [Joined(resource_id=one.binding.secret_binding_id, request_json=request_json) for one in found[1:]]
        operation = by_itself(
            admitted,
            OperationKind.ROTATE_SECRET,
            _path(first.secret_binding_id),
            request_json,
            own=self.draw(),
            requested_by=SUBJECT,
            trace_id=first.trace_id,
            now=now,
            within=await self._longest(admitted),
        )
        return operation.model_copy(update={"joined": others})

    async def _longest(self, admitted: Admitted) -> timedelta:
        """A version's coming, then the gates of all waves there could be: others may still join."""
        running = await self.planning.components(admitted.place, admitted.environment)
        return VERSION_WITHIN + SLACK + self.planning.gate.longest * len(set(waves.ordered(running).values()))


def _tell(intent: Intent, binding: SecretBinding, sought: Sought) -> list[str]:
    """Say what happens to a binding's secrets; which those are: what has a newer version, else all that is asked for."""
    names = list(sought.versions) or names_of(binding.secrets)
    for name in names:
        resource = f"secret-bindings/{binding.service_id}/{name}"
        if not sought.versions:
            intent.will("request", resource, "a newer version, of its owner")
        intent.will("replace", resource, f"version {sought.versions.get(name, 'still to come')}")
        intent.will("disable", resource, f"the version before, {binding.overlap} after the roll")
    return names


def _path(ident: str) -> str:
    return f"/secret-bindings/{ident}"


def _answered(binding: SecretBinding, intent: Intent) -> dict[str, Any]:
    taking_part = {"status": BindingStatus.ROTATING, "trace_id": intent.caller.trace_id}
    return binding.model_copy(update=taking_part).document(Bound)
