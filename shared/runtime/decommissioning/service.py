"""Decommission: load, decide, commit once. The caller spells the environment's name, since nothing brings it back."""

from __future__ import annotations

from collections.abc import Collection
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
from shared.operations.model import Operation, OperationKind, StepStatus
from shared.runtime.catalog.rows import Catalog
from shared.runtime.decommissioning.activities import WORKLOADS
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import EnvironmentChange, EnvironmentStatus
from shared.runtime.environments.operating import asked_for
from shared.runtime.environments.transitions import TRANSITIONS, Transition
from shared.store import keys

WITHIN = timedelta(minutes=60)


@dataclass(frozen=True)
class Resource:
    told: str  # what a person calls it
    step: str  # under which the engines report it


# An environment's outputs that name resources of its own, and those that hold data.
RESOURCES = {
    "appServicePlanId": Resource("app-service-plan", "AppServicePlan"),
    "clusterServer": Resource("cluster", "Cluster"),
    "functionsPlanId": Resource("functions-plan", "FunctionsPlan"),
    "functionsStorageAccount": Resource("functions-storage", "FunctionsStorage"),
    "identityId": Resource("identity", "Identity"),
    "managedEnvironmentId": Resource("container-apps-environment", "ManagedEnvironment"),
    "resourceGroup": Resource("resource-group", "ResourceGroup"),
    "serviceBusNamespace": Resource("service-bus", "ServiceBus"),
    "vaultUri": Resource("vault", "KeyVault"),
    "workspaceId": Resource("logs", "Workspace"),
}
DATA = frozenset({"resourceGroup", "vaultUri", "workspaceId"})


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
    catalog: Catalog
    clock: Clock

    async def decommission(self, intent: Intent, admitted: Admitted, request: DecommissionRequest) -> Answer:
        """Raises `ValidationFailed`, `OperationInFlight`, `EnvironmentNotReady`, `PolicyDenied`."""
        intent.check(lambda: _require_confirmed(admitted, request))
        intent.check(admitted.slot.require_free)
        intent.check(lambda: _require_standing(admitted))
        if intent.rehearsal is not None:
            await self._tell(intent, admitted, request)
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        operation = self._operation(intent, admitted, permit)
        answer = Answer(202, _shown(admitted, intent), operation.resource_path, operation)
        return await self._begin(intent, admitted, operation, permit, answer)

    async def again(self, intent: Intent, admitted: Admitted, failed: Operation, permit: Permit) -> Answer:
        """Take up one that ended without success: what is gone counts as gone, so it goes on from the failed step."""
        intent.check(admitted.slot.require_free)
        intent.check(lambda: _require_standing(admitted))
        if intent.rehearsal is not None:
            gone = failed.steps_that(StepStatus.SUCCEEDED)
            await self._tell(intent, admitted, DecommissionRequest.read(failed.request), gone)
        operation = self._operation(intent, admitted, permit).again(failed)
        answer = Answer(202, operation.shown(), operation.resource_path, operation)
        return await self._begin(intent, admitted, operation, permit, answer)

    async def _tell(
        self, intent: Intent, admitted: Admitted, request: DecommissionRequest, gone: Collection[str] = ()
    ) -> None:
        """What will be destroyed, and what retained: the workloads, then what the engine put out; without the steps that
        an earlier try has done (`gone`)."""
        environment = admitted.environment
        snapshot = await self.catalog.snapshot(admitted.place, environment.stable_deployment_id)
        for service_id, placed in sorted(snapshot.services.items() if snapshot and WORKLOADS not in gone else ()):
            intent.will("remove", f"services/{service_id}", f"{placed.workload.image} on {placed.target}")
        for name in sorted(RESOURCES.keys() & environment.outputs.keys()):
            kept = request.retain_data and name in DATA
            if kept or RESOURCES[name].step not in gone:
                intent.will("retain" if kept else "remove", RESOURCES[name].told, environment.outputs[name])
        intent.will("remove", f"environments/{admitted.environment.name}", "its name is free again")

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
        path, now = f"/environments/{admitted.environment.environment_id}", self.clock()
        return asked_for(intent, admitted, OperationKind.DECOMMISSION, permit, path, now=now, within=WITHIN)


def _require_confirmed(admitted: Admitted, request: DecommissionRequest) -> None:
    if request.confirm != admitted.environment.name:
        raise ValidationFailed({"confirm": ["must equal the environment's name"]})


def _require_standing(admitted: Admitted) -> None:
    """Raises `EnvironmentNotReady` for what is not there to be taken down."""
    environment = admitted.environment
    if not TRANSITIONS.allows(Transition.DECOMMISSION, environment.status, EnvironmentStatus.DECOMMISSIONING):
        raise EnvironmentNotReady(environment.environment_id, environment.status)


def _shown(admitted: Admitted, intent: Intent) -> dict[str, Any]:
    return EnvironmentChange(
        environment_id=admitted.environment.environment_id,
        status=EnvironmentStatus.DECOMMISSIONING,
        trace_id=intent.caller.trace_id,
    ).document()
