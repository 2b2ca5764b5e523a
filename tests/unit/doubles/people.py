"""What people do to an environment and to what is under way in it: the use cases behind the routes, one call each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from shared.access.caller import Caller
from shared.kernel.record import Record
from shared.operations.cancelling import Cancelling
from shared.operations.intent import Answer, Intent, ReasonRequest
from shared.operations.model import WRITE_SCOPE, Operation
from shared.runtime.decommissioning.service import Decommissioning, DecommissionRequest
from shared.runtime.drift.deciding import Deciding
from shared.runtime.environments.model import ProvisionRequest
from shared.runtime.environments.service import Environments
from shared.runtime.interventions.promoting import PromoteRequest, Promoting
from shared.runtime.interventions.releasing import Releasing
from shared.runtime.interventions.retrying import Retrying
from shared.runtime.mending.service import Mending
from tests.unit.doubles.world import CALLER, ENVIRONMENT, TENANT, World, begun

OPERATOR = replace(CALLER, subject="olga", client_id="operators-page", scopes=frozenset(WRITE_SCOPE.values()))
NAME = "orders-dev"


@dataclass
class People:
    """`caller` acts. Each method is one request, from admission to its commit."""

    world: World
    caller: Caller = OPERATOR

    def __post_init__(self) -> None:
        world = self.world
        journal, clock, index = world.journal, world.clock, world.index
        self.environments = Environments(index, journal, clock, "sub")
        self.decommissioning = Decommissioning(index, journal, world.catalog, clock)
        self.cancelling, self.promoting = Cancelling(journal, clock), Promoting(journal, clock)
        self.releasing = Releasing(journal, index)
        self.deciding = Deciding(journal, world.deployments, Mending(world.index, journal, clock), clock)
        self.retrying = Retrying(
            journal,
            clock,
            self.environments,
            world.deployments,
            world.enforcing,
            self.decommissioning,
            world.rotations,
            self.deciding,
        )

    async def provision(self, own: str | None = None, **changes: Any) -> Operation:
        """POST /environments; the operation it began. `own` makes the environment's id: the world's, unless given."""
        named = {"tenantId": TENANT, "projectId": "orders", "name": NAME, "stage": self.world.stage}
        placed = {"region": "westeurope", "isolationModel": "silo", "computeTargets": ["aks", "container-apps"]}
        request = ProvisionRequest.read({**named, **placed, **changes})
        intent = self._intent(request, own=own or ENVIRONMENT.removeprefix("env-"), action="environments.provision")
        return begun(await self.environments.provision(intent, request))

    async def decommission(self, confirm: str = NAME, *, key: str | None = None, **fields: Any) -> Answer:
        """POST /environments/{environmentId}/decommission."""
        request = DecommissionRequest.read({"confirm": confirm, **fields})
        intent = self._intent(request, key=key, action="environments.decommission")
        return await self.decommissioning.decommission(intent, await self.world.admitted_anyhow(), request)

    async def cancel(self, operation: Operation, reason: str | None = None, *, key: str | None = None) -> Answer:
        """POST /operations/{operationId}/cancel."""
        intent = self._intent(ReasonRequest(reason=reason), key=key)
        return await self.cancelling.cancel(
            intent, (await self.world.admitted_anyhow()).place, operation.operation_id, reason
        )

    async def retry(self, operation: Operation, reason: str | None = None, *, key: str | None = None) -> Answer:
        """POST /operations/{operationId}/retry."""
        intent = self._intent(ReasonRequest(reason=reason), key=key)
        return await self.retrying.retry(intent, await self.world.admitted_anyhow(), operation.operation_id, reason)

    async def promote(self, deployment_id: str, reason: str = "known", *, key: str | None = None) -> Answer:
        """POST /deployments/{deploymentId}/promote."""
        request = PromoteRequest(reason=reason)
        intent = self._intent(request, key=key, action="deployments.promote")
        return await self.promoting.promote(intent, await self.world.admitted_anyhow(), deployment_id, request)

    async def release(self, reason: str | None = None) -> Answer:
        """POST /environments/{environmentId}/release-hold."""
        request = ReasonRequest(reason=reason)
        intent = self._intent(request, action="environments.release-hold")
        return await self.releasing.release(intent, await self.world.admitted_anyhow(), request)

    def _intent(self, request: Record, *, own: str | None = None, key: str | None = None, action: str = "") -> Intent:
        return replace(self.world.intent(request, own=own, key=key, action=action), caller=self.caller)
