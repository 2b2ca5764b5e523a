"""What the topic tells of scaling policies."""

from __future__ import annotations

from typing import ClassVar, Self

from shared.events.envelope import EventType, Payload
from shared.kernel.ids import EnvironmentId
from shared.runtime.environments.model import ComputeTarget
from shared.runtime.scaling.model import Enforcement, ScalingPolicy
from shared.targets.port import Scaling


class ScalingPolicyApplied(Payload):
    """A target took a policy's bounds: all of them, or those that it can honour."""

    event_type: ClassVar = EventType.SCALING_POLICY_APPLIED

    scaling_policy_id: str
    environment_id: EnvironmentId
    service_id: str
    target: ComputeTarget
    requested: Scaling
    effective: Scaling | None = None
    enforcement: Enforcement

    @classmethod
    def of(cls, policy: ScalingPolicy) -> Self:
        return cls(**policy.model_dump(include=set(cls.model_fields)))
