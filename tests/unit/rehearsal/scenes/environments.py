"""What makes, keeps and ends an environment."""

from __future__ import annotations

from shared.runtime.health.document import HealthStatus
from tests.unit.doubles.platform import Platform
from tests.unit.doubles.world import image
from tests.unit.rehearsal.stage import NAME, Act, Scene, component, environment, provision, released


async def provisioning(platform: Platform) -> Act:
    return "POST", "/environments", provision()


async def decommissioning(platform: Platform) -> Act:
    ident = await environment(platform)
    await released(platform, ident, component("api", "1"), component("web", "1", "aks"))
    return "POST", f"/environments/{ident}/decommission", {"confirm": NAME}


async def decommissioning_that_retains(platform: Platform) -> Act:
    method, path, body = await decommissioning(platform)
    return method, path, body | {"retainData": True}


async def releasing_a_hold(platform: Platform) -> Act:
    ident = await environment(platform)
    await released(platform, ident)
    platform.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    await released(platform, ident, component("api", "2"), gate={"stableSeconds": 0, "failureLimit": 0})
    return "POST", f"/environments/{ident}/release-hold", {"reason": "known"}


async def releasing_what_is_not_held(platform: Platform) -> Act:
    return "POST", f"/environments/{await environment(platform)}/release-hold", {}


SCENES: dict[Scene, str] = {
    provisioning: "POST /environments",
    decommissioning: "POST /environments/{environmentId}/decommission",
    decommissioning_that_retains: "POST /environments/{environmentId}/decommission",
    releasing_a_hold: "POST /environments/{environmentId}/release-hold",
    releasing_what_is_not_held: "POST /environments/{environmentId}/release-hold",
}
