"""Every obstacle that a dry run names is the code that the run gets; where there are several, the run gets one of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.access.binding import BindingStatus
from shared.kernel.ids import environment_of
from shared.runtime.health.document import HealthStatus
from shared.store import keys
from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.doubles.vault import VAULT
from tests.unit.doubles.world import image
from tests.unit.rehearsal.scenes.settings import rotating
from tests.unit.rehearsal.stage import NAME, V1, V2, Act, component, environment, provision, release, released

Scene = Callable[[Platform], Awaitable[Act]]


async def a_bad_stage(platform: Platform) -> Act:
    return "POST", "/environments", provision(stage="moon")


async def a_name_that_is_taken(platform: Platform) -> Act:
    await environment(platform)
    return "POST", "/environments", provision()


async def a_policy_that_denies(platform: Platform) -> Act:
    platform.denies = {"allow": False, "reasons": ["a freeze"]}
    return "POST", "/environments", provision(stage="prod")


async def a_policy_that_wants_an_approval(platform: Platform) -> Act:
    platform.denies = {"allow": False, "obligations": {"approval": "two people"}}
    return "POST", "/environments", provision(stage="prod")


async def a_policy_that_is_away(platform: Platform) -> Act:
    platform.down.add("policy")
    return "POST", "/environments", provision(stage="prod")


async def an_environment_in_the_making(platform: Platform) -> Act:
    made = await platform.send("POST", "/environments", provision())
    return "POST", "/deployments", release(made["environmentId"], component("api", "1"))


async def an_operation_in_flight(platform: Platform) -> Act:
    ident = await environment(platform)
    await platform.send("POST", "/deployments", release(ident, component("api", "1")))
    return "POST", "/deployments", release(ident, component("api", "2"))


async def a_target_that_is_not_enabled(platform: Platform) -> Act:
    return "POST", "/deployments", release(await environment(platform), component("api", "1", "functions"))


async def a_foreign_registry_and_a_circle(platform: Platform) -> Act:
    api = component("api", "1", dependsOn=["web"]) | {"image": "docker.example/api:1"}
    return "POST", "/deployments", release(await environment(platform), api, component("web", "1", dependsOn=["api"]))


async def an_unknown_configuration(platform: Platform) -> Act:
    ident = await environment(platform)
    body = release(ident, component("api", "1"), configurationId=f"cfg-{ident.removeprefix('env-')}{'0' * 16}")
    return "POST", "/deployments", body


async def nothing_stable(platform: Platform) -> Act:
    ident = await environment(platform)
    return "POST", f"/deployments/{await released(platform, ident)}/rollback", {}


async def a_secret_in_a_configuration(platform: Platform) -> Act:
    body = {"tenantId": TENANT, "environmentId": await environment(platform), "values": {"PASSWORD": "hunter2hunter2"}}
    return "POST", "/configurations", body


async def a_secret_that_is_missing(platform: Platform) -> Act:
    return "POST", "/secret-bindings", await bind(platform, VAULT)


async def a_vault_that_is_not_allowed(platform: Platform) -> Act:
    platform.vault.holds("db", "v1")
    return "POST", "/secret-bindings", await bind(platform, "https://elsewhere.vault.azure.net")


async def bind(platform: Platform, vault: str) -> dict[str, Any]:
    named = {"tenantId": TENANT, "environmentId": await environment(platform), "serviceId": "api", "vaultUri": vault}
    return named | {"secrets": [{"name": "DB", "secretName": "db"}]}


async def a_secret_that_is_gone(platform: Platform) -> Act:
    _, path, _ = await rotating(platform)
    platform.vault.holds("db-password", V2, V1, disabled=[V1, V2])
    return "POST", path, {}


async def a_release_under_way(platform: Platform) -> Act:
    _, path, _ = await rotating(platform)
    ident = environment_of(path.split("/")[2])
    await platform.send("POST", "/deployments", release(ident, component("api", "2")))
    return "POST", path, {}


async def bounds_the_wrong_way_round(platform: Platform) -> Act:
    bounds = {"metric": "cpu", "minReplicas": 6, "maxReplicas": 5, "targetUtilizationPercent": 70}
    named = {"tenantId": TENANT, "environmentId": await environment(platform), "serviceId": "api", "target": "aks"}
    return "POST", "/scaling-policies", named | bounds


async def another_confirm(platform: Platform) -> Act:
    return "POST", f"/environments/{await environment(platform)}/decommission", {"confirm": "another"}


async def a_decommissioned_environment(platform: Platform) -> Act:
    ident = await environment(platform)
    await platform.send("POST", f"/environments/{ident}/decommission", {"confirm": NAME})
    await platform.settle()
    return "POST", f"/environments/{ident}/decommission", {"confirm": NAME}


async def a_suspended_tenant(platform: Platform) -> Act:
    ident = await environment(platform)
    await platform.send("PUT", f"/internal/environments/{ident}/tenant-binding", {"status": BindingStatus.SUSPENDED.value})
    return "POST", "/deployments", release(ident, component("api", "1"))


async def what_has_ended(platform: Platform) -> Act:
    operation = await ended(platform)
    return "POST", f"/operations/{operation}/cancel", {}


async def what_went_well(platform: Platform) -> Act:
    operation = await ended(platform)
    return "POST", f"/operations/{operation}/retry", {}


async def ended(platform: Platform) -> str:
    ident = await environment(platform)
    await platform.send("POST", "/deployments", release(ident, component("api", "1")))
    operation = platform.hub.started[0].operation_id
    await platform.settle()
    return operation


async def a_rollback_that_is_under_way(platform: Platform) -> Act:
    ident = await environment(platform)
    await released(platform, ident)
    deployment = await released(platform, ident, component("api", "2"))
    await platform.send("POST", f"/deployments/{deployment}/rollback", {})
    return "POST", f"/operations/{platform.hub.started[0].operation_id}/cancel", {}


async def what_is_not_paused(platform: Platform) -> Act:
    ident = await environment(platform)
    return "POST", f"/deployments/{await released(platform, ident)}/promote", {"reason": "why not"}


async def a_binding_before_there_is_one(platform: Platform) -> Act:
    made = await platform.send("POST", "/environments", provision())
    return "PUT", f"/internal/environments/{made['environmentId']}/tenant-binding", {"status": "Active"}


async def an_inventory_row_for_no_target(platform: Platform) -> Act:
    ident = await environment(platform)
    seen = {"image": image("api", "1"), "target": "functions", "replicas": 1, "observedAt": "2026-11-24T00:00:00Z"}
    return "PUT", f"/internal/environments/{ident}/services/api", seen


OBSTACLES: dict[Scene, set[str]] = {
    a_bad_stage: {"ValidationFailed"},
    a_name_that_is_taken: {"NameTaken"},
    a_policy_that_denies: {"PolicyDenied"},
    a_policy_that_wants_an_approval: {"PolicyApprovalRequired"},
    a_policy_that_is_away: {"DependencyUnavailable"},
    an_environment_in_the_making: {"EnvironmentNotReady", "OperationInFlight"},
    an_operation_in_flight: {"OperationInFlight"},
    a_target_that_is_not_enabled: {"TargetNotEnabled"},
    a_foreign_registry_and_a_circle: {"ValidationFailed"},
    an_unknown_configuration: {"ValidationFailed"},
    nothing_stable: {"NoStableSnapshot"},
    a_secret_in_a_configuration: {"ValidationFailed"},
    a_secret_that_is_missing: {"ValidationFailed"},
    a_vault_that_is_not_allowed: {"ValidationFailed"},
    a_secret_that_is_gone: {"ValidationFailed"},
    a_release_under_way: {"OperationInFlight"},
    bounds_the_wrong_way_round: {"ValidationFailed"},
    another_confirm: {"ValidationFailed"},
    a_decommissioned_environment: {"EnvironmentNotReady"},
    a_suspended_tenant: {"TenantSuspended"},
    what_has_ended: {"NotCancellable"},
    what_went_well: {"NotRetryable"},
    a_rollback_that_is_under_way: {"NotCancellable"},
    what_is_not_paused: {"NotPaused"},
    a_binding_before_there_is_one: {"EnvironmentNotReady"},
    an_inventory_row_for_no_target: {"TargetNotEnabled"},
}


@pytest.mark.parametrize("scene", OBSTACLES, ids=lambda scene: scene.__name__)
async def test_an_obstacle_is_the_code_that_the_run_gets(scene: Scene) -> None:
    platform = Platform()
    method, path, body = await scene(platform)
    told = await platform.send(method, f"{path}?dryRun=true", body)
    codes = [obstacle["code"] for obstacle in told["obstacles"]]
    assert (told["allowed"], set(codes)) == (False, OBSTACLES[scene])
    refused = await platform.ask(method, path, body)
    assert refused.status >= 400
    assert json.loads(refused.body)["code"] in codes


async def test_every_obstacle_is_met_when_those_before_it_are_out_of_the_way() -> None:
    """Four at once; each one removed, the run gets the next, until nothing is in the way."""
    platform = Platform()
    ident = await environment(platform)
    await released(platform, ident)
    await platform.send("POST", "/deployments", release(ident, component("api", "2")))
    bad = release(ident, component("api", "3", "functions"), component("web", "1", dependsOn=["nothing"]))
    told = await platform.send("POST", "/deployments?dryRun=true", bad)
    assert {one["code"] for one in told["obstacles"]} == {"OperationInFlight", "TargetNotEnabled", "ValidationFailed"}
    met = [await code(platform, bad)]
    await platform.settle()
    met.append(await code(platform, bad))
    met.append(await code(platform, release(ident, component("api", "3"), component("web", "1", dependsOn=["nothing"]))))
    assert met == ["OperationInFlight", "TargetNotEnabled", "ValidationFailed"]
    mended = release(ident, component("api", "3"), component("web", "1", dependsOn=["api"]))
    told = await platform.send("POST", "/deployments?dryRun=true", mended)
    assert (told["allowed"], told["obstacles"]) == (True, [])
    assert (await platform.ask("POST", "/deployments", mended)).status == 202


async def code(platform: Platform, body: dict[str, Any]) -> str:
    return str(json.loads((await platform.ask("POST", "/deployments", body)).body)["code"])


async def test_what_is_another_tenants_stays_unknown_in_a_dry_run() -> None:
    platform = Platform()
    ident = await environment(platform)
    body = release(ident, component("api", "1")) | {"tenantId": "contoso"}
    foreign = await platform.ask("POST", "/deployments?dryRun=true", body, tenant="contoso")
    unknown = await platform.ask(
        "POST", "/deployments?dryRun=true", body | {"environmentId": f"env-{'0' * 16}"}, tenant="contoso"
    )
    assert foreign.status == unknown.status == 404


async def test_a_dry_run_of_a_held_environment_is_allowed_and_says_that_the_hold_goes() -> None:
    platform = Platform()
    ident = await environment(platform)
    await released(platform, ident)
    platform.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    await released(platform, ident, component("api", "2"), gate={"stableSeconds": 0, "failureLimit": 0})
    row = await platform.store.get(keys.partition_of(TENANT, ident), keys.ENVIRONMENT)  # type: ignore[arg-type]
    assert row is not None
    assert "hold" in row.document
    told = await platform.send("POST", "/deployments?dryRun=true", release(ident, component("api", "3")))
    assert ("lift", "hold") in [(one["action"], one["resource"]) for one in told["effects"]]


async def rehearsed(platform: Platform, ident: str) -> list[dict[str, Any]]:
    """What the log says of dry runs; entries of one millisecond have no order."""
    rows = await platform.store.list(keys.partition_of(TENANT, environment_of(ident)), "log-", limit=1000)
    return [dict(row.document) for row in rows if row.document["outcome"] == "Rehearsed"]


async def test_the_log_says_that_somebody_tried_what_and_what_stood_in_the_way() -> None:
    platform = Platform()
    ident = await environment(platform)
    await platform.send("POST", "/deployments?dryRun=true", release(ident, component("api", "1")))
    (told,) = await rehearsed(platform, ident)
    assert (told["actor"], told["kind"]) == ("olga", "deployment.deploy-rehearsed")
    assert "code" not in told
    assert told["summary"].endswith("was tried as a dry run: nothing stands in its way")
    refused = release(ident, component("api", "1", "functions"), component("web", "1", dependsOn=["db"]))
    await platform.send("POST", "/deployments?dryRun=true", refused)
    (told,) = [entry for entry in await rehearsed(platform, ident) if "code" in entry]
    assert told["code"] == "TargetNotEnabled"
    assert told["summary"].endswith("was tried as a dry run: TargetNotEnabled, ValidationFailed")


async def test_the_policy_point_is_asked_about_the_request_as_it_would_be_made() -> None:
    platform = Platform()
    for path in ("/environments?dryRun=true", "/environments"):
        await platform.send("POST", path, provision(stage="prod"))
    rehearsed, made = platform.asked
    assert rehearsed["request"]["name"] == NAME
    assert {**rehearsed, "traceId": ""} == {**made, "traceId": ""}


async def test_what_cannot_be_found_stays_that_in_a_dry_run_too() -> None:
    platform = Platform()
    answer = await platform.ask("POST", "/deployments?dryRun=true", {"tenantId": TENANT})
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "MalformedRequest")
    body = release("env-nonsense", component("api", "1"))
    answer = await platform.ask("POST", "/deployments?dryRun=true", body)
    made = await platform.ask("POST", "/deployments", body)
    assert (answer.status, json.loads(answer.body)["code"]) == (404, "NotFound")
    assert json.loads(answer.body)["detail"] == json.loads(made.body)["detail"]
