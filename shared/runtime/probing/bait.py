"""What the isolation probe tries to reach: one of every kind of resource, in the platform's own environment.

All of it is there, so that a door that opens shows something: an id that leads nowhere would be refused by a broken
platform, too. Nothing of it runs, no sweep has it on its list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.access.binding import BindingStatus, TenantBinding
from shared.events.journal import Place
from shared.kernel import ids
from shared.kernel.clock import Clock, Draw
from shared.kernel.errors import NotFound
from shared.kernel.record import Record
from shared.operations.model import Operation, OperationKind, OperationStatus
from shared.operations.slot import Slot
from shared.runtime.catalog.model import Placed, RuntimeService, Source
from shared.runtime.catalog.where import Where
from shared.runtime.configurations.model import Configuration
from shared.runtime.deployments.model import Deployment, DeploymentStatus, HistoryEntry, Phase, Strategy
from shared.runtime.drift.model import SEVERITY, Finding, FindingKind, FindingStatus, Owner
from shared.runtime.environments.model import (
    ComputeTarget,
    Environment,
    EnvironmentStatus,
    IsolationModel,
    Placement,
    Stage,
)
from shared.runtime.rollout.gate import GatePolicy
from shared.runtime.scaling.model import ScalingPolicy
from shared.runtime.secrets.model import BoundSecret, SecretBinding
from shared.store import keys
from shared.store.port import Conflict, Create, Store
from shared.targets.port import Scaling, Workload

SERVICE = "isolation-bait"
TRACE = "trace-" + "0" * 32
PARAMETERS: Mapping[str, str] = {  # of the routes -> prefix of the ids they take
    "deploymentId": "dep",
    "configurationId": "cfg",
    "secretBindingId": "sec",
    "scalingPolicyId": "scl",
    "findingId": "drift",
    "operationId": "op",
}


def parameters(place: Place, own: str) -> dict[str, str]:
    """A value for every parameter of a route, all of one environment."""
    inside = (place.environment_id or "").removeprefix("env-") + own
    named = {name: f"{prefix}-{inside}" for name, prefix in PARAMETERS.items()}
    return {**named, "environmentId": place.environment_id or "", "serviceId": SERVICE}


@dataclass(frozen=True)
class Bait:
    store: Store
    where: Where
    clock: Clock
    draw: Draw
    home: Place
    own: str  # 16 hex digits, of every resource

    async def lay(self) -> dict[str, str]:
        """Make sure that all of it is there; the value of every parameter. Key: the environment."""
        named = parameters(self.home, self.own)
        if await self.store.get(self.home.partition, keys.ENVIRONMENT) is None:
            now = self.clock()
            environment = _environment(self.home, now)
            await self.where.runs(environment, [SERVICE])
            rows = {**_ground(self.home, environment, now), **_resources(self.home, named, now)}
            try:
                changes = [Create(key, record.document()) for key, record in rows.items()]
                await self.store.commit(self.home.partition, self.draw(), changes)
            except Conflict:  # another worker was faster
                if await self.store.get(self.home.partition, keys.ENVIRONMENT) is None:
                    raise NotFound("environment", named["environmentId"]) from None
        return named


def _environment(home: Place, now: datetime) -> Environment:
    return Environment(
        tenant_id=home.tenant_id,
        project_id=home.project_id or "",
        name=SERVICE,
        stage=Stage.DEV,
        region="none",
        isolation_model=IsolationModel.SILO,
        compute_targets=(ComputeTarget.CONTAINER_APPS,),
        environment_id=ids.EnvironmentId(home.environment_id or ""),
        status=EnvironmentStatus.PROVISIONED,
        pulumi_stack_ref=SERVICE,
        placement=Placement(subscription_id="none", resource_group="none"),
        created_at=now,
        trace_id=TRACE,
    )


def _ground(home: Place, environment: Environment, now: datetime) -> dict[str, Record]:
    bound = TenantBinding(
        tenant_id=home.tenant_id,
        environment_id=environment.environment_id,
        status=BindingStatus.ACTIVE,
        changed_at=now,
        changed_by=SERVICE,
    )
    return {keys.ENVIRONMENT: environment, keys.BINDING: bound, keys.SLOT: Slot()}


def _resources(home: Place, named: Mapping[str, str], now: datetime) -> dict[str, Record]:
    return {
        keys.service(SERVICE): _service(now),
        named["deploymentId"]: _deployment(home, named, now),
        named["operationId"]: _operation(home, named, now),
        named["findingId"]: _finding(named, now),
        named["configurationId"]: _configuration(home, named, now),
        named["secretBindingId"]: _secret_binding(home, named, now),
        named["scalingPolicyId"]: _scaling_policy(home, named, now),
    }


def _service(now: datetime) -> RuntimeService:
    workload = Workload(service_id=SERVICE, image="none/bait:1", replicas=1, release=SERVICE)
    return RuntimeService(
        service_id=SERVICE,
        target=ComputeTarget.CONTAINER_APPS,
        image=workload.image,
        version="1",
        replicas=1,
        source=Source.IMPORT,
        observed_at=now,
        generation=0,
        placed=Placed(target=ComputeTarget.CONTAINER_APPS, workload=workload),
    )


def _configuration(home: Place, named: Mapping[str, str], now: datetime) -> Configuration:
    return Configuration(
        configuration_id=named["configurationId"],
        tenant_id=home.tenant_id,
        environment_id=ids.EnvironmentId(named["environmentId"]),
        version=1,
        content_hash="0" * 64,
        values={"BAIT": "yes"},
        published_by=SERVICE,
        created_at=now,
        trace_id=TRACE,
    )


def _secret_binding(home: Place, named: Mapping[str, str], now: datetime) -> SecretBinding:
    return SecretBinding(
        secret_binding_id=named["secretBindingId"],
        tenant_id=home.tenant_id,
        environment_id=ids.EnvironmentId(named["environmentId"]),
        service_id=SERVICE,
        vault_uri="https://bait.vault.azure.net",
        secrets=[BoundSecret(name="BAIT", secret_name="bait", version="0" * 32)],  # noqa: S106 - a name
        bound_by=SERVICE,
        created_at=now,
        trace_id=TRACE,
    )


def _scaling_policy(home: Place, named: Mapping[str, str], now: datetime) -> ScalingPolicy:
    return ScalingPolicy(
        scaling_policy_id=named["scalingPolicyId"],
        tenant_id=home.tenant_id,
        environment_id=ids.EnvironmentId(named["environmentId"]),
        service_id=SERVICE,
        target=ComputeTarget.CONTAINER_APPS,
        requested=Scaling(metric="cpu", min_replicas=1, max_replicas=1, target_utilization_percent=50),
        applied_by=SERVICE,
        created_at=now,
        updated_at=now,
        trace_id=TRACE,
    )


def _deployment(home: Place, named: Mapping[str, str], now: datetime) -> Deployment:
    return Deployment(
        deployment_id=named["deploymentId"],
        tenant_id=home.tenant_id,
        environment_id=ids.EnvironmentId(named["environmentId"]),
        project_id=home.project_id or "",
        release_ref=SERVICE,
        components=[],
        strategy=Strategy.ALL_AT_ONCE,
        gate=GatePolicy(),
        status=DeploymentStatus.COMPLETED,
        phase=Phase.COMPLETED,
        rollout_history=[HistoryEntry(phase=Phase.COMPLETED, started_at=now, ended_at=now)],
        operation_id=ids.OperationId(named["operationId"]),
        requested_by=SERVICE,
        created_at=now,
        ended_at=now,
        trace_id=TRACE,
    )


def _operation(home: Place, named: Mapping[str, str], now: datetime) -> Operation:
    return Operation(
        operation_id=ids.OperationId(named["operationId"]),
        environment_id=ids.EnvironmentId(named["environmentId"]),
        kind=OperationKind.DEPLOY,
        status=OperationStatus.SUCCEEDED,
        must_settle_by=now,
        requested_by=SERVICE,
        request_json="{}",
        resource_location=f"/v1/runtime/deployments/{named['deploymentId']}",
        created_at=now,
        last_action_at=now,
        trace_id=TRACE,
        tenant_id=home.tenant_id,
        project_id=home.project_id or "",
        client_id=SERVICE,
        resource_id=named["deploymentId"],
        generation=0,
    )


def _finding(named: Mapping[str, str], now: datetime) -> Finding:
    return Finding(
        finding_id=named["findingId"],
        environment_id=ids.EnvironmentId(named["environmentId"]),
        service_id=SERVICE,
        kind=FindingKind.MISSING_SERVICE,
        desired="bait",
        actual="bait",
        severity=SEVERITY[FindingKind.MISSING_SERVICE],
        detected_at=now,
        status=FindingStatus.RESOLVED,
        owner=Owner.UNKNOWN,
        first_seen_at=now,
        last_seen_at=now,
        occurrences=1,
    )
