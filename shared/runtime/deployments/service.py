"""What callers can ask of deployments: load, decide, commit once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import Field

from shared.access.governance import Permit
from shared.events.journal import Journal, Transaction
from shared.kernel import ids
from shared.kernel.clock import Clock
from shared.kernel.errors import NoStableSnapshot, NotFound, TargetNotEnabled, ValidationFailed
from shared.kernel.record import Record
from shared.operations import slot
from shared.operations.intent import Answer, Intent
from shared.operations.model import LONGEST_TOLD, Operation, OperationKind
from shared.runtime.catalog.model import Snapshot
from shared.runtime.catalog.rows import Catalog
from shared.runtime.configurations.reading import Configurations
from shared.runtime.deployments import waves
from shared.runtime.deployments.effects import Effect, release_effects, remedy_effects, rollback_effects
from shared.runtime.deployments.events import DeploymentRequested
from shared.runtime.deployments.model import (
    Deployment,
    DeploymentBegun,
    DeployRequest,
    DriftAction,
    DriftCause,
    HistoryEntry,
    Phase,
    Strategy,
    as_component,
    registry_of,
)
from shared.runtime.deployments.transitions import TRANSITIONS, Transition
from shared.runtime.environments.index import Index
from shared.runtime.environments.intactness import Intactness
from shared.runtime.environments.isolation import Admitted
from shared.runtime.rollout.gate import GatePolicy, OnFailure
from shared.store import keys

LISTED = "dep"
NAMED = 5  # components in a summary
PERSON_WITHIN = timedelta(hours=24)
SLACK = timedelta(minutes=30)  # for applies, promotion and taking it all back


UNRELEASED = "none"  # the release of what was never released
DECIDES = {DriftAction.REMEDIATE: OperationKind.REMEDIATE_DRIFT, DriftAction.ADOPT: OperationKind.ADOPT_DRIFT}

Begin = Callable[[Transaction, Deployment], Mapping[str, Any]]


class ListedDeployment(Record):
    deployment_id: str


class RollbackRequest(Record):
    """POST /deployments/{deploymentId}/rollback; `to_deployment_id` defaults to what was stable when that one began."""

    reason: str | None = Field(default=None, max_length=1000)
    to_deployment_id: str | None = Field(default=None, max_length=64)


@dataclass(frozen=True)
class Deployments:
    index: Index
    journal: Journal
    catalog: Catalog
    configurations: Configurations
    clock: Clock
    gate: GatePolicy  # the platform's defaults
    registries: frozenset[str]
    targets: frozenset[str]  # those the platform can deploy to
    intactness: Intactness

    async def deploy(self, intent: Intent, admitted: Admitted, request: DeployRequest) -> Answer:
        """Commit the intent to roll out a release; the orchestration does the rest.

        Raises `EnvironmentNotReady`, `OperationInFlight`, `IsolationBreach`, `TargetNotEnabled`, `ValidationFailed`,
        `PolicyDenied`.
        """
        intent.check(admitted.require_provisioned)
        intent.check(admitted.slot.require_free)
        await self._require_intact(intent, admitted, request)
        self._require_deployable(intent, admitted, request)
        await intent.ask(self._require_known(admitted, request))
        deployment = self._requested(intent, admitted, request)
        if intent.rehearsal is not None:
            await self._tell(intent, admitted, deployment)
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        return await self._begin(intent, admitted, deployment, OperationKind.DEPLOY, permit)

    async def again(self, intent: Intent, admitted: Admitted, failed: Operation, permit: Permit) -> Answer:
        """Roll the same release out, or back, once more: a new deployment, since the failed one took itself back.

        Raises what the first try raised, as the environment stands now.
        """
        intent.check(admitted.require_provisioned)
        intent.check(admitted.slot.require_free)
        if failed.kind is OperationKind.DEPLOY:
            request = DeployRequest.read(failed.request)
            await self._require_intact(intent, admitted, request)
            self._require_deployable(intent, admitted, request)
            await intent.ask(self._require_known(admitted, request))
            deployment = self._requested(intent, admitted, request)
            if intent.rehearsal is not None:
                await self._tell(intent, admitted, deployment)
        else:
            undone = await self._stored(admitted, failed.resource_id)
            deployment = await self._restoring(
                intent, admitted, undone.rollback_of or "", RollbackRequest.read(failed.request)
            )
        return await self._begin(intent, admitted, deployment, failed.kind, permit, retries=failed)

    async def roll_back(self, intent: Intent, admitted: Admitted, deployment_id: str, request: RollbackRequest) -> Answer:
        """Commit a new deployment that restores an earlier snapshot; the named one stays what it is.

        Raises `NotFound`, `NoStableSnapshot`, `EnvironmentNotReady`, `OperationInFlight`, `PolicyDenied`.
        """
        intent.check(admitted.require_provisioned)
        intent.check(admitted.slot.require_free)
        deployment = await self._restoring(intent, admitted, deployment_id, request)
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        return await self._begin(intent, admitted, deployment, OperationKind.ROLLBACK, permit)

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
        return await self._begin(intent, admitted, deployment, kind, permit, retries=retries, begin=begin)

    def _caused(self, intent: Intent, admitted: Admitted, cause: DriftCause, stable: Snapshot | None) -> Deployment:
        placed = stable.services.get(cause.service_id) if stable else None
        return self._new(
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
        return self._new(
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

    async def _begin(
        self,
        intent: Intent,
        admitted: Admitted,
        deployment: Deployment,
        kind: OperationKind,
        permit: Permit,
        retries: Operation | None = None,
        begin: Begin | None = None,
    ) -> Answer:
        location = f"/deployments/{deployment.deployment_id}"
        operation = intent.operation(
            kind,
            admitted.place,
            resource_id=deployment.deployment_id,
            location=location,
            generation=admitted.slot.generation + 1,
            now=deployment.created_at,
            within=_longest(deployment),
            permit=permit,
        )
        if retries is not None:
            operation = operation.again(retries)
        await self.index.announce_operation(operation)
        tx = intent.transaction(
            admitted.place,
            "deployment.requested",
            deployment.deployment_id,
            _begun(deployment) + _in_spite(operation),
            permit,
        )
        tx.create(deployment.deployment_id, deployment)
        tx.create(
            keys.listed(LISTED, deployment.created_at, deployment.deployment_id),
            ListedDeployment(deployment_id=deployment.deployment_id),
        )
        slot.take(tx, admitted.rows[keys.SLOT], operation)
        tx.emit(DeploymentRequested.of(deployment))
        body = begin(tx, deployment) if begin else deployment.document(DeploymentBegun)
        answer = intent.remember(tx, Answer(202, body if retries is None else operation.shown(), location, operation))
        await self.journal.commit(tx)
        return answer

    def _requested(self, intent: Intent, admitted: Admitted, request: DeployRequest) -> Deployment:
        gate = request.gate.policy(self.gate) if request.gate else self.gate
        return self._new(
            intent,
            admitted,
            release_ref=request.release_ref,
            components=request.components,
            configuration_id=request.configuration_id,
            strategy=request.strategy,
            gate=gate,
        )

    def _new(self, intent: Intent, admitted: Admitted, **fields: Any) -> Deployment:
        TRANSITIONS.require(Transition.REQUEST, None, Phase.REQUESTED)
        environment, now = admitted.environment, self.clock()
        return Deployment(
            **fields,
            deployment_id=ids.inside(ids.Kind.DEPLOYMENT, environment.environment_id, intent.own),
            tenant_id=environment.tenant_id,
            environment_id=environment.environment_id,
            project_id=environment.project_id,
            rollout_history=[HistoryEntry(phase=Phase.REQUESTED, started_at=now)],
            operation_id=ids.operation_id(environment.environment_id, intent.own),
            previous_deployment_id=environment.stable_deployment_id,
            requested_by=intent.caller.subject,
            created_at=now,
            trace_id=intent.caller.trace_id,
        )

    async def _require_intact(self, intent: Intent, admitted: Admitted, request: DeployRequest) -> None:
        await intent.ask(self.intactness.require(admitted, request.override_isolation_breach, intent.caller.subject))

    def _require_deployable(self, intent: Intent, admitted: Admitted, request: DeployRequest) -> None:
        """Every target, then everything else about the components together."""
        enabled = self.targets.intersection(admitted.environment.compute_targets)
        for index, component in enumerate(request.components):
            if component.target not in enabled:
                refused = TargetNotEnabled(component.target, f"components[{index}].target")
                intent.meet(refused)
        intent.check(lambda: self._require_sound(request))

    def _require_sound(self, request: DeployRequest) -> None:
        errors = {
            f"components[{index}].image": ["the registry is not in the platform's allow-list"]
            for index, component in enumerate(request.components)
            if registry_of(component.image) not in self.registries
        }
        errors |= waves.faults(request.components, ordered=request.strategy is Strategy.ROLLING_HEALTH_GATED)
        if errors:
            raise ValidationFailed(errors)

    async def _require_known(self, admitted: Admitted, request: DeployRequest) -> None:
        """What the request names outside itself: a configuration, and services that components depend on."""
        if request.configuration_id is not None:
            await self.configurations.require(admitted.place, request.configuration_id, "configurationId")
        own = {component.module_id for component in request.components}
        named = {one for component in request.components for one in component.depends_on} - own
        known = await self.journal.store.gather(admitted.place.partition, [keys.service(one) for one in sorted(named)])
        errors = {
            f"components[{index}].dependsOn": ["names what is neither in the release nor runs here"]
            for index, component in enumerate(request.components)
            if any(one in named and keys.service(one) not in known for one in component.depends_on)
        }
        if errors:
            raise ValidationFailed(errors)

    async def _stored(self, admitted: Admitted, deployment_id: str) -> Deployment:
        row = await self.journal.store.get(admitted.place.partition, deployment_id)
        if row is None:
            raise NotFound("deployment", deployment_id)
        return Deployment.read(row.document)


def _in_spite(operation: Operation) -> str:
    """That a person released in spite of a breach, and why."""
    why = operation.request.get("overrideIsolationBreach")
    return f", in spite of a breach of isolation: {why[:LONGEST_TOLD]}" if why else ""


def _begun(deployment: Deployment) -> str:
    """The timeline's sentence."""
    components = deployment.components
    names = ", ".join(component.module_id for component in components[:NAMED])
    more = f" and {len(components) - NAMED} more" if len(components) > NAMED else ""
    reason = f" ({deployment.reason[:LONGEST_TOLD]})" if deployment.reason else ""
    return f"{deployment.told} began: {names}{more}{reason}"


def _longest(deployment: Deployment) -> timedelta:
    """All its gates, one after the other, and the time that a person may take where they pause."""
    gates = deployment.gate.longest * len(set(waves.ordered(deployment.components).values()))
    return SLACK + gates + (PERSON_WITHIN if deployment.gate.on_failure is OnFailure.PAUSE else timedelta())
