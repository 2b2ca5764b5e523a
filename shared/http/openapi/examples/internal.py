"""What workers and agents say, and what they are answered."""

from __future__ import annotations

from collections.abc import Mapping

from shared.http.openapi.examples.seed import ENVIRONMENT, TRACE, Example

_SERVICE = "module-reservations-api"
_SEEN = {
    "target": "aks",
    "image": "acr.azurecr.io/reservations-api:1.4.2",
    "replicas": 2,
    "observedAt": "2026-06-11T18:00:00Z",
}
_BINDING = {
    "tenantId": "connectsoft",
    "environmentId": ENVIRONMENT,
    "status": "Suspended",
    "changedAt": "2026-06-11T18:30:00Z",
    "changedBy": "billing",
}

INTERNAL: Mapping[str, Example] = {
    "inventory.put": Example(
        request=_SEEN,
        answer={
            **_SEEN,
            "serviceId": _SERVICE,
            "version": "1.4.2",
            "source": "observation",
            "generation": 4,
            "traceId": TRACE,
        },
    ),
    "inventory.observe": Example(
        request={"services": [{"serviceId": _SERVICE, **_SEEN}]},
        answer={
            "environmentId": ENVIRONMENT,
            "results": [{"serviceId": _SERVICE, "outcome": "Applied"}],
            "traceId": TRACE,
        },
    ),
    "tenant-binding.get": Example(answer=_BINDING),
    "tenant-binding.put": Example(
        request={"status": "Suspended", "reason": "the contract has ended"}, answer={**_BINDING, "traceId": TRACE}
    ),
    "health.report": Example(
        request={
            "results": [
                {
                    "serviceId": _SERVICE,
                    "status": "Healthy",
                    "checks": [{"name": "sql", "status": "Healthy", "durationMs": 12}],
                    "observedAt": "2026-06-11T18:00:00Z",
                }
            ]
        },
        answer={
            "environmentId": ENVIRONMENT,
            "results": [{"serviceId": _SERVICE, "outcome": "Accepted"}],
            "traceId": TRACE,
        },
    ),
}
