"""The app's settings in Azure. Their names are those of local.settings.sample.json; a test holds the two together.

What a setting of Azure's own replaces is left out (connection strings: roles open everything here), and so is what has a
default that fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pulumi

from infra.platform.described import Described
from infra.platform.durable import HUB

Text: TypeAlias = pulumi.Input[str]
ENGINE = "infra.provisioner.pulumi_engine"

PACE: dict[str, str] = {
    "SWEEP_SHARDS": "16",
    "GOVERNANCE_RECEIPT_HOURS": "24",
    "GATE_WAIT_SECONDS": "0",
    "GATE_STABLE_SECONDS": "60",
    "GATE_RETRY_TIMEOUT_SECONDS": "300",
    "HEALTH_SCHEDULE": "*/30 * * * * *",
    "DRIFT_SCHEDULE": "0 */5 * * * *",
    "UPKEEP_SCHEDULE": "*/30 * * * * *",
    "HEALTH_INTERVAL_SECONDS": "30",
    "DRIFT_INTERVAL_SECONDS": "300",
    "UPKEEP_INTERVAL_SECONDS": "30",
    "INFRASTRUCTURE_INTERVAL_SECONDS": "21600",
    "PROBE_TIMEOUT_SECONDS": "5",
    "PROBE_ATTEMPTS": "2",
    "HEALTH_FAILURES": "2",
    "HEALTH_SUCCESSES": "2",
    "TRANSIENT_BUDGET_SECONDS": "600",
    "OPERATION_POLL_SECONDS": "60",
    "ACTIVITY_LIMIT_SECONDS": "600",
    "TENANT_REQUESTS_PER_SECOND": "100",
}


GRPC_PORT = 8080
GRPC: dict[str, str] = {
    "GRPC_ADDRESS": f"0.0.0.0:{GRPC_PORT}",
    "GRPC_STREAMS_PER_TENANT": "2000",
    "GRPC_POLL_SECONDS": "1",
    "GRPC_HEARTBEAT_SECONDS": "15",
}


@dataclass(frozen=True)
class Found:
    """Where the app finds what it stands on."""

    tables_endpoint: str
    bus_host: str
    job_id: str
    registry: Text


def shared_settings(described: Described, found: Found, client_id: Text, signing_key: str) -> dict[str, Text]:
    """What every process of the app reads: the Functions app, the gRPC service, the provisioner."""
    registries = pulumi.Output.all(found.registry, *described.registries).apply(lambda names: ",".join(map(str, names)))
    return {
        **PACE,
        "OIDC_AUDIENCE": "api://runtime-cloud",
        "OIDC_TENANT_CLAIM": "tenantId",
        **described.app_settings,
        "TASKHUB_NAME": HUB,
        "TABLES_ENDPOINT": found.tables_endpoint,
        "ServiceBus__fullyQualifiedNamespace": found.bus_host,
        "MANAGED_IDENTITY_CLIENT_ID": client_id,
        "RUNTIME_SIGNING_KEY": signing_key,
        "PLACEMENT_SUBSCRIPTION_ID": described.placement,
        "PROVISIONER_JOB_ID": found.job_id,
        "IMAGE_REGISTRIES": registries,
    }


def provisioner_settings(backend: str, provider: str, registry: str, subnet: str, zone: str) -> Mapping[str, Text]:
    """What the job reads besides. `backend`: where states are kept; `provider`: what encrypts their secrets; then what it
    ties environments to."""
    return {
        "PROVISIONER_ENGINE": ENGINE,
        "PULUMI_BACKEND_URL": backend,
        "PULUMI_SECRETS_PROVIDER": provider,
        "PLATFORM_REGISTRY_ID": registry,
        "PLATFORM_ENDPOINTS_SUBNET_ID": subnet,
        "PLATFORM_VAULT_ZONE_ID": zone,
    }
