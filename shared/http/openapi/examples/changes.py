"""What people change beside the seed's mutations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.http.openapi.examples.seed import ENVIRONMENT, TRACE, Example
from shared.http.openapi.examples.states import FINDING, OPERATION, REFERENCE, VAULT

TENANT = "connectsoft"
RULE = {"serviceId": "module-billing-worker", "kind": "ReplicaCountMismatch", "reason": "scaled by hand until the launch"}

REHEARSED: Mapping[str, Any] = {
    "allowed": False,
    "obstacles": [
        {
            "code": "OperationInFlight",
            "message": "Another operation holds the environment.",
            "operationId": OPERATION["operationId"],
            "mustSettleBy": OPERATION["mustSettleBy"],
        }
    ],
    "effects": [],
}

CHANGES: Mapping[str, Example] = {
    "environments.decommission": Example(
        request={"confirm": "booking-prod-weu", "retainData": True},
        answer={"environmentId": ENVIRONMENT, "status": "Decommissioning", "traceId": TRACE},
    ),
    "environments.release-hold": Example(
        request={"reason": "1.5.1 is built"},
        answer={"environmentId": ENVIRONMENT, "status": "Provisioned", "traceId": TRACE},
    ),
    "deployments.rollback": Example(
        request={"reason": "bookings fail at checkout"},
        answer={"deploymentId": "dep-5c8f6e22", "status": "InProgress", "rollbackOf": "dep-3a6e1d40", "traceId": TRACE},
    ),
    "deployments.promote": Example(
        request={"reason": "the check itself is wrong, see the incident"},
        answer={"deploymentId": "dep-3a6e1d40", "status": "InProgress", "traceId": TRACE},
    ),
    "configurations.publish": Example(
        request={
            "tenantId": TENANT,
            "environmentId": ENVIRONMENT,
            "moduleId": "module-reservations-api",
            "values": {
                "LOG_LEVEL": "info",
                "MAX_SEATS": 12,
                "DB_PASSWORD": {"secretRef": REFERENCE},
            },
            "comment": "more seats for the summer",
        },
        answer={
            "configurationId": "cfg-3a6e1d40",
            "version": 3,
            "contentHash": "5f0c7a3e5d1b4b0f9a6f4e0f1c9f3f1b7d6a2f0e8c4b9d7e6a5f4c3b2a190807",
            "status": "Published",
            "traceId": TRACE,
        },
    ),
    "secret-bindings.bind": Example(
        request={
            "tenantId": TENANT,
            "environmentId": ENVIRONMENT,
            "serviceId": "module-reservations-api",
            "vaultUri": VAULT,
            "secrets": [{"name": "db", "secretName": "reservations-db"}],
            "rotation": {"everyDays": 30, "overlapMinutes": 60},
        },
        answer={"secretBindingId": "sec-4d21", "status": "Bound", "traceId": TRACE},
    ),
    "secret-bindings.rotate": Example(
        request={"reason": "a laptop was lost"},
        answer={"secretBindingId": "sec-4d21", "status": "Rotating", "traceId": TRACE},
    ),
    "scaling-policies.pause": Example(
        request={"reason": "a load test"},
        answer={"scalingPolicyId": "scl-7c12", "status": "Paused", "traceId": TRACE},
    ),
    "scaling-policies.resume": Example(
        request={"reason": "the load test is over"},
        answer={"scalingPolicyId": "scl-7c12", "status": "Applied", "traceId": TRACE},
    ),
    "drift.acknowledge": Example(
        request={"reason": "the hotfix of Friday; a release with it comes on Monday"},
        answer={**FINDING, "status": "Acknowledged", "traceId": TRACE},
    ),
    "drift.accept": Example(
        request={"until": "2026-06-15T08:00:00Z", "reason": "the hotfix of Friday"},
        answer={**FINDING, "status": "AcceptedUntil", "traceId": TRACE},
    ),
    "drift.adopt": Example(
        request={"reason": "the hotfix stays"}, answer={**FINDING, "status": "Remediating", "traceId": TRACE}
    ),
    "drift.remediate": Example(
        request={"reason": "nobody knows why"}, answer={**FINDING, "status": "Remediating", "traceId": TRACE}
    ),
    "drift.replace-rules": Example(
        request={"rules": [RULE]},
        answer={
            "environmentId": ENVIRONMENT,
            "rules": [RULE],
            "changedBy": "ada",
            "changedAt": "2026-06-11T18:20:00Z",
            "traceId": TRACE,
        },
    ),
    "operations.cancel": Example(request={"reason": "the wrong release"}, answer=OPERATION),
    "operations.retry": Example(
        request={"reason": "the registry is back"},
        answer={**OPERATION, "operationId": "op-77ab01c9", "retryOf": OPERATION["operationId"], "attempt": 0, "steps": []},
    ),
}
