"""The whole local platform: real tokens, Azurite, a release, and what sister systems see of it over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from runtime_grpc.wire import pb
from tests.e2e.driving import API, WORKER, Platform, Tenant, component, image, started
from tests.grpc.served import Client, ending, next_result, refused

pytestmark = pytest.mark.e2e
SCOPES = " ".join(
    (
        *(
            "runtime.environments.read",
            "runtime.environments.write",
            "runtime.deployments.read",
            "runtime.deployments.write",
        ),
        *("runtime.health.read", "runtime.drift.read", "runtime.internal"),
    )
)


@dataclass(frozen=True)
class Shop:
    platform: Platform
    tenant: Tenant
    environment_id: str

    def fields(self, **more: Any) -> dict[str, Any]:
        return {"bearer": self.tenant.token, "environment_id": self.environment_id, **more}

    def internal(self, method: str, path: str, body: Any = None) -> Any:
        url = f"/v1/runtime/internal/environments/{self.environment_id}{path}"
        answer = self.tenant.request(method, url, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with started(tmp_path_factory.mktemp("grpc") / "data") as platform:
        tenant = platform.tenant("connectsoft", SCOPES)
        environment_id = tenant.environment()
        released = tenant.release(environment_id, [component(API), component(WORKER, target="container-apps")])
        assert released["status"] == "Completed", released
        yield Shop(platform, tenant, environment_id)


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[Client]:
    async with grpc.aio.insecure_channel(shop.platform.endpoints["grpc"]) as channel:
        yield Client(channel)


async def test_the_inventory_is_that_of_rest(shop: Shop, client: Client) -> None:
    answer = await client.services(**shop.fields())
    listed = {row["serviceId"]: row for row in shop.tenant.read(f"/environments/{shop.environment_id}")["inventory"]}
    told = {one.service_id: (one.image, one.version, one.deployment_id, one.source) for one in answer.services}
    assert told == {
        name: (row["image"], row["version"], row["deploymentId"], row["source"]) for name, row in listed.items()
    }
    assert told[API][0] == image(API, "1.4.2")


async def test_health_is_streamed_as_it_changes(shop: Shop, client: Client) -> None:
    stream = client.stream(**shop.fields(service_id=API), timeout=60.0)
    while (await next_result(stream)).result.status != pb.HEALTH_STATUS_HEALTHY:
        pass
    shop.platform.control.behave(environmentId=shop.environment_id, serviceId=API, status="Unhealthy")
    try:
        while (await next_result(stream)).result.status != pb.HEALTH_STATUS_UNHEALTHY:
            pass
    finally:
        shop.platform.control.behave(environmentId=shop.environment_id, serviceId=API, status="Healthy")
    while (await next_result(stream)).result.status != pb.HEALTH_STATUS_HEALTHY:
        pass
    stream.cancel()


async def test_a_report_over_rest_and_one_over_grpc_reach_the_same_reader(shop: Shop, client: Client) -> None:
    observed_at = datetime.now(UTC).isoformat()
    result = {"serviceId": WORKER, "status": "Degraded", "observedAt": observed_at, "source": "agent"}
    answered = shop.internal("POST", "/health-results", {"results": [result, {**result, "serviceId": "nobody"}]})
    assert [one["outcome"] for one in answered["results"]] == ["Accepted", "UnknownService"]
    stream = client.report(shop.tenant.token)
    old = pb.HealthCheckResult(service_id=WORKER, environment_id=shop.environment_id, status=pb.HEALTH_STATUS_HEALTHY)
    old.evaluated_at.FromSeconds(1_700_000_000)
    await stream.write(pb.ReportHealthRequest(report_id="1", result=old))
    assert (await stream.read()).outcome == pb.REPORT_OUTCOME_STALE
    stream.cancel()


async def test_findings_are_those_of_rest(shop: Shop, client: Client) -> None:
    answer = await client.findings(**shop.fields())
    assert answer.environment_id == shop.environment_id
    assert [one.finding_id for one in answer.findings] == [
        one["findingId"] for one in shop.tenant.read(f"/drift/{shop.environment_id}")["findings"]
    ]


async def test_strangers_stay_outside(shop: Shop, client: Client) -> None:
    other = shop.platform.tenant("another", SCOPES)
    foreign = await refused(client.services(other.token, environment_id=shop.environment_id, tenant_id="another"))
    assert foreign.code() is grpc.StatusCode.NOT_FOUND
    assert (await refused(client.services("no.such.token"))).code() is grpc.StatusCode.UNAUTHENTICATED
    little = shop.platform.tenant("connectsoft", "runtime.deployments.read")
    assert (await refused(client.services(**shop.fields(bearer=little.token)))).code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_worker_writes_the_inventory_and_suspension_ends_streams(shop: Shop, client: Client) -> None:
    seen = {"target": "aks", "image": "acr.azurecr.io/cache:7", "replicas": 1, "observedAt": datetime.now(UTC).isoformat()}
    row = shop.internal("PUT", "/services/cache", seen)
    assert (row["source"], row["version"]) == ("observation", "7")
    shop.internal("DELETE", "/services/cache")
    stream = client.stream(**shop.fields(service_id=API))
    await next_result(stream)
    shop.internal("PUT", "/tenant-binding", {"status": "Suspended"})
    try:
        assert shop.tenant.deploy(shop.environment_id, [component(API)]).json()["code"] == "TenantSuspended"
        ended = await ending(stream)
        assert ended.code() is grpc.StatusCode.PERMISSION_DENIED
    finally:
        shop.internal("PUT", "/tenant-binding", {"status": "Active"})
