"""The published client against the whole platform: a release is begun, followed and watched as a sister system would."""

from __future__ import annotations

import asyncio
from typing import cast

import httpx
import pytest

from clients.runtime_client import Invalid, Live, NotThere, OperationInFlight, Runtime
from clients.runtime_client.generated import documents as doc
from tests.e2e.driving import API, ENVIRONMENT, EVERY_SCOPE, Platform, component, image

pytestmark = pytest.mark.e2e
WITHIN = 120.0  # seconds; each wait ends far earlier


async def test_a_release_is_followed_over_rest_and_watched_over_grpc(platform: Platform) -> None:
    tenant = platform.fresh_tenant(EVERY_SCOPE)
    async with (
        httpx.AsyncClient(base_url=platform.endpoints["api"], timeout=30, trust_env=False) as http,
        Live(platform.endpoints["grpc"], tenant.token) as live,
    ):
        runtime = Runtime(platform.endpoints["api"], tenant.token, http=http)
        wanted = cast(doc.ProvisionRequest, {**ENVIRONMENT, "tenantId": tenant.tenant_id, "name": "watched"})
        begun = await runtime.provision(wanted)
        environment_id = begun.document["environmentId"]
        steps: list[int] = []
        settled = await runtime.settled(begun, within=WITHIN, told=lambda operation: steps.append(len(operation["steps"])))
        assert settled["status"] == "Succeeded"
        assert steps == sorted(steps)

        release = cast(
            doc.DeployRequest,
            {
                "tenantId": tenant.tenant_id,
                "environmentId": environment_id,
                "releaseRef": "release-1",
                "components": [component()],
            },
        )
        deploying = await runtime.deploy(release, idempotency_key="once")
        again = await runtime.deploy(release, idempotency_key="once")
        assert again.document["deploymentId"] == deploying.document["deploymentId"]
        with pytest.raises(OperationInFlight) as busy:
            await runtime.deploy(release)
        assert busy.value.operation_id == deploying.operation_id
        await runtime.settled(deploying, within=WITHIN)
        state = await runtime.deployment(deploying.document["deploymentId"])
        assert (state["status"], state["rolloutHistory"][-1]["phase"]) == ("Completed", "Completed")

        stream = live.health(API, environment_id=environment_id)
        async with asyncio.timeout(WITHIN):
            result = await anext(stream)
        assert (result.service_id, result.environment_id) == (API, environment_id)
        (service,) = await live.services(environment_id, tenant.tenant_id)
        assert service.image == image(API, "1.4.2")
        assert await live.findings(environment_id) == []
        listed = [one["deploymentId"] async for one in runtime.deployments(environment_id, limit=1)]
        assert listed == [deploying.document["deploymentId"]]
        with pytest.raises(Invalid) as invalid:
            await runtime.deploy(cast(doc.DeployRequest, {**release, "components": [component(version="latest")]}))
        assert "components[0].image" in invalid.value.errors
        with pytest.raises(NotThere):
            await runtime.environment("env-" + "0" * 16)
