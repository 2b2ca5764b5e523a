"""What an environment is told about itself, and the ground its resources stand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.components.ground import Ground, Stands
from infra.provisioner.engine import EnvironmentRecord
from shared.kernel.canonical import sha256

SILO, POOL, SHARED = "silo", "pool", "shared"
AKS, CONTAINER_APPS, FUNCTIONS, APP_SERVICE = "aks", "container-apps", "functions", "app-service"
TARGETS = (AKS, CONTAINER_APPS, FUNCTIONS, APP_SERVICE)
PLATFORM_TAG: Final = "cs-environment-id"
_HASH = 10


@dataclass(frozen=True)
class Surroundings:
    """What an environment leans on: its pool (`pooled.py`) and the platform (`engine.PLATFORM`), each where there is one.
    Found before the program runs, so that the ids of what is made on them are known beforehand."""

    pool: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)


def ground_of(record: EnvironmentRecord, stands: Stands | None = None) -> Ground:
    """Raises `KeyError` for a record without its placement."""
    more: Mapping[str, Any] = {"stands": stands} if stands else {}
    return Ground(
        subscription=record.placement["subscriptionId"],
        group=record.placement["resourceGroup"],
        region=record.region,
        stage=record.stage,
        own=own_part(record.environment_id),
        tags={
            "cs-tenant-id": record.tenant_id,
            "cs-project-id": record.project_id,
            PLATFORM_TAG: record.environment_id,
            "cs-stage": record.stage,
            "cs-operation-id": record.operation_id,
            "cs-attempt": str(record.attempt),
        },
        **more,
    )


def own_part(environment_id: str) -> str:
    return environment_id.removeprefix("env-")


def pool_ground(subscription: str, stage: str, region: str) -> Ground:
    """Where the pool of a stage in a region stands. A vault's name is global and has 24 characters: names carry a hash."""
    name = f"{stage}-{region}"
    own = f"{stage}-{sha256([subscription, stage, region])[:_HASH]}"
    return Ground(subscription, f"rg-cs-pool-{name}", region, stage, own, {"cs-stage": stage, "cs-pool": name})
