"""Scaling policies."""

from __future__ import annotations

from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.rehearsal.stage import Act, Scene, environment


async def scaling(platform: Platform) -> Act:
    ident = await environment(platform)
    bounds = {"metric": "cpu", "minReplicas": 2, "maxReplicas": 5, "targetUtilizationPercent": 70}
    named = {"tenantId": TENANT, "environmentId": ident, "serviceId": "api", "target": "container-apps"}
    return "POST", "/scaling-policies", named | bounds


async def scaling_otherwise(platform: Platform) -> Act:
    method, path, body = await scaling(platform)
    await platform.send(method, path, body)
    return method, path, body | {"maxReplicas": 9}


async def scaling_as_it_is(platform: Platform) -> Act:
    method, path, body = await scaling(platform)
    await platform.send(method, path, body)
    return method, path, body


async def pausing(platform: Platform) -> Act:
    method, path, body = await scaling(platform)
    told = await platform.send(method, path, body)
    return "POST", f"/scaling-policies/{told['scalingPolicyId']}/pause", {"reason": "load test"}


async def resuming(platform: Platform) -> Act:
    method, path, body = await pausing(platform)
    await platform.send(method, path, body)
    await platform.settle()
    return "POST", path.replace("/pause", "/resume"), {}


async def resuming_what_is_not_paused(platform: Platform) -> Act:
    method, path, _ = await pausing(platform)
    return method, path.replace("/pause", "/resume"), {}


SCENES: dict[Scene, str] = {
    scaling: "POST /scaling-policies",
    scaling_otherwise: "POST /scaling-policies",
    scaling_as_it_is: "POST /scaling-policies",
    pausing: "POST /scaling-policies/{scalingPolicyId}/pause",
    resuming: "POST /scaling-policies/{scalingPolicyId}/resume",
    resuming_what_is_not_paused: "POST /scaling-policies/{scalingPolicyId}/resume",
}
