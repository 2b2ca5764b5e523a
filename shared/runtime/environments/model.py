"""The environment as it is decided on, stored and shown. Region, stage and isolation never change once committed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.targets.port import Site

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
TenantId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Stage(StrEnum):
    DEV = "dev"
    TEST = "test"
    STAGING = "staging"
    PROD = "prod"


STAGE_ORDER = (Stage.DEV, Stage.TEST, Stage.STAGING, Stage.PROD)


class IsolationModel(StrEnum):
    SILO = "silo"
    POOL = "pool"
    SHARED = "shared"


class ComputeTarget(StrEnum):
    AKS = "aks"
    CONTAINER_APPS = "container-apps"
    FUNCTIONS = "functions"
    APP_SERVICE = "app-service"


def _each_once(targets: tuple[ComputeTarget, ...]) -> tuple[ComputeTarget, ...]:
    if len(set(targets)) != len(targets):
        raise ValueError("a compute target is named twice")
    return targets


# In the caller's order: a set would give the same request another hash and another ETag in the next process.
ComputeTargets = Annotated[tuple[ComputeTarget, ...], Field(min_length=1), AfterValidator(_each_once)]


class EnvironmentStatus(StrEnum):
    PROVISIONING = "Provisioning"
    PROVISIONED = "Provisioned"
    FAILED = "Failed"
    DECOMMISSIONING = "Decommissioning"
    DECOMMISSIONED = "Decommissioned"


class ProvisionRequest(Record):
    """POST /environments, the seed's body."""

    tenant_id: TenantId
    project_id: Name
    name: Name
    stage: Stage
    region: Name
    isolation_model: IsolationModel
    compute_targets: ComputeTargets


class Placement(Record):
    """Where in Azure the environment lives. ARM's limits count per subscription: hence from the start."""

    subscription_id: str
    resource_group: str


class Hold(Record):
    """After an automatic rollback: nothing automatic touches the environment until a person acts."""

    since: datetime
    deployment_id: str
    reason: str


class EnvironmentChange(Record):
    """What a mutation of it answers."""

    environment_id: EnvironmentId
    status: EnvironmentStatus
    trace_id: str


class Provisioning(EnvironmentChange):
    """What POST /environments answers: the seed's four fields."""

    pulumi_stack_ref: str  # what callers see; the stack's own name also carries tenant and id, names may meet


class Environment(Provisioning, ProvisionRequest):
    placement: Placement
    outputs: dict[str, str] = {}
    stable_deployment_id: str | None = None
    stable_release_ref: str | None = None
    hold: Hold | None = None
    created_at: datetime
    decommissioned_at: datetime | None = None

    @property
    def site(self) -> Site:
        """What a target needs to know of it."""
        return Site(
            tenant_id=self.tenant_id,
            project_id=self.project_id,
            environment_id=self.environment_id,
            stage=self.stage,
            region=self.region,
            subscription_id=self.placement.subscription_id,
            resource_group=self.placement.resource_group,
            outputs=self.outputs,
        )
