"""What the topic tells of environments."""

from __future__ import annotations

from typing import ClassVar

from shared.events.envelope import EventType, Payload
from shared.kernel.ids import EnvironmentId
from shared.runtime.environments.model import ComputeTargets, IsolationModel, Stage


class EnvironmentProvisioned(Payload):
    """The environment's resources stand and its tenant may work in it."""

    event_type: ClassVar = EventType.ENVIRONMENT_PROVISIONED

    environment_id: EnvironmentId
    name: str
    stage: Stage
    region: str
    isolation_model: IsolationModel
    compute_targets: ComputeTargets
    pulumi_stack_ref: str
