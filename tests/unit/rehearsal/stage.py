"""What scenes are made of: an environment, releases in it, one that waits for a person.

A scene prepares a platform and names the request that is rehearsed and then made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from shared.runtime.health.document import HealthStatus
from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.doubles.world import image

Act = tuple[str, str, Any]  # method, path, body
Scene = Callable[[Platform], Awaitable[Act]]
NAME = "orders-dev"
PAUSED = {"stableSeconds": 0, "failureLimit": 0, "onFailure": "Pause"}
V1, V2 = "1" * 32, "2" * 32


def provision(**fields: Any) -> dict[str, Any]:
    placed = {"region": "westeurope", "isolationModel": "silo", "computeTargets": ["aks", "container-apps"]}
    return {"tenantId": TENANT, "projectId": "orders", "name": NAME, "stage": "dev", **placed, **fields}


async def environment(platform: Platform) -> str:
    made = await platform.send("POST", "/environments", provision())
    await platform.settle()
    return str(made["environmentId"])


def release(ident: str, *components: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"tenantId": TENANT, "environmentId": ident, "releaseRef": "r", "components": list(components), **fields}


def component(service: str, tag: str, target: str = "container-apps", **fields: Any) -> dict[str, Any]:
    return {"moduleId": service, "image": image(service, tag), "target": target, **fields}


async def released(platform: Platform, ident: str, *components: dict[str, Any], **fields: Any) -> str:
    body = release(ident, *(components or (component("api", "1"),)), **fields)
    made = await platform.send("POST", "/deployments", body)
    await platform.settle()
    return str(made["deploymentId"])


async def paused(platform: Platform, ident: str) -> tuple[str, str]:
    """A release whose gate failed and that waits for a person: its deployment, its operation. Nobody runs it yet."""
    await released(platform, ident)
    platform.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    body = release(ident, component("api", "2"), gate=PAUSED)
    deployment = await platform.send("POST", "/deployments", body)
    operation = platform.hub.started[0]
    return str(deployment["deploymentId"]), operation.operation_id
