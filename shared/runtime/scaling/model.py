"""A policy says what is requested; enforcement says what the target really honours, and is never assumed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from shared.kernel.errors import ValidationFailed
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.runtime.environments.model import ComputeTarget, Name, TenantId
from shared.targets.port import Observation, ObservedBounds, Scaling


class Metric(StrEnum):
    CPU = "cpu"
    MEMORY = "memory"
    REQUESTS = "requests"
    QUEUE_LENGTH = "queue-length"


class ScalingRequest(Record):
    """POST /scaling-policies, the seed's body."""

    tenant_id: TenantId
    environment_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    service_id: Name
    target: ComputeTarget
    metric: Metric
    min_replicas: int = Field(ge=0, le=1000)
    max_replicas: int = Field(ge=1, le=1000)
    target_utilization_percent: int = Field(ge=1, le=100)
    scale_to_zero: bool = False

    def require_sound(self) -> None:
        """Raises `ValidationFailed` with every rule that the numbers break together."""
        errors: dict[str, list[str]] = {}
        if self.min_replicas > self.max_replicas:
            errors["minReplicas"] = ["is greater than maxReplicas"]
        if self.scale_to_zero and self.min_replicas > 0:
            errors["scaleToZero"] = ["needs minReplicas 0"]
        if not self.scale_to_zero and self.min_replicas == 0:
            errors["minReplicas"] = ["0 needs scaleToZero"]
        if errors:
            raise ValidationFailed(errors)


class Enforcement(StrEnum):
    PENDING = "Pending"
    ENFORCED = "Enforced"
    PARTIAL = "Partial"  # the target cannot honour all of it: `effective` says what it does


class PolicyStatus(StrEnum):
    """What is committed as desired; how far the target follows is `Enforcement`."""

    APPLIED = "Applied"
    PAUSED = "Paused"


class Pause(Record):
    """While it lasts the target has no autoscaler for the service, and its count stays as it was."""

    by: str
    at: datetime
    reason: str | None = None
    replicas: int | None = None  # that the service was left with; None until the target took it


class Applied(Record):
    """What POST /scaling-policies answers, and what pauses and resumes one: the seed's three fields."""

    scaling_policy_id: str
    status: PolicyStatus = PolicyStatus.APPLIED
    trace_id: str


class PolicyReport(Applied):
    """What is shown of the row."""

    tenant_id: str
    environment_id: EnvironmentId
    service_id: str
    target: ComputeTarget
    requested: Scaling
    effective: Scaling | None = None
    enforcement: Enforcement = Enforcement.PENDING
    paused: Pause | None = None
    enforced_at: datetime | None = None  # when the target last took it
    applied_by: str
    created_at: datetime
    updated_at: datetime


class PolicyState(PolicyReport, Scaling):
    """A policy as the API renders it: the seed's fields beside what the platform says about them."""


class ScalingPolicy(PolicyReport):
    """The row."""

    version: int = 1  # counts changes of what is wanted: an enforcement of an older one does not pass for this one's
    failed_at: datetime | None = None  # when the last try to enforce it ended without success
    enforced_version: int | None = None  # which was told: taking the same again is no news
    canceled_version: int | None = None  # a person took its enforcement back: it waits for a person

    def shown(self) -> dict[str, Any]:
        """As `PolicyState`."""
        return self.document(PolicyReport) | self.requested.document()

    def honoured(self) -> Scaling | None:
        """What its target is to honour of it; None while it is paused."""
        return None if self.paused else effective(self.target, self.requested)


UNBOUNDED = 1_000_000
# The greatest least count, and the greatest count, that a target has.
_BOUNDS = {ComputeTarget.APP_SERVICE: (30, 30), ComputeTarget.FUNCTIONS: (20, 100)}


def told(scaling: Scaling) -> str:
    """Bounds as a timeline tells them."""
    return f"{scaling.min_replicas} to {scaling.max_replicas} replicas by {scaling.metric}"


def keeps(policy: ScalingPolicy, observation: Observation) -> bool | None:
    """Whether a target still does what is wanted of it: the policy's bounds by its measure, or no autoscaler while it is
    paused. None when it does not tell. A count that is fixed needs no autoscaler."""
    wanted, bounds = policy.honoured(), observation.bounds
    if wanted is None:
        return bounds is None
    if not observation.autoscaled:
        return wanted.min_replicas == wanted.max_replicas == observation.replicas
    if bounds is None:
        return None
    return is_within(wanted, bounds) and goes_by(wanted, bounds)


def is_within(wanted: Scaling, found: ObservedBounds) -> bool:
    return (found.min_replicas, found.max_replicas) == (wanted.min_replicas, wanted.max_replicas)


def goes_by(wanted: Scaling, found: ObservedBounds) -> bool:
    """Whether an autoscaler goes by what the policy says, and by nothing else; also where the target has no say in it."""
    return found.measures is None or found.measures == [wanted.measure]


def effective(target: ComputeTarget, requested: Scaling) -> Scaling:
    """What the target can honour of it.

    None but Container Apps goes down to no replica. A web app has at most the instances of a Premium v3 plan. A function
    app on Elastic Premium has bounds of its own (20 always ready, 100 in all), but when it grows follows from its triggers:
    no measure of the process counts, and no share of it. Sources: Kubernetes, HorizontalPodAutoscaler; learn.microsoft.com,
    App Service limits and Azure Functions Premium plan.
    """
    if target is ComputeTarget.CONTAINER_APPS:
        return requested
    bounded = _bounded(requested, *_BOUNDS.get(target, (UNBOUNDED, UNBOUNDED)))
    if target is not ComputeTarget.FUNCTIONS:
        return bounded
    metric = requested.metric if requested.metric == "queue-length" else "requests"
    return bounded.model_copy(update={"metric": metric, "target_utilization_percent": 100})


def _bounded(requested: Scaling, most_ready: int, most: int) -> Scaling:
    least = min(max(1, requested.min_replicas), most_ready)
    greatest = min(max(least, requested.max_replicas), most)
    return requested.model_copy(update={"min_replicas": least, "max_replicas": greatest, "scale_to_zero": False})
