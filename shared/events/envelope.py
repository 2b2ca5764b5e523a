"""An event as other platforms read it: the factory's canonical envelope and CloudEvents 1.0 in binary mode.

`sequence` counts per environment and is given in the transaction that made the change: consumers order by it, not by
the broker. Delivery is at least once; consumers drop a repeated `eventId`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from shared.kernel import clock
from shared.kernel.record import Record

SCHEMA_VERSION = "1.0"
SOURCE = "/runtime-cloud"


class EventType(StrEnum):
    ENVIRONMENT_PROVISIONED = "RuntimeEnvironmentProvisioned"
    ENVIRONMENT_DECOMMISSIONED = "RuntimeEnvironmentDecommissioned"
    DEPLOYMENT_REQUESTED = "RuntimeDeploymentRequested"
    DEPLOYMENT_COMPLETED = "RuntimeDeploymentCompleted"
    DEPLOYMENT_ROLLED_BACK = "RuntimeDeploymentRolledBack"
    CONFIGURATION_SYNCED = "ConfigurationSynced"
    SECRET_ROTATED = "SecretRotated"  # noqa: S105 - an event's name
    SECRET_ROTATION_REQUESTED = "SecretRotationRequested"  # noqa: S105 - likewise
    HEALTH_CHECK_COMPLETED = "HealthCheckCompleted"
    SCALING_POLICY_APPLIED = "ScalingPolicyApplied"
    DRIFT_DETECTED = "RuntimeDriftDetected"
    INVENTORY_UPDATED = "RuntimeInventoryUpdated"


class Payload(Record):
    """What one event says. One subclass an event, with whatever makes it happen: `docs/events` is made from them."""

    event_type: ClassVar[EventType]


class Event(Record):
    event_id: str
    event_type: EventType
    tenant_id: str
    project_id: str | None = None
    module_id: str | None = None
    trace_id: str
    correlation_id: str
    causation_id: str
    occurred_at: datetime
    sequence: int
    payload: dict[str, Any]

    def properties(self, traceparent: str) -> dict[str, str]:
        """Application properties: what subscriptions filter on, the span that sends it, and the CloudEvents AMQP binding
        (§3.1, prefix `cloudEvents:`)."""
        return {
            "cs-tenant-id": self.tenant_id,
            "cs-schema-version": SCHEMA_VERSION,
            "traceparent": traceparent,
            "cloudEvents:specversion": "1.0",
            "cloudEvents:id": self.event_id,
            "cloudEvents:type": self.event_type,
            "cloudEvents:source": SOURCE,
            "cloudEvents:time": clock.text(self.occurred_at),
        }
