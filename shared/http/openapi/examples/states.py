"""What the reads answer beside the seed's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.http.openapi.examples.seed import ENVIRONMENT, SEED, TRACE, Example

REFERENCE = "sec-9f1c2b7d00000000a1b2c3d4e5f60718/db"  # as a configuration refers to it
VERSION = "6f1e0d3c5b7a49218f60e1d2c3b4a596"
VAULT = "https://kv-booking-prod-weu.vault.azure.net/"
_DRIFT = SEED["drift.list"].answer
FINDING: Mapping[str, Any] = _DRIFT["findings"][0]
_ABOUT = {
    "tenantId": "connectsoft",
    "projectId": "proj-booking-saas",
    "name": "booking-prod-weu",
    "stage": "prod",
    "region": "westeurope",
    "isolationModel": "silo",
    "computeTargets": ["aks", "container-apps"],
    "environmentId": ENVIRONMENT,
    "status": "Provisioned",
    "traceId": TRACE,
    "pulumiStackRef": "booking-prod-weu",
    "placement": {"subscriptionId": "00000000-0000-0000-0000-000000000001", "resourceGroup": "rg-booking-prod-weu"},
    "outputs": {"vaultUri": VAULT},
    "stableDeploymentId": "dep-3a6e1d40",
    "stableReleaseRef": "release-2026.6.11",
    "createdAt": "2026-06-11T17:00:00Z",
    "binding": {"status": "Active"},
}
_DEPLOYMENT = {
    "deploymentId": "dep-3a6e1d40",
    "status": "InProgress",
    "traceId": TRACE,
    "tenantId": "connectsoft",
    "environmentId": ENVIRONMENT,
    "releaseRef": "release-2026.6.11",
    "components": [
        {
            "moduleId": "module-reservations-api",
            "image": "acr.azurecr.io/reservations-api:1.4.2",
            "target": "aks",
            "wave": 0,
            "dependsOn": [],
            "env": {},
            "health": {"path": "/health", "port": 8080, "format": "json"},
        }
    ],
    "configurationId": "cfg-3a6e1d40",
    "strategy": "RollingHealthGated",
    "gate": {
        "waitSeconds": 0,
        "stableSeconds": 60,
        "retryTimeoutSeconds": 300,
        "failureLimit": 3,
        "inconclusiveLimit": 4,
        "errorLimit": 4,
        "onFailure": "Rollback",
    },
    "phase": "HealthGating",
    "operationId": "op-5d2e90aa",
    "requestedBy": "ada",
    "createdAt": "2026-06-11T17:58:00Z",
    "rolloutHistory": [
        {"phase": "Requested", "startedAt": "2026-06-11T17:58:00Z", "endedAt": "2026-06-11T17:58:01Z"},
        {"phase": "RollingOut", "wave": 0, "startedAt": "2026-06-11T17:58:03Z", "endedAt": "2026-06-11T17:58:40Z"},
        {"phase": "HealthGating", "wave": 0, "startedAt": "2026-06-11T17:58:40Z", "gate": {"samples": []}},
    ],
}
_CONFIGURATION = {
    "configurationId": "cfg-3a6e1d40",
    "version": 3,
    "contentHash": "5f0c7a3e5d1b4b0f9a6f4e0f1c9f3f1b7d6a2f0e8c4b9d7e6a5f4c3b2a190807",
    "status": "Published",
    "traceId": TRACE,
    "tenantId": "connectsoft",
    "environmentId": ENVIRONMENT,
    "moduleId": "module-reservations-api",
    "values": {
        "LOG_LEVEL": "info",
        "MAX_SEATS": 12,
        "DB_PASSWORD": {"secretRef": REFERENCE},
    },
    "comment": "more seats for the summer",
    "publishedBy": "ada",
    "createdAt": "2026-06-11T17:50:00Z",
}
_BINDING = {
    "secretBindingId": "sec-4d21",
    "status": "Bound",
    "traceId": TRACE,
    "tenantId": "connectsoft",
    "environmentId": ENVIRONMENT,
    "serviceId": "module-reservations-api",
    "vaultUri": VAULT,
    "secrets": [{"name": "db", "secretName": "reservations-db", "version": VERSION}],
    "rotation": {"everyDays": 30, "overlapMinutes": 60},
    "boundBy": "ada",
    "createdAt": "2026-06-11T17:45:00Z",
    "rotated": {},
    "requested": {},
    "outgoing": [],
    "consumers": [{"serviceId": "module-reservations-api", "name": "db", "version": VERSION}],
    "consumersOnOldVersion": 0,
}
_SCALING = {"metric": "cpu", "minReplicas": 2, "maxReplicas": 20, "targetUtilizationPercent": 65, "scaleToZero": False}
_POLICY = {
    **_SCALING,
    "scalingPolicyId": "scl-7c12",
    "status": "Applied",
    "traceId": TRACE,
    "tenantId": "connectsoft",
    "environmentId": ENVIRONMENT,
    "serviceId": "module-reservations-api",
    "target": "aks",
    "requested": _SCALING,
    "effective": _SCALING,
    "enforcement": "Enforced",
    "enforcedAt": "2026-06-11T18:03:00Z",
    "appliedBy": "ada",
    "createdAt": "2026-06-11T18:02:00Z",
    "updatedAt": "2026-06-11T18:03:00Z",
}
OPERATION: Mapping[str, Any] = {
    "operationId": "op-5d2e90aa",
    "kind": "Deploy",
    "status": "Running",
    "mustSettleBy": "2026-06-11T19:58:00Z",
    "environmentId": ENVIRONMENT,
    "attempt": 1,
    "steps": [{"name": "roll-out", "status": "Running", "startedAt": "2026-06-11T17:58:03Z"}],
    "requestedBy": "ada",
    "resourceLocation": "/v1/runtime/deployments/dep-3a6e1d40",
    "createdAt": "2026-06-11T17:58:00Z",
    "lastActionAt": "2026-06-11T17:58:40Z",
    "traceId": TRACE,
    "request": {"releaseRef": "release-2026.6.11"},
}
_ENTRY = {
    "entryId": "80218099800000-9c1d",
    "at": "2026-06-11T17:58:00Z",
    "kind": "deployment.requested",
    "actor": "ada",
    "summary": "Deployment dep-3a6e1d40 was requested",
    "resource": "dep-3a6e1d40",
    "operationId": "op-5d2e90aa",
    "traceId": TRACE,
}
_SUMMARY = {
    "services": 2,
    "unhealthy": 0,
    "degraded": 0,
    "unknown": 0,
    "stale": 0,
    "openFindings": 1,
    "highestSeverity": "High",
    "operationWaits": False,
    "asOf": "2026-06-11T18:10:00Z",
}
_ROW = {
    "serviceId": "module-reservations-api",
    "target": "aks",
    "image": "acr.azurecr.io/reservations-api:1.4.2",
    "version": "1.4.2",
    "replicas": 2,
    "deploymentId": "dep-3a6e1d40",
    "source": "deployment",
    "observedAt": "2026-06-11T18:00:00Z",
    "generation": 4,
    "status": "Healthy",
    "stale": False,
    "evaluatedAt": "2026-06-11T18:00:00Z",
}


def _page(plural: str, item: Mapping[str, Any]) -> Example:
    """The last one, with one item."""
    return Example(answer={plural: [item]})


STATES: Mapping[str, Example] = {
    "environments.get": Example(answer={**_ABOUT, "inventory": [_ROW]}),
    "environments.list": _page("environments", {**_ABOUT, "summary": _SUMMARY}),
    "environments.timeline": _page("entries", _ENTRY),
    "deployments.get": Example(answer=_DEPLOYMENT),
    "deployments.list": _page("deployments", _DEPLOYMENT),
    "configurations.get": Example(answer=_CONFIGURATION),
    "configurations.list": _page("configurations", _CONFIGURATION),
    "secret-bindings.get": Example(answer=_BINDING),
    "secret-bindings.list": _page("secretBindings", _BINDING),
    "scaling-policies.get": Example(answer=_POLICY),
    "scaling-policies.list": _page("scalingPolicies", _POLICY),
    "drift.rules": Example(answer={"environmentId": ENVIRONMENT, "rules": []}),
    "operations.get": Example(answer=OPERATION),
    "operations.list": _page("operations", OPERATION),
    "isolation.get": Example(
        answer={
            "status": "Intact",
            "startedAt": "2026-06-11T18:10:00Z",
            "completedAt": "2026-06-11T18:10:02Z",
            "attempts": 44,
            "untold": 0,
            "breaches": [],
            "consecutiveBreaches": 0,
        }
    ),
    "contract.openapi": Example(answer={"openapi": "3.1.1", "info": {"title": "Runtime & Cloud Platform"}}),
    "probes.alive": Example(answer={"status": "Healthy"}),
    "probes.ready": Example(answer={"status": "Healthy", "checks": [{"name": "tables", "status": "Healthy"}]}),
}
