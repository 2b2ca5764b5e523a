"""What the API answers in the tests of the page: an environment in each state that a person can meet, and many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

NOW = datetime.now(UTC).replace(microsecond=0)  # the issuer signs by the real clock, and the page checks it
TRACE = f"trace-{'9f1c' * 8}"
TENANT = "connectsoft"
BUSY, FAILED, CALM, EMPTY = (f"env-{digit * 16}" for digit in "abcd")
FAILING = f"dep-{'a' * 16}{'3' * 16}"
STABLE = f"dep-{'a' * 16}{'2' * 16}"
OPERATION = f"op-{'a' * 16}{'1' * 16}"
FINDING = f"drift-{'a' * 16}{'1' * 16}"
POLICY = f"scl-{'a' * 16}{'1' * 16}"
BINDING = f"sec-{'a' * 16}{'1' * 16}"


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat().replace("+00:00", "Z")


def listed(environment_id: str, name: str, stage: str = "prod", **changes: Any) -> Json:
    """An item of `GET /environments`; `summary` is laid over a healthy one."""
    summary = {
        "services": 9,
        "unhealthy": 0,
        "degraded": 0,
        "unknown": 0,
        "stale": 0,
        "openFindings": 0,
        "operationWaits": False,
        "bindingStatus": "Active",
        "lastScan": ago(minutes=3),
        "stableReleaseRef": "release-1.4.2",
        "asOf": ago(minutes=1),
        **changes.pop("summary", {}),
    }
    return {
        "environmentId": environment_id,
        "tenantId": TENANT,
        "projectId": "proj-booking-saas",
        "name": name,
        "stage": stage,
        "region": "westeurope",
        "isolationModel": "silo",
        "computeTargets": ["aks", "container-apps"],
        "status": "Provisioned",
        "pulumiStackRef": name,
        "placement": {"subscriptionId": "0", "resourceGroup": f"rg-{name}"},
        "outputs": {"vaultUri": "https://kv-booking.vault.azure.net"},
        "createdAt": ago(days=30),
        "traceId": TRACE,
        **changes,
        "summary": summary,
    }


def hold() -> Json:
    return {"since": ago(minutes=5), "deploymentId": FAILING, "reason": "gate failed in wave 2"}


def urgent() -> list[Json]:
    return [
        listed(BUSY, "booking-prod-weu", hold=hold(), summary={"unhealthy": 1}),
        listed(FAILED, "crm-prod-neu", status="Failed"),
        listed(
            f"env-{'e' * 16}", "shop-staging-weu", "staging", summary={"openFindings": 1, "highestSeverity": "Critical"}
        ),
        listed(f"env-{'f' * 16}", "hr-test-weu", "test", summary={"stale": 3}),
    ]


def calm() -> list[Json]:
    return [listed(CALM, "booking-dev-weu", "dev"), listed(f"env-{'9' * 16}", "booking-test-weu", "test")]


def many(count: int) -> list[Json]:
    """Different ids, as in life: what is random does not compress."""
    stages = ("dev", "test", "staging", "prod")
    return [
        listed(f"env-{(n * 0x9E3779B97F4A7C15) % 2**64:016x}", f"service{n:04}-{stages[n % 4]}-weu", stages[n % 4])
        | {"projectId": f"proj-{n // 8:03}"}
        for n in range(count)
    ]


def service(service_id: str, status: str = "Healthy", **changes: Any) -> Json:
    return {
        "serviceId": service_id,
        "target": "aks",
        "image": f"acr.azurecr.io/{service_id}:1.4.2",
        "version": "1.4.2",
        "replicas": 3,
        "status": status,
        "stale": False,
        "evaluatedAt": ago(seconds=12),
        "deploymentId": STABLE,
        "source": "deployment",
        "observedAt": ago(minutes=1),
        "generation": 4,
        **changes,
    }


def environment(environment_id: str = BUSY, **changes: Any) -> Json:
    return {
        **{key: value for key, value in listed(environment_id, "booking-prod-weu").items() if key != "summary"},
        "binding": {"status": "Active"},
        "stableDeploymentId": STABLE,
        "stableReleaseRef": "release-1.4.2",
        "inventory": [
            service("reservations-api", endpointUrl="https://reservations.example"),
            service("billing-worker", "Degraded", target="container-apps"),
            service("notify-function", "Unknown", stale=True, evaluatedAt=ago(minutes=14), target="functions"),
        ],
        **changes,
    }


def sample(service_id: str, status: str, **changes: Any) -> Json:
    return {
        "serviceId": service_id,
        "revision": f"{service_id[:2]}--7f2",
        "image": f"acr.azurecr.io/{service_id}:1.4.3",
        "status": status,
        "checks": [{"name": "self", "status": "Healthy", "durationMs": 2}, {"name": "sql", "status": status}],
        "evaluatedAt": ago(seconds=14),
        "lastEvaluatedAt": ago(seconds=4),
        "count": 3,
        **changes,
    }


def deployment(**changes: Any) -> Json:
    history = [
        {"phase": "Requested", "startedAt": ago(minutes=6), "endedAt": ago(minutes=6)},
        {"phase": "Provisioning", "startedAt": ago(minutes=6), "endedAt": ago(minutes=5)},
        {"phase": "Configuring", "startedAt": ago(minutes=5), "endedAt": ago(minutes=5)},
        {"phase": "RollingOut", "wave": 0, "startedAt": ago(minutes=5), "endedAt": ago(minutes=4)},
        {
            "phase": "HealthGating",
            "wave": 0,
            "startedAt": ago(minutes=4),
            "endedAt": ago(minutes=3),
            "gate": {
                "verdict": "Passed",
                "healthySince": ago(minutes=4),
                "samples": [sample("reservations-api", "Healthy")],
            },
        },
        {"phase": "RollingOut", "wave": 1, "startedAt": ago(minutes=3), "endedAt": ago(minutes=2)},
        {
            "phase": "HealthGating",
            "wave": 1,
            "startedAt": ago(minutes=2),
            "gate": {
                "samples": [sample("billing-worker", "Unhealthy", detail="timeout"), sample("invoices-api", "Healthy")]
            },
        },
    ]
    return {
        "deploymentId": FAILING,
        "tenantId": TENANT,
        "environmentId": BUSY,
        "releaseRef": "release-2026.6.11",
        "components": [
            {
                "moduleId": "billing-worker",
                "image": "acr.azurecr.io/billing-worker:1.4.3",
                "target": "aks",
                "wave": 1,
                "dependsOn": [],
                "env": {},
                "health": {"path": "/health", "port": 8080, "format": "json"},
            }
        ],
        "strategy": "RollingHealthGated",
        "gate": {"waitSeconds": 0, "stableSeconds": 60, "retryTimeoutSeconds": 300, "onFailure": "Rollback"},
        "status": "InProgress",
        "phase": "HealthGating",
        "rolloutHistory": history,
        "operationId": OPERATION,
        "previousDeploymentId": STABLE,
        "requestedBy": "ci-release",
        "createdAt": ago(minutes=6),
        "traceId": TRACE,
        **changes,
    }


def releases() -> list[Json]:
    return [
        deployment(status="RolledBack", phase="RolledBack", endedAt=ago(minutes=5)),
        deployment(
            deploymentId=STABLE, releaseRef="release-1.4.2", status="Completed", phase="Completed", endedAt=ago(days=1)
        ),
    ]


def operation(**changes: Any) -> Json:
    return {
        "operationId": OPERATION,
        "environmentId": BUSY,
        "kind": "Deploy",
        "status": "Running",
        "attempt": 2,
        "steps": [
            {"name": "prepare", "status": "Succeeded", "startedAt": ago(minutes=6), "endedAt": ago(minutes=5)},
            {"name": "wave 2", "status": "Running", "startedAt": ago(minutes=3)},
        ],
        "waitingFor": "wave 2 to be healthy for 60 s",
        "mustSettleBy": (NOW + timedelta(minutes=38)).isoformat(),
        "requestedBy": "ci-release",
        "request": {"releaseRef": "release-2026.6.11"},
        "decisionId": "d-71",
        "resourceLocation": f"/v1/runtime/deployments/{FAILING}",
        "createdAt": ago(minutes=6),
        "lastActionAt": ago(seconds=4),
        "traceId": TRACE,
        **changes,
    }


def finding(finding_id: str = FINDING, **changes: Any) -> Json:
    return {
        "findingId": finding_id,
        "environmentId": BUSY,
        "serviceId": "reservations-api",
        "kind": "ImageVersionMismatch",
        "desired": "acr.azurecr.io/reservations-api:1.4.2",
        "actual": "acr.azurecr.io/reservations-api:1.4.1",
        "severity": "High",
        "detectedAt": ago(minutes=8),
        "status": "Open",
        "owner": "deployment",
        "firstSeenAt": ago(days=2),
        "lastSeenAt": ago(minutes=3),
        "occurrences": 9,
        **changes,
    }


def drift(**changes: Any) -> Json:
    accepted = {"by": "j.doe", "at": ago(days=1), "until": (NOW + timedelta(days=4)).isoformat(), "reason": "sale"}
    return {
        "environmentId": BUSY,
        "lastScan": {
            "status": "Incomplete",
            "startedAt": ago(minutes=3),
            "completedAt": ago(minutes=3),
            "notReached": ["portal"],
        },
        "findings": [
            finding(),
            finding(f"drift-{'a' * 16}{'2' * 16}", kind="MissingService", severity="Critical", serviceId="payments-fn"),
            finding(
                f"drift-{'a' * 16}{'3' * 16}",
                kind="ReplicaCountMismatch",
                severity="Medium",
                status="AcceptedUntil",
                decision=accepted,
            ),
        ],
        **changes,
    }


def rules(*those: Json) -> Json:
    return {"environmentId": BUSY, "rules": list(those)}


def entries() -> list[Json]:
    told = [
        ("deployment.rolled-back", "deployment of release-2026.6.11 was rolled back", "the platform"),
        ("deployment.requested", "deployment of release-2026.6.11 was requested", "ci-release"),
        ("request.refused", "rollback refused: 403 InsufficientScope", "a.nony"),
    ]
    return [
        {
            "entryId": f"entry-{n}",
            "at": ago(minutes=5 + 7 * n),
            "kind": kind,
            "actor": actor,
            "summary": summary,
            "resource": f"/deployments/{FAILING}",
            "operationId": OPERATION,
            "causedBy": "entry-1",
            "traceId": TRACE,
        }
        for n, (kind, summary, actor) in enumerate(told)
    ]


def policy(**changes: Any) -> Json:
    bounds = {"metric": "cpu", "minReplicas": 2, "maxReplicas": 20, "targetUtilizationPercent": 65, "scaleToZero": False}
    return {
        "scalingPolicyId": POLICY,
        "tenantId": TENANT,
        "environmentId": BUSY,
        "serviceId": "reservations-api",
        "target": "aks",
        **bounds,
        "requested": bounds,
        "effective": bounds,
        "enforcement": "Enforced",
        "status": "Applied",
        "appliedBy": "j.doe",
        "createdAt": ago(days=2),
        "updatedAt": ago(days=2),
        "traceId": TRACE,
        **changes,
    }


def binding(**changes: Any) -> Json:
    return {
        "secretBindingId": BINDING,
        "tenantId": TENANT,
        "environmentId": BUSY,
        "serviceId": "reservations-api",
        "vaultUri": "https://kv-booking.vault.azure.net",
        "secrets": [{"name": "db", "secretName": "db-password", "version": "0" * 32}],
        "status": "Bound",
        "boundBy": "j.doe",
        "createdAt": ago(days=2),
        "rotated": {},
        "requested": {"db": ago(hours=1)},
        "outgoing": [],
        "consumers": [{"serviceId": "reservations-api", "name": "db", "version": "0" * 32}],
        "consumersOnOldVersion": 0,
        "traceId": TRACE,
        **changes,
    }


def rehearsal(*, allowed: bool = True) -> Json:
    obstacles = [{"code": "OnHold", "message": "The environment is on hold since 11:58. Release the hold first."}]
    effects = [{"action": "release", "resource": f"environments/{BUSY}", "detail": "the hold since 11:58 ends"}]
    return {"allowed": allowed, "obstacles": [] if allowed else obstacles, "effects": effects if allowed else []}


def problem(status: int, code: str, title: str, **members: Any) -> Json:
    return {
        "type": f"https://docs.connectsoft.ai/problems/{code}",
        "title": title,
        "status": status,
        "detail": "Try again later.",
        "instance": "/v1/runtime",
        "code": code,
        "traceId": TRACE,
        **members,
    }
