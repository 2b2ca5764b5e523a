"""A deployment: the request as it was, where it stands, and everything that happened to it in order."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.kernel.ids import EnvironmentId, OperationId
from shared.kernel.record import Record
from shared.operations.model import OperationError
from shared.runtime.catalog.model import Placed
from shared.runtime.deployments.gates import GateState
from shared.runtime.environments.model import ComputeTarget, Name, TenantId
from shared.runtime.rollout.gate import GatePolicy
from shared.targets.port import HealthProbe

MAX_COMPONENTS = 200
_IMAGE = re.compile(
    r"(?P<registry>[a-z0-9.-]+(?::\d+)?)/(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def _image(text: str) -> str:
    """An immutable-enough reference: a registry, and a tag that is not `latest` or a digest."""
    found = _IMAGE.fullmatch(text)
    if not found:
        raise ValueError("an image is registry/name:tag or registry/name@sha256:…, in lower case")
    if not found["digest"] and found["tag"] in (None, "latest"):
        raise ValueError("an image needs a tag other than latest, or a digest")
    return text


def registry_of(image: str) -> str:
    return image.partition("/")[0]


def _variables(env: dict[str, str]) -> dict[str, str]:
    if any(not _VARIABLE.fullmatch(name) for name in env):
        raise ValueError("the name of an environment variable is letters, digits and _, not starting with a digit")
    return env


Image = Annotated[str, StringConstraints(max_length=512), AfterValidator(_image)]
Variables = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=200), AfterValidator(_variables)
]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")]


class Strategy(StrEnum):
    ROLLING_HEALTH_GATED = "RollingHealthGated"
    ALL_AT_ONCE = "AllAtOnce"


class Component(Record):
    module_id: Name
    image: Image
    target: ComputeTarget
    replicas: int | None = Field(default=None, ge=1, le=1000)  # none at all could never show that it is healthy
    wave: int = Field(default=0, ge=0, le=99)
    depends_on: list[Name] = []
    env: Variables = {}
    health: HealthProbe = HealthProbe()


def as_component(placed: Placed) -> Component:
    """A service that runs, as a release would name it; its settings are the configuration's."""
    workload = placed.workload
    return Component(
        module_id=workload.service_id,
        image=workload.image,
        target=ComputeTarget(placed.target),
        replicas=max(1, workload.replicas),
        health=workload.health,
    )


class GateRequest(Record):
    """The gate as a caller states it: what is left out takes the platform's defaults."""

    wait_seconds: int | None = Field(default=None, ge=0, le=3600)
    stable_seconds: int | None = Field(default=None, ge=0, le=3600)
    retry_timeout_seconds: int | None = Field(default=None, ge=1, le=7200)
    failure_limit: int | None = Field(default=None, ge=0, le=1000)
    inconclusive_limit: int | None = Field(default=None, ge=0, le=1000)
    error_limit: int | None = Field(default=None, ge=0, le=1000)
    on_failure: str | None = Field(default=None, pattern=r"^(Rollback|Pause)$")

    def policy(self, defaults: GatePolicy) -> GatePolicy:
        return GatePolicy.model_validate(defaults.model_dump() | self.model_dump(exclude_none=True))


class DeployRequest(Record):
    """POST /deployments, the seed's body and its optional parts."""

    tenant_id: TenantId
    environment_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    release_ref: Reference
    components: list[Component] = Field(min_length=1, max_length=MAX_COMPONENTS)
    configuration_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    strategy: Strategy = Strategy.ROLLING_HEALTH_GATED
    gate: GateRequest | None = None
    # Why a release goes to production in spite of a breach of isolation.
    override_isolation_breach: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None

    @model_validator(mode="after")
    def _each_module_once(self) -> DeployRequest:
        modules = [component.module_id for component in self.components]
        if len(set(modules)) != len(modules):
            raise ValueError("a moduleId is named twice")
        return self


class DeploymentStatus(StrEnum):
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"
    CANCELED = "Canceled"


class Phase(StrEnum):
    REQUESTED = "Requested"
    PROVISIONING = "Provisioning"
    CONFIGURING = "Configuring"
    ROLLING_OUT = "RollingOut"
    HEALTH_GATING = "HealthGating"
    PROMOTING = "Promoting"
    ROLLING_BACK = "RollingBack"
    COMPLETED = "Completed"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"
    CANCELED = "Canceled"


class DeploymentBegun(Record):
    """What POST /deployments answers: the seed's three fields; a rollback also names what it undoes."""

    deployment_id: str
    status: DeploymentStatus = DeploymentStatus.IN_PROGRESS
    rollback_of: str | None = None
    trace_id: str


class HistoryEntry(Record):
    phase: Phase
    wave: int | None = None
    started_at: datetime
    ended_at: datetime | None = None
    detail: str | None = None


class DriftAction(StrEnum):
    REMEDIATE = "Remediate"  # what is wanted is applied once more
    ADOPT = "Adopt"  # what was found is what is wanted


class DriftCause(Record):
    """The finding that a person decided on, where a deployment comes from that and not from a release."""

    action: DriftAction
    finding_id: str
    service_id: str
    kind: str


class DeploymentReport(DeploymentBegun):
    """What is shown of the row, beside its history."""

    tenant_id: str
    environment_id: EnvironmentId
    release_ref: str
    components: list[Component]
    configuration_id: str | None = None
    strategy: Strategy
    gate: GatePolicy
    phase: Phase = Phase.REQUESTED
    operation_id: OperationId
    previous_deployment_id: str | None = None
    rotates: list[str] | None = None  # the secret bindings whose newer versions it brings, and nothing else
    drift: DriftCause | None = None
    reason: str | None = None
    content_hash: str | None = None
    requested_by: str
    created_at: datetime
    ended_at: datetime | None = None
    error: OperationError | None = None


class Difference(Record):
    """A side on which there is nothing is left out."""

    service_id: str
    key: str | None = None
    before: Any = Field(default=None, alias="from")
    after: Any = Field(default=None, alias="to")


class ComparisonState(Record):
    components: list[Difference]
    configuration: list[Difference]
    settings: list[Difference]


class HistoryState(HistoryEntry):
    gate: GateState | None = None


class DeploymentState(DeploymentReport):
    """A deployment as the API renders it."""

    rollout_history: list[HistoryState]
    comparison: ComparisonState | None = None


class Deployment(DeploymentReport):
    """The row."""

    project_id: str
    rollout_history: list[HistoryEntry]
    rollback_to: str | None = None

    @property
    def told(self) -> str:
        """What a timeline calls it."""
        if self.rotates:
            return f"rotation of {len(self.rotates)} secret binding{'s' * (len(self.rotates) > 1)}"
        if self.drift is not None:
            word = "remediation" if self.drift.action is DriftAction.REMEDIATE else "adoption"
            return f"{word} of {self.drift.service_id} ({self.drift.kind})"
        return f"rollback to {self.release_ref}" if self.rollback_of else f"deployment of {self.release_ref}"
