"""The contract's own examples, as written: what is sent and what is answered, by a route's action.

The finding also has the fields that the contract added to the seed's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    answer: Mapping[str, Any]
    request: Mapping[str, Any] | None = None


TRACE = "trace-9f1c2b7d"
ENVIRONMENT = "env-9f1c2b7d"

SEED: Mapping[str, Example] = {
    "environments.provision": Example(
        request={
            "tenantId": "connectsoft",
            "projectId": "proj-booking-saas",
            "name": "booking-prod-weu",
            "stage": "prod",
            "region": "westeurope",
            "isolationModel": "silo",
            "computeTargets": ["aks", "container-apps", "functions", "app-service"],
        },
        answer={
            "environmentId": ENVIRONMENT,
            "status": "Provisioning",
            "traceId": TRACE,
            "pulumiStackRef": "booking-prod-weu",
        },
    ),
    "deployments.deploy": Example(
        request={
            "tenantId": "connectsoft",
            "environmentId": ENVIRONMENT,
            "releaseRef": "release-2026.6.11",
            "components": [
                {
                    "moduleId": "module-reservations-api",
                    "image": "acr.azurecr.io/reservations-api:1.4.2",
                    "target": "aks",
                },
                {
                    "moduleId": "module-billing-worker",
                    "image": "acr.azurecr.io/billing-worker:1.4.2",
                    "target": "container-apps",
                },
            ],
            "configurationId": "cfg-3a6e1d40",
            "strategy": "RollingHealthGated",
        },
        answer={"deploymentId": "dep-3a6e1d40", "status": "InProgress", "traceId": TRACE},
    ),
    "services.health": Example(
        answer={
            "serviceId": "module-reservations-api",
            "environmentId": ENVIRONMENT,
            "status": "Healthy",
            "checks": [
                {"name": "self", "status": "Healthy"},
                {"name": "sql", "status": "Healthy", "durationMs": 12},
                {"name": "service-bus", "status": "Healthy", "durationMs": 8},
            ],
            "evaluatedAt": "2026-06-11T18:00:00Z",
        },
    ),
    "scaling-policies.apply": Example(
        request={
            "tenantId": "connectsoft",
            "environmentId": ENVIRONMENT,
            "serviceId": "module-reservations-api",
            "target": "aks",
            "metric": "cpu",
            "minReplicas": 2,
            "maxReplicas": 20,
            "targetUtilizationPercent": 65,
            "scaleToZero": False,
        },
        answer={"scalingPolicyId": "scl-7c12", "status": "Applied", "traceId": TRACE},
    ),
    "drift.list": Example(
        answer={
            "environmentId": ENVIRONMENT,
            "findings": [
                {
                    "findingId": "drift-1a2b",
                    "serviceId": "module-reservations-api",
                    "kind": "ImageVersionMismatch",
                    "desired": "1.4.2",
                    "actual": "1.4.1",
                    "severity": "High",
                    "detectedAt": "2026-06-11T18:05:00Z",
                    "environmentId": ENVIRONMENT,
                    "status": "Open",
                    "owner": "deployment",
                    "firstSeenAt": "2026-06-11T18:05:00Z",
                    "lastSeenAt": "2026-06-11T18:10:00Z",
                    "occurrences": 2,
                }
            ],
            "lastScan": {
                "startedAt": "2026-06-11T18:10:00Z",
                "completedAt": "2026-06-11T18:10:01Z",
                "status": "Complete",
                "notReached": [],
            },
        },
    ),
}
