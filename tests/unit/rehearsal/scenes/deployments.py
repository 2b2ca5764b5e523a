"""Releases, and what a person does to one that is under way."""

from __future__ import annotations

from shared.runtime.health.document import HealthStatus
from tests.unit.doubles.platform import Platform
from tests.unit.doubles.vault import VAULT
from tests.unit.doubles.world import image
from tests.unit.rehearsal.scenes.environments import decommissioning, releasing_a_hold
from tests.unit.rehearsal.stage import Act, Scene, component, environment, paused, provision, release, released


async def deploying(platform: Platform) -> Act:
    ident = await environment(platform)
    return "POST", "/deployments", release(ident, component("api", "1"), component("web", "1", "aks", wave=2))


async def deploying_over(platform: Platform) -> Act:
    ident = await environment(platform)
    await released(platform, ident, component("api", "1"), component("db", "1"))
    return "POST", "/deployments", release(ident, component("api", "2"), component("web", "1", dependsOn=["api"]))


async def deploying_on_hold(platform: Platform) -> Act:
    _, path, _ = await releasing_a_hold(platform)
    return "POST", "/deployments", release(path.split("/")[2], component("api", "3"))


async def rolling_back(platform: Platform) -> Act:
    ident = await environment(platform)
    await released(platform, ident, component("api", "1"), component("db", "1"))
    deployment = await released(platform, ident, component("api", "2"), component("web", "1"))
    return "POST", f"/deployments/{deployment}/rollback", {"reason": "slow"}


async def promoting(platform: Platform) -> Act:
    deployment, _ = await paused(platform, await environment(platform))
    return "POST", f"/deployments/{deployment}/promote", {"reason": "known"}


async def judging_again(platform: Platform) -> Act:
    _, operation = await paused(platform, await environment(platform))
    return "POST", f"/operations/{operation}/retry", {}


async def cancelling(platform: Platform) -> Act:
    _, operation = await paused(platform, await environment(platform))
    return "POST", f"/operations/{operation}/cancel", {"reason": "not today"}


async def retrying_a_release(platform: Platform) -> Act:
    ident = await environment(platform)
    bad = image("api", "1")
    platform.prober.says[bad] = HealthStatus.UNHEALTHY
    made = await platform.send(
        "POST", "/deployments", release(ident, component("api", "1"), gate={"stableSeconds": 0, "failureLimit": 0})
    )
    operation = platform.hub.started[0].operation_id
    await platform.settle()
    assert (await platform.send("GET", f"/deployments/{made['deploymentId']}"))["status"] == "Failed"
    del platform.prober.says[bad]
    return "POST", f"/operations/{operation}/retry", {}


async def retrying_a_provision(platform: Platform) -> Act:
    platform.jobs.engine.errors.append(RuntimeError("no cores"))
    await platform.send("POST", "/environments", provision())
    operation = platform.hub.started[0].operation_id
    await platform.settle()
    return "POST", f"/operations/{operation}/retry", {}


async def retrying_a_decommission(platform: Platform) -> Act:
    """Its workloads and its logs are gone, its vault still stands."""
    platform.jobs.engine.outputs = {"vaultUri": VAULT, "workspaceId": "/subscriptions/1/workspace"}
    method, path, body = await decommissioning(platform)
    platform.jobs.engine.steps = ("Workspace", "KeyVault")
    platform.jobs.engine.errors.append(RuntimeError("a lock"))
    await platform.send(method, path, body)
    operation = platform.hub.started[0].operation_id
    await platform.settle()
    assert [step for step, _ in platform.jobs.engine.unmade] == ["Workspace"]
    return "POST", f"/operations/{operation}/retry", {}


SCENES: dict[Scene, str] = {
    deploying: "POST /deployments",
    deploying_over: "POST /deployments",
    deploying_on_hold: "POST /deployments",
    rolling_back: "POST /deployments/{deploymentId}/rollback",
    promoting: "POST /deployments/{deploymentId}/promote",
    judging_again: "POST /operations/{operationId}/retry",
    cancelling: "POST /operations/{operationId}/cancel",
    retrying_a_release: "POST /operations/{operationId}/retry",
    retrying_a_provision: "POST /operations/{operationId}/retry",
    retrying_a_decommission: "POST /operations/{operationId}/retry",
}
