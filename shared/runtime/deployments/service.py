"""What callers can ask of deployments: a release, a way back, the same once more. Load, decide, commit once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import Field

from shared.access.governance import Permit
from shared.kernel.errors import NoStableSnapshot, NotFound, ValidationFailed
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent
from shared.operations.model import Operation, OperationKind
from shared.runtime.catalog.model import Snapshot
from shared.runtime.catalog.rows import Catalog
from shared.runtime.deployments.acceptance import Acceptance
from shared.runtime.deployments.beginning import Begin, Beginning
from shared.runtime.deployments.effects import Effect, release_effects, remedy_effects, rollback_effects
from shared.runtime.deployments.model import (
    Deployment,
    DeployRequest,
    DriftAction,
    DriftCause,
    Strategy,
    as_component,
)
from shared.runtime.environments.isolation import Admitted
from shared.runtime.rollout.gate import GatePolicy
from shared.store.port import Store

UNRELEASED = "none"  # the release of what was never released
DECIDES = {DriftAction.REMEDIATE: OperationKind.REMEDIATE_DRIFT, DriftAction.ADOPT: OperationKind.ADOPT_DRIFT}


class RollbackRequest(Record):
    """POST /deployments/{deploymentId}/rollback; `to_deployment_id` defaults to what was stable when that one began."""

    reason: str | None = Field(default=None, max_length=1000)
    to_deployment_id: str | None = Field(default=None, max_length=64)


@dataclass(frozen=True)
class Deployments:
    store: Store
    catalog: Catalog
    acceptance: Acceptance
    beginning: Beginning
    gate: GatePolicy  # the platform's defaults

    async def deploy(self, intent: Intent, admitted: Admitted, request: DeployRequest) -> Answer:
        """Commit the intent to roll out a release; the orchestration does the rest.

        Raises `EnvironmentNotReady`, `OperationInFlight`, `IsolationBreach`, `TargetNotEnabled`, `ValidationFailed`,
        `PolicyDenied`.
        """
        intent.check(admitted.require_provisioned)
        intent.check(admitted.slot.require_free)
        deployment = await self._accepted(intent, admitted, request)
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        return await self.beginning.begin(intent, admitted, deployment, OperationKind.DEPLOY, permit)

    async def again(self, intent: Intent, admitted: Admitted, failed: Operation, permit: Permit) -> Answer:
        """Roll the same release out, or back, once more: a new deployment, since the failed one took itself back.

        Raises what the first try raised, as the environment stands now.
        """
        intent.check(admitted.require_provisioned)
        intent.check(admitted.slot.require_free)
        if failed.kind is OperationKind.DEPLOY:
            deployment = await self._accepted(intent, admitted, DeployRequest.read(failed.request))
        else:
            undone = await self._stored(admitted, failed.resource_id)
            deployment = await self._restoring(
                intent, admitted, undone.rollback_of or "", RollbackRequest.read(failed.request)
            )
        return await self.beginning.begin(intent, admitted, deployment, failed.kind, permit, retries=failed)

    async def roll_back(self, intent: Intent, admitted: Admitted, deployment_id: str, request: RollbackRequest) -> Answer:
        """Commit a new deployment that restores an earlier snapshot; the named one stays what it is.

        Raises `NotFound`, `NoStableSnapshot`, `EnvironmentNotReady`, `OperationInFlight`, `PolicyDenied`.
        """
        intent.check(admitted.require_provisioned)
        intent.check(admitted.slot.require_free)
        deployment = await self._restoring(intent, admitted, deployment_id, request)
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        return await self.beginning.begin(intent, admitted, deployment, OperationKind.ROLLBACK, permit)

    async def remedy_effects(self, admitted: Admitted, service_id: str) -> Iterable[Effect]:
        """What `decided` is about to do to put a service right, as far as that follows from what is stored."""
        stable = await self.catalog.snapshot(admitted.place, admitted.environment.stable_deployment_id)
        return remedy_effects(service_id, stable.services.get(service_id) if stable else None, self.gate)

    async def decided(
        self, intent: Intent, admitted: Admitted, cause: DriftCause, permit: Permit, begin: Begin, retries: Operation | None
    ) -> Answer:
        """Commit a new deployment that a decision on a finding makes: of the release that is stable, and of one service.

        A remedy applies it as it is wanted, with gate and rollback; an adoption rolls out nothing. `begin` adds to the
        transaction and makes the answer. Raises `OperationInFlight`.
        """
        stable = await self.catalog.snapshot(admitted.place, admitted.environment.stable_deployment_id)
        deployment = self._caused(intent, admitted, cause, stable)
        kind = DECIDES[cause.action]
        return await self.beginning.begin(intent, admitted, deployment, kind, permit, retries=retries, begin=begin)

    def _caused(self, intent: Intent, admitted: Admitted, cause: DriftCause, stable: Snapshot | None) -> Deployment:
        placed = stable.services.get(cause.service_id) if stable else None
        return self.beginning.new(
            intent,
            admitted,
            release_ref=stable.release_ref if stable else UNRELEASED,
            components=[as_component(placed)] if placed else [],
            strategy=Strategy.ALL_AT_ONCE,
            gate=self.gate,
            drift=cause,
        )

    async def _restoring(
        self, intent: Intent, admitted: Admitted, deployment_id: str, request: RollbackRequest
    ) -> Deployment:
        undone = await intent.need(self._stored(admitted, deployment_id))
        to = request.to_deployment_id or undone.previous_deployment_id
        before, after = await intent.need(self._snapshots(admitted, to))
        restored = await intent.need(self._stored(admitted, after.deployment_id))
        for effect in rollback_effects(before.services if before else {}, after.services, undone.gate):
            intent.will(*effect)
        return self.beginning.new(
            intent,
            admitted,
            release_ref=restored.release_ref,
            components=restored.components,
            configuration_id=restored.configuration_id,
            strategy=undone.strategy,
            gate=undone.gate,
        ).model_copy(update={"rollback_of": deployment_id, "rollback_to": after.deployment_id, "reason": request.reason})

    async def _snapshots(self, admitted: Admitted, to: str | None) -> tuple[Snapshot | None, Snapshot]:
        """What is stable now, and what is to be stable again. Raises `NoStableSnapshot`, `ValidationFailed`."""
        if to is None:
            raise NoStableSnapshot
        after = await self.catalog.snapshot(admitted.place, to)
        if after is None:
            raise ValidationFailed({"toDeploymentId": ["names no deployment of this environment that was promoted"]})
        return await self.catalog.snapshot(admitted.place, admitted.environment.stable_deployment_id), after

    async def _tell(self, intent: Intent, admitted: Admitted, deployment: Deployment) -> None:
        stable = await self.catalog.snapshot(admitted.place, admitted.environment.stable_deployment_id)
        for effect in release_effects(stable.services if stable else {}, deployment):
            intent.will(*effect)
        if admitted.environment.hold is not None:
            intent.will("lift", "hold", admitted.environment.hold.reason)

    async def _accepted(self, intent: Intent, admitted: Admitted, request: DeployRequest) -> Deployment:
        await self.acceptance.require(intent, admitted, request)
        deployment = self._requested(intent, admitted, request)
        if intent.rehearsal is not None:
            await self._tell(intent, admitted, deployment)
        return deployment

    def _requested(self, intent: Intent, admitted: Admitted, request: DeployRequest) -> Deployment:
        gate = request.gate.policy(self.gate) if request.gate else self.gate
        return self.beginning.new(
            intent,
            admitted,
            release_ref=request.release_ref,
            components=request.components,
            configuration_id=request.configuration_id,
            strategy=request.strategy,
            gate=gate,
        )

    async def _stored(self, admitted: Admitted, deployment_id: str) -> Deployment:
        row = await self.store.get(admitted.place.partition, deployment_id)
        if row is None:
            raise NotFound("deployment", deployment_id)
        return Deployment.read(row.document)
