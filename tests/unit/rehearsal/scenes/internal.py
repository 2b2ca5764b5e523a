"""What other services tell."""

from __future__ import annotations

from tests.unit.doubles.platform import Platform
from tests.unit.doubles.world import image
from tests.unit.rehearsal.stage import Act, Scene, environment, released

OBSERVED = {"image": image("api", "1"), "target": "container-apps", "replicas": 1, "observedAt": "2026-11-24T00:00:00Z"}


async def putting_a_service(platform: Platform) -> Act:
    ident = await environment(platform)
    return "PUT", f"/internal/environments/{ident}/services/api", OBSERVED


async def putting_it_again(platform: Platform) -> Act:
    method, path, body = await putting_a_service(platform)
    await platform.send(method, path, body)
    return method, path, body | {"replicas": 3, "observedAt": "2026-11-24T01:00:00Z"}


async def removing_a_service(platform: Platform) -> Act:
    method, path, body = await putting_a_service(platform)
    await platform.send(method, path, body)
    return "DELETE", path, None


async def observing(platform: Platform) -> Act:
    ident = await environment(platform)
    return "POST", f"/internal/environments/{ident}/inventory", {"services": [{"serviceId": "api", **OBSERVED}]}


async def suspending(platform: Platform) -> Act:
    ident = await environment(platform)
    return "PUT", f"/internal/environments/{ident}/tenant-binding", {"status": "Suspended", "reason": "unpaid"}


async def unbinding(platform: Platform) -> Act:
    return "DELETE", f"/internal/environments/{await environment(platform)}/tenant-binding", None


async def reporting_health(platform: Platform) -> Act:
    ident = await environment(platform)
    await released(platform, ident)
    result = {"serviceId": "api", "status": "Healthy", "observedAt": "2026-11-24T00:00:00Z", "checks": []}
    return "POST", f"/internal/environments/{ident}/health-results", {"results": [result]}


SCENES: dict[Scene, str] = {
    putting_a_service: "PUT /internal/environments/{environmentId}/services/{serviceId}",
    putting_it_again: "PUT /internal/environments/{environmentId}/services/{serviceId}",
    removing_a_service: "DELETE /internal/environments/{environmentId}/services/{serviceId}",
    observing: "POST /internal/environments/{environmentId}/inventory",
    suspending: "PUT /internal/environments/{environmentId}/tenant-binding",
    unbinding: "DELETE /internal/environments/{environmentId}/tenant-binding",
    reporting_health: "POST /internal/environments/{environmentId}/health-results",
}
