"""Go on in spite of a paused gate: a person takes the responsibility that the evidence would not, and says why."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from shared.events.journal import Journal
from shared.kernel.clock import Clock
from shared.kernel.errors import NotFound, NotPaused
from shared.kernel.record import Record
from shared.operations.cancelling import stored
from shared.operations.intent import Answer, Intent
from shared.operations.model import OPEN, PersonAction, PersonDecision
from shared.runtime.deployments.model import Deployment, DeploymentBegun
from shared.runtime.environments.isolation import Admitted
from shared.runtime.interventions.retrying import decided
from shared.store.reading import read


class PromoteRequest(Record):
    """POST /deployments/{deploymentId}/promote."""

    reason: str = Field(min_length=1, max_length=1000)


@dataclass(frozen=True)
class Promoting:
    journal: Journal
    clock: Clock

    async def promote(self, intent: Intent, admitted: Admitted, deployment_id: str, request: PromoteRequest) -> Answer:
        """Raises `NotFound`, `NotPaused`, `PolicyDenied`. The history will say who went on, and why."""
        place = admitted.place
        found = await self.journal.store.get(place.partition, deployment_id)
        if found is None:
            raise NotFound("deployment", deployment_id)
        deployment = read(Deployment, place.partition, found)
        row, operation = await stored(self.journal, intent.caller, place, deployment.operation_id)
        if operation.status not in OPEN or not operation.paused or operation.cancel is not None:
            intent.meet(NotPaused(deployment.status))
        intent.will("pass", f"deployments/{deployment_id}", "its gate, in spite of the verdict")
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        told = DeploymentBegun(deployment_id=deployment_id, status=deployment.status, trace_id=intent.caller.trace_id)
        answer = Answer(202, told.document(), f"/deployments/{deployment_id}", wakes=operation)
        decision = PersonDecision(
            action=PersonAction.PROMOTE, by=intent.caller.subject, at=self.clock(), reason=request.reason
        )
        return await decided(self.journal, intent, admitted, row, operation, decision, answer, permit)
