"""What the suite sees of the stand-ins: one cloud a session, one environment of its own a test."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport

from localazure.control.faults import Listener
from localazure.shelf import Shelf
from localazure.workloads.images import Images
from localazure.workloads.loads import Loads
from localazure.workloads.runner import Runner
from shared.azure.api_versions import CONTAINER_APPS, RESOURCES, WEB
from shared.azure.arm import Arm
from shared.targets.port import Observation, Site, Stamp, Target, Workload
from tests.arm_models.judge import judge, type_of

TARGETS = ("container-apps", "aks", "functions", "app-service")
REAL = pytest.param("aks-real", marks=pytest.mark.real_kubernetes)  # aks on a real API server
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
_numbers = itertools.count(1)


class Credential:
    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("good", int(time.time()) + 3600)

    async def close(self) -> None: ...


class JudgingTransport(AioHttpTransport):
    """Holds every body that is sent against the models of the official SDK."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.offences: list[str] = []
        self.sent: list[tuple[str, str]] = []

    async def send(self, request: Any, **options: Any) -> Any:
        path = urlsplit(request.url).path
        self.sent.append((request.method, path))
        if request.content and request.method in ("PUT", "PATCH"):
            body = json.loads(request.content)
            self.offences += [f"{path}: {found}" for found in judge(type_of(path), body, request=True)]
        return await super().send(request, **options)


@dataclass
class Cloud:
    """The stand-ins of one session, and the targets that speak to them."""

    arm: Arm
    transport: JudgingTransport
    targets: Mapping[str, Target]
    listeners: Mapping[str, Listener]
    changeable: Mapping[str, Any]
    workloads: Runner
    images: Images
    cluster_url: str
    authority: Path
    loads: Loads
    shelf: Shelf


@dataclass
class Place:
    """One target, one environment of its own, and ways to look and to meddle."""

    name: str
    cloud: Cloud
    target: Target
    site: Site

    async def seen(self, service_id: str) -> Observation | None:
        return (await self.target.observe(self.site)).get(service_id)

    async def meddle(self, service_id: str, **wanted: Any) -> None:
        assert await self.cloud.changeable[self.name].change(self.site.environment_id, service_id, wanted)

    def running(self, service_id: str) -> dict[str, Any] | None:
        """What `GET /workloads` of the local Azure shows."""
        rows = self.cloud.workloads.rows()
        place = (self.site.environment_id, service_id)
        return next((row for row in rows if (row["environmentId"], row["serviceId"]) == place), None)

    def deployed(self, service_id: str) -> set[str]:
        """What the ready replicas of a service run, as it was deployed."""
        return self.cloud.workloads.deployed(self.site.environment_id, service_id)

    @contextlib.asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        await self.cloud.listeners[self.name].stop()
        try:
            yield
        finally:
            await self.cloud.listeners[self.name].start()


def cloud_of(request: pytest.FixtureRequest) -> Cloud:
    """The real cluster's cloud for the parameter that asks for it: started for nobody else."""
    return request.getfixturevalue("real_cloud" if request.param == "aks-real" else "cloud")


async def make_site(cloud: Cloud) -> Site:
    number = next(_numbers)
    group = f"rg-{number}"
    group_id = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"
    environment = f"{group_id}/providers/Microsoft.App/managedEnvironments/cae"
    await cloud.arm.put(group_id, RESOURCES, {"location": "westeurope"})
    await cloud.arm.put(environment, CONTAINER_APPS, {"location": "westeurope", "properties": {}})
    plans = {name: f"{group_id}/providers/Microsoft.Web/serverfarms/{name}" for name in ("func", "app")}
    premium = {"location": "westeurope", "kind": "linux", "sku": {"name": "P1v3", "capacity": 1}}
    for plan in plans.values():
        properties = {"reserved": True, "perSiteScaling": True}
        await cloud.arm.put(plan, WEB, {**premium, "properties": properties})
    identity = f"{group_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id"
    return Site(
        tenant_id="tenant | one",
        project_id="project",
        environment_id=f"env-{number:016x}",
        stage="dev",
        region="westeurope",
        subscription_id=SUBSCRIPTION,
        resource_group=group,
        outputs={
            "managedEnvironmentId": environment,
            "functionsPlanId": plans["func"],
            "appServicePlanId": plans["app"],
            "identityId": identity,
            "clusterServer": cloud.cluster_url,
            "clusterCertificateAuthority": base64.b64encode(cloud.authority.read_bytes()).decode(),
            "clusterNamespace": f"env-{number}",
            "serviceBusNamespace": "sb-one",
        },
    )


def workload(image: str = "acr.azurecr.io/orders:1", **changes: Any) -> Workload:
    given = {"service_id": "orders", "image": image, "replicas": 2, "release": f"dep-{image.rpartition(':')[2]}"}
    return Workload(**(given | changes))


def stamp(generation: int = 1, attempt: int = 1) -> Stamp:
    return Stamp(operation_id=f"op-{generation}", generation=generation, attempt=attempt)


async def until(look: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool], seconds: float = 8.0) -> Any:
    """Look until it holds; what was seen last is in the failure."""
    end = time.monotonic() + seconds
    while True:
        seen = await look()
        if holds(seen):
            return seen
        assert time.monotonic() < end, seen
        await asyncio.sleep(0.05)
