"""Every mutating route: what its dry run says is what the run does, no more, no less; it writes nothing but the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.events.journal import Place
from shared.kernel.clock import now
from shared.kernel.ids import environment_of
from shared.runtime.drift.sweep import scan_environment
from shared.runtime.health.document import HealthStatus
from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.doubles.vault import VAULT
from tests.unit.doubles.world import image
from tests.unit.rehearsal.deeds import Seen, deeds, seen

Act = tuple[str, str, Any]  # method, path, body
Scene = Callable[[Platform], Awaitable[Act]]
NAME = "orders-dev"
V1, V2 = "1" * 32, "2" * 32
PAUSED = {"stableSeconds": 0, "failureLimit": 0, "onFailure": "Pause"}


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


# Each scene prepares a platform and names the request that is rehearsed and then made.


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


async def publishing(platform: Platform) -> Act:
    ident = await environment(platform)
    return "POST", "/configurations", {"tenantId": TENANT, "environmentId": ident, "values": {"MODE": "fast"}}


async def publishing_for_a_module(platform: Platform) -> Act:
    method, path, body = await publishing(platform)
    return method, path, body | {"moduleId": "api"}


async def binding(platform: Platform) -> Act:
    ident = await environment(platform)
    platform.vault.holds("db-password", V2, V1)
    platform.vault.holds("api-key", V1)
    secrets = [{"name": "DB", "secretName": "db-password"}, {"name": "KEY", "secretName": "api-key"}]
    body = {"tenantId": TENANT, "environmentId": ident, "serviceId": "api", "vaultUri": VAULT, "secrets": secrets}
    return "POST", "/secret-bindings", body


async def rotating(platform: Platform) -> Act:
    ident = await environment(platform)
    platform.vault.holds("db-password", V1)
    secrets = [{"name": "DB", "secretName": "db-password"}]
    body = {"tenantId": TENANT, "environmentId": ident, "serviceId": "api", "vaultUri": VAULT, "secrets": secrets}
    bound = (await platform.send("POST", "/secret-bindings", body))["secretBindingId"]
    values = {"DB": {"secretRef": f"{bound}/DB"}}
    published = await platform.send(
        "POST", "/configurations", {"tenantId": TENANT, "environmentId": ident, "values": values}
    )
    consumers = [component("api", "1"), component("worker", "1", wave=1)]
    await released(platform, ident, *consumers, configurationId=published["configurationId"])
    platform.vault.holds("db-password", V2, V1)
    return "POST", f"/secret-bindings/{bound}/rotate", {"reason": "leaked"}


async def rotating_to_what_is_still_to_come(platform: Platform) -> Act:
    act = await rotating(platform)
    platform.vault.holds("db-password", V1)
    return act


async def rotating_again(platform: Platform) -> Act:
    method, path, body = await rotating(platform)
    await platform.send(method, path, body)
    operation = platform.hub.started[0].operation_id
    await platform.send("POST", f"/operations/{operation}/cancel", {})
    await platform.settle()
    return "POST", f"/operations/{operation}/retry", {}


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


async def found(platform: Platform, action: str, body: Any) -> Act:
    """A decision on the finding that the image of `api` was changed by hand."""
    ident = await environment(platform)
    await released(platform, ident)
    platform.apps.change("api", image=image("api", "9"))
    await scan_environment(platform.drift_sweep, Place(TENANT, environment_of(ident), "orders"), now())
    [finding] = (await platform.send("GET", f"/drift/{ident}"))["findings"]
    return "POST", f"/drift/{ident}/findings/{finding['findingId']}/{action}", body


async def acknowledging(platform: Platform) -> Act:
    return await found(platform, "acknowledge", {"reason": "known"})


async def accepting(platform: Platform) -> Act:
    return await found(platform, "accept", {"reason": "known", "until": "2100-01-01T00:00:00Z"})


async def remediating(platform: Platform) -> Act:
    return await found(platform, "remediate", {})


async def adopting(platform: Platform) -> Act:
    return await found(platform, "adopt", {})


async def ignoring(platform: Platform) -> Act:
    ident = await environment(platform)
    return "PUT", f"/drift/{ident}/ignore-rules", {"rules": [{"serviceId": "api", "reason": "a canary"}]}


SCENES: dict[Scene, str] = {
    acknowledging: "POST /drift/{environmentId}/findings/{findingId}/acknowledge",
    accepting: "POST /drift/{environmentId}/findings/{findingId}/accept",
    remediating: "POST /drift/{environmentId}/findings/{findingId}/remediate",
    adopting: "POST /drift/{environmentId}/findings/{findingId}/adopt",
    ignoring: "PUT /drift/{environmentId}/ignore-rules",
    provisioning: "POST /environments",
    decommissioning: "POST /environments/{environmentId}/decommission",
    decommissioning_that_retains: "POST /environments/{environmentId}/decommission",
    releasing_a_hold: "POST /environments/{environmentId}/release-hold",
    releasing_what_is_not_held: "POST /environments/{environmentId}/release-hold",
    deploying: "POST /deployments",
    deploying_over: "POST /deployments",
    deploying_on_hold: "POST /deployments",
    rolling_back: "POST /deployments/{deploymentId}/rollback",
    promoting: "POST /deployments/{deploymentId}/promote",
    judging_again: "POST /operations/{operationId}/retry",
    cancelling: "POST /operations/{operationId}/cancel",
    retrying_a_release: "POST /operations/{operationId}/retry",
    retrying_a_provision: "POST /operations/{operationId}/retry",
    publishing: "POST /configurations",
    publishing_for_a_module: "POST /configurations",
    binding: "POST /secret-bindings",
    rotating: "POST /secret-bindings/{secretBindingId}/rotate",
    rotating_to_what_is_still_to_come: "POST /secret-bindings/{secretBindingId}/rotate",
    rotating_again: "POST /operations/{operationId}/retry",
    scaling: "POST /scaling-policies",
    scaling_otherwise: "POST /scaling-policies",
    scaling_as_it_is: "POST /scaling-policies",
    pausing: "POST /scaling-policies/{scalingPolicyId}/pause",
    resuming: "POST /scaling-policies/{scalingPolicyId}/resume",
    resuming_what_is_not_paused: "POST /scaling-policies/{scalingPolicyId}/resume",
    putting_a_service: "PUT /internal/environments/{environmentId}/services/{serviceId}",
    putting_it_again: "PUT /internal/environments/{environmentId}/services/{serviceId}",
    removing_a_service: "DELETE /internal/environments/{environmentId}/services/{serviceId}",
    observing: "POST /internal/environments/{environmentId}/inventory",
    suspending: "PUT /internal/environments/{environmentId}/tenant-binding",
    unbinding: "DELETE /internal/environments/{environmentId}/tenant-binding",
    reporting_health: "POST /internal/environments/{environmentId}/health-results",
}


def written(before: Seen, after: Seen) -> dict[str, Any]:
    return {key: row for key, row in after.rows.items() if before.rows.get(key) != row}


async def rehearsed(platform: Platform, act: Act) -> dict[str, Any]:
    method, path, body = act
    before = await seen(platform)
    told = await platform.send(method, f"{path}?dryRun=true", body)
    after = await seen(platform)
    assert (before.served, before.destroyed) == (after.served, after.destroyed)
    assert all(key.startswith("log-") and row["outcome"] == "Rehearsed" for key, row in written(before, after).items())
    assert platform.hub.started == [] or after.rows[platform.hub.started[0].operation_id]["paused"]
    return told


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_the_effects_of_a_dry_run_are_what_the_run_does(scene: Scene) -> None:
    platform = Platform()
    act = await scene(platform)
    route = platform.table.match(act[0], f"/v1/runtime{act[1]}").route
    assert f"{route.method} {route.path}" == SCENES[scene]
    course = Course(platform, act)
    if scene is judging_again:  # it fails again, and then somebody ends it
        await platform.settle(meanwhile=[course.acts, course.looks_and_cancels])
    elif scene is promoting:
        await platform.settle(meanwhile=[course.acts], before={"deploy_promote": course.looks})
    elif scene is rotating_to_what_is_still_to_come:
        await course.acts()
        await platform.settle(meanwhile=[course.renews])
    elif scene is cancelling:
        await platform.settle(meanwhile=[course.acts])
    else:
        await course.acts()
        await platform.settle()
    effects = [(effect["action"], effect["resource"]) for effect in course.told["effects"]]
    assert course.told["allowed"], course.told
    assert len(set(effects)) == len(effects)
    assert set(effects) == deeds(course.before, course.after or await seen(platform))


class Course:
    """The rehearsal, the run, and what was there before and after it."""

    def __init__(self, platform: Platform, act: Act) -> None:
        self.platform, self.act = platform, act
        self.after: Seen | None = None

    async def acts(self) -> None:
        self.told = await rehearsed(self.platform, self.act)
        self.before = await seen(self.platform)
        await self.platform.send(*self.act)

    async def renews(self) -> None:
        """The owner of the secret makes a version."""
        self.platform.vault.holds("db-password", V2, V1)

    async def looks(self) -> None:
        """What was asked for is done here; what follows is the release's own, which its own dry run told."""
        self.after = await seen(self.platform)

    async def looks_and_cancels(self) -> None:
        await self.looks()
        operation = self.act[1].split("/")[2]
        await self.platform.send("POST", f"/operations/{operation}/cancel", {})


def test_no_mutating_route_is_without_its_scene() -> None:
    mutating = {f"{route.method} {route.path}" for route in Platform().table if route.method != "GET"}
    assert set(SCENES.values()) == mutating
