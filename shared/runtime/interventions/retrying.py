"""Try again: the same request under the same decision, as a new operation that says which one it retries.

A deployment that is paused at its gate is not over: for it, trying again is judging again.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.access.governance import Permit
from shared.events.journal import Journal
from shared.kernel.clock import Clock
from shared.kernel.errors import NotRetryable
from shared.operations.cancelling import stored
from shared.operations.intent import Answer, Intent
from shared.operations.model import OPEN, Operation, OperationKind, OperationStatus, PersonAction, PersonDecision
from shared.operations.permitted import permit_again
from shared.runtime.decommissioning.service import Decommissioning
from shared.runtime.deployments.service import Deployments
from shared.runtime.drift.deciding import Deciding
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.service import Environments
from shared.runtime.rotation.service import Rotations
from shared.runtime.scaling.enforcement import Enforcing
from shared.store.port import Row

ENDED_BADLY = frozenset({OperationStatus.FAILED, OperationStatus.CANCELED})


@dataclass(frozen=True)
class Retrying:
    journal: Journal
    clock: Clock
    environments: Environments
    deployments: Deployments
    enforcing: Enforcing
    decommissioning: Decommissioning
    rotations: Rotations
    deciding: Deciding

    async def retry(self, intent: Intent, admitted: Admitted, operation_id: str, reason: str | None) -> Answer:
        """Raises `NotFound`, `InsufficientScope`, `NotRetryable`, `ReceiptRefused`, and what the kind itself raises."""
        row, operation = await stored(self.journal, intent.caller, admitted.place, operation_id)
        if operation.status in OPEN and operation.paused and operation.cancel is None:
            intent.will("judge", operation.resource_path.removeprefix("/"), "its gate again")
            decision = PersonDecision(action=PersonAction.RETRY, by=intent.caller.subject, at=self.clock(), reason=reason)
            return await decided(self.journal, intent, admitted, row, operation, decision)
        if operation.status not in ENDED_BADLY:
            raise NotRetryable(operation.status)
        return await self._again(intent, admitted, operation, permit_again(operation, self.clock()))

    async def _again(self, intent: Intent, admitted: Admitted, failed: Operation, permit: Permit) -> Answer:
        if failed.kind is OperationKind.PROVISION:
            return await self.environments.again(intent, admitted, failed, permit)
        if failed.kind is OperationKind.DECOMMISSION:
            return await self.decommissioning.again(intent, admitted, failed, permit)
        if failed.kind in (OperationKind.DEPLOY, OperationKind.ROLLBACK):
            return await self.deployments.again(intent, admitted, failed, permit)
        if failed.kind is OperationKind.ENFORCE_SCALING:
            return await self.enforcing.again(intent, admitted, failed)
        if failed.kind is OperationKind.ROTATE_SECRET:
            return await self.rotations.again(intent, admitted, failed, permit)
        if failed.kind in (OperationKind.ADOPT_DRIFT, OperationKind.REMEDIATE_DRIFT):
            return await self.deciding.again(intent, admitted, failed, permit)
        raise NotRetryable(failed.status)


async def decided(
    journal: Journal,
    intent: Intent,
    admitted: Admitted,
    row: Row,
    operation: Operation,
    decision: PersonDecision,
    answer: Answer | None = None,
    permit: Permit | None = None,
) -> Answer:
    """Commit what a person decided about a paused operation; its worker takes it up. `answer` defaults to the operation."""
    waiting = {"decision": decision, "waiting_for": f"its worker to {decision.action} it", "last_action_at": decision.at}
    taken = operation.model_copy(update=waiting)
    why = f": {decision.reason}" if decision.reason else ""
    tx = intent.transaction(
        admitted.place,
        f"operation.{decision.action}-decided",
        operation.resource_id,
        f"{decision.by} decided to {decision.action} {operation.kind}{why}",
        permit,
    )
    tx.of_operation(operation.operation_id)
    tx.replace(row, taken)
    told = intent.remember(tx, answer or Answer(202, taken.shown(), taken.resource_path, wakes=taken))
    await journal.commit(tx)
    return told
