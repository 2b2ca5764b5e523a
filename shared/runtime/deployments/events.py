"""What the topic tells of deployments, manual rollbacks included: those are deployments with `rollbackOf`."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from shared.events.envelope import EventType, Payload
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.runtime.deployments.model import Deployment, DeploymentStatus
from shared.runtime.environments.model import ComputeTarget


class Released(Record):
    service_id: str
    image: str  # as the request named it
    target: ComputeTarget


class _DeploymentEvent(Payload):
    deployment_id: str
    environment_id: EnvironmentId
    release_ref: str
    status: DeploymentStatus
    configuration_id: str | None = None
    rollback_of: str | None = None
    services: list[Released]  # what the release changes; empty for a rollback, whose snapshot says it

    @classmethod
    def of(cls, deployment: Deployment, **more: Any) -> Self:
        return cls(
            deployment_id=deployment.deployment_id,
            environment_id=deployment.environment_id,
            release_ref=deployment.release_ref,
            status=deployment.status,
            configuration_id=deployment.configuration_id,
            rollback_of=deployment.rollback_of,
            services=[
                Released(service_id=component.module_id, image=component.image, target=component.target)
                for component in deployment.components
            ],
            **more,
        )


class DeploymentRequested(_DeploymentEvent):
    """A release was accepted; nothing of it runs yet."""

    event_type: ClassVar = EventType.DEPLOYMENT_REQUESTED


class DeploymentCompleted(_DeploymentEvent):
    """The release passed its gates, serves alone and is what is stable."""

    event_type: ClassVar = EventType.DEPLOYMENT_COMPLETED


class DeploymentRolledBack(_DeploymentEvent):
    """The release was taken back, by its gate or by a person: what was stable before runs again."""

    event_type: ClassVar = EventType.DEPLOYMENT_ROLLED_BACK

    reason: str  # the error's code
    restored: str | None = None  # the deployment whose snapshot runs; absent when there was none


class ConfigurationSynced(Payload):
    """A published configuration reached the workloads, with the deployment that named it."""

    event_type: ClassVar = EventType.CONFIGURATION_SYNCED

    environment_id: EnvironmentId
    configuration_id: str
    deployment_id: str
