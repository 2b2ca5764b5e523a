"""Decommission: load, decide, commit once. The caller spells the environment's name, since nothing brings it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import Field

from shared.access.governance import Permit
from shared.events.journal import Journal, Transaction
from shared.kernel.clock import Clock
from shared.kernel.errors import EnvironmentNotReady, ValidationFailed
from shared.kernel.record import Record
from shared.operations import slot
from shared.operations.intent import Answer, Intent
from shared.operations.model import Operation, OperationKind
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.environments.transitions import TRANSITIONS, Transition
from shared.store import keys

WITHIN = timedelta(minutes=60)


class DecommissionRequest(Record):
    """POST /environments/{environmentId}/decommission.

    `confirm` must equal the environment's name. `retain_data` keeps its vault and its logs; `force` goes on where a
    broken environment's workloads can no longer be reached.
    """

    confirm: str = Field(max_length=128)
    retain_data: bool = False
    force: bool = False


@dataclass(frozen=True)
class Decommissioning:
    index: Index
    journal: Journal
    clock: Clock

    async def decommission(self, intent: Intent, admitted: Admitted, request: DecommissionRequest) -> Answer:
        """Raises `ValidationFailed`, `OperationInFlight`, `EnvironmentNotReady`, `PolicyDenied`."""
        if request.confirm != admitted.environment.name:
            raise ValidationFailed({"confirm": ["must equal the environment's name"]})
        require_standing(admitted)
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        operation = self._operation(intent, admitted, permit)
        answer = Answer(202, _shown(admitted, intent), operation.resource_path, operation)
        return await self._begin(intent, admitted, operation, permit, answer)

    async def again(self, intent: Intent, admitted: Admitted, failed: Operation, permit: Permit) -> Answer:
        """Take up one that ended without success: what is gone counts as gone, so it goes on from the failed step."""
        require_standing(admitted)
        operation = self._operation(intent, admitted, permit).again(failed)
        answer = Answer(202, operation.shown(), operation.resource_path, operation)
        return await self._begin(intent, admitted, operation, permit, answer)

    async def _begin(
        self, intent: Intent, admitted: Admitted, operation: Operation, permit: Permit, answer: Answer
    ) -> Answer:
        await self.index.announce_operation(operation)
        tx = self._transaction(intent, admitted, permit)
        slot.take(tx, admitted.rows[keys.SLOT], operation)
        going = admitted.environment.model_copy(update={"status": EnvironmentStatus.DECOMMISSIONING})
        tx.replace(admitted.rows[keys.ENVIRONMENT], going)
        intent.remember(tx, answer)
        await self.journal.active.mark(admitted.place)
        await self.journal.commit(tx)
        return answer

    def _transaction(self, intent: Intent, admitted: Admitted, permit: Permit) -> Transaction:
        environment = admitted.environment
        return intent.transaction(
            admitted.place,
            "environment.decommission-requested",
            environment.environment_id,
            f"decommissioning of {environment.name} ({environment.stage}, {environment.region}) began",
            permit,
        )

    def _operation(self, intent: Intent, admitted: Admitted, permit: Permit) -> Operation:
        environment_id = admitted.environment.environment_id
        return intent.operation(
            OperationKind.DECOMMISSION,
            admitted.place,
            resource_id=environment_id,
            location=f"/environments/{environment_id}",
            generation=admitted.slot.generation + 1,
            now=self.clock(),
            within=WITHIN,
            permit=permit,
        )


def require_standing(admitted: Admitted) -> None:
    """Raises `OperationInFlight`, or `EnvironmentNotReady` for what is not there to be taken down."""
    admitted.slot.require_free()
    environment = admitted.environment
    if not TRANSITIONS.allows(Transition.DECOMMISSION, environment.status, EnvironmentStatus.DECOMMISSIONING):
        raise EnvironmentNotReady(environment.environment_id, environment.status)


def _shown(admitted: Admitted, intent: Intent) -> dict[str, Any]:
    return {
        "environmentId": admitted.environment.environment_id,
        "status": EnvironmentStatus.DECOMMISSIONING.value,
        "traceId": intent.caller.trace_id,
    }
