"""What callers may ask of deployments, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.access.binding import BindingStatus
from shared.access.caller import Caller
from shared.kernel.errors import (
    EnvironmentNotReady,
    NotFound,
    OperationInFlight,
    TargetNotEnabled,
    TenantSuspended,
    ValidationFailed,
)
from shared.operations.intent import Remembered
from shared.operations.model import OperationKind, OperationStatus
from shared.runtime.environments.model import EnvironmentStatus
from shared.store import keys
from tests.unit.deployments.driving import released
from tests.unit.doubles.world import CALLER, ENVIRONMENT, World, begun, component, deploy_request, deployment_of, image

DIGEST = "sha256:" + "a" * 64


async def test_the_answer_has_the_seeds_fields_and_the_commit_behind_it_everything_else(world: World) -> None:
    request = deploy_request(component("api"))
    answer = await world.deployments.deploy(world.intent(request), await world.admitted(), request)
    operation = begun(answer)
    assert answer.status == 202
    assert answer.body == {
        "deploymentId": deployment_of(operation),
        "status": "InProgress",
        "traceId": CALLER.trace_id,
    }
    assert answer.location == f"/deployments/{deployment_of(operation)}"
    assert (operation.kind, operation.status) == (OperationKind.DEPLOY, OperationStatus.NOT_STARTED)
    assert operation.generation == 2
    assert (await world.slot()).operation_id == operation.operation_id
    assert (await world.operation(operation.operation_id)) == operation
    assert await world.history(deployment_of(operation)) == [("Requested", None)]


async def test_an_idempotency_key_remembers_the_answer_in_the_same_transaction(world: World) -> None:
    request = deploy_request(component("api"))
    answer = await world.deployments.deploy(world.intent(request, key="idem-1"), await world.admitted(), request)
    remembered: Remembered = await world.read(Remembered, "idem-1")
    assert (remembered.status, remembered.body, remembered.operation_id) == (202, answer.body, answer.follow)


async def test_the_deadline_covers_every_gate_and_taking_it_all_back(world: World) -> None:
    one = await world.deploy(component("api", wave=0), component("web", wave=1))
    longest = 2 * world.gate.longest.total_seconds()
    assert (one.must_settle_by - one.created_at).total_seconds() == longest + 30 * 60


async def test_one_operation_at_a_time(world: World) -> None:
    first = await world.deploy(component("api"))
    with pytest.raises(OperationInFlight) as caught:
        await world.deploy(component("web"))
    assert (caught.value.operation_id, caught.value.must_settle_by) == (first.operation_id, first.must_settle_by)


@pytest.mark.parametrize("status", [status for status in EnvironmentStatus if status is not EnvironmentStatus.PROVISIONED])
async def test_only_a_provisioned_environment_is_deployed_to(status: EnvironmentStatus) -> None:
    world = await World().provision(status=status)
    with pytest.raises(EnvironmentNotReady) as caught:
        await world.deploy(component("api"))
    assert caught.value.status == status


async def test_a_suspended_tenant_changes_nothing(world: World) -> None:
    await world.bind_tenant(status=BindingStatus.SUSPENDED)
    with pytest.raises(TenantSuspended):
        await world.deploy(component("api"))


async def test_every_obstacle_of_the_components_is_named_at_once(world: World) -> None:
    components = [
        component("api") | {"image": "docker.io/api:1"},
        component("web", dependsOn=["web"]),
        component("db"),
    ]
    with pytest.raises(ValidationFailed) as caught:
        await world.deploy(*components)
    assert set(caught.value.errors) == {"components[0].image", "components[1].dependsOn"}


@pytest.mark.parametrize("target", ["functions", "app-service"])
async def test_a_target_that_the_environment_or_the_platform_does_not_have_is_named(world: World, target: str) -> None:
    with pytest.raises(TargetNotEnabled) as caught:
        await world.deploy(component("api"), component("fn", target=target))
    assert (caught.value.target, caught.value.path) == (target, "components[1].target")


async def test_a_circle_of_dependencies_is_told(world: World) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.deploy(component("api", dependsOn=["web"]), component("web", dependsOn=["api"]))
    assert list(caught.value.errors) == ["components"]


async def test_an_unknown_configuration_is_named(world: World) -> None:
    for ident in ("cfg-" + "0" * 32, "dep-" + "0" * 32, "cfg-\u00fc/../?"):
        with pytest.raises(ValidationFailed) as caught:
            await world.deploy(component("api"), configurationId=ident)
        assert list(caught.value.errors) == ["configurationId"]


async def test_what_the_gate_leaves_out_takes_the_platforms_defaults(world: World) -> None:
    operation = await world.deploy(component("api"), gate={"stableSeconds": 3, "failureLimit": 1})
    gate = (await world.deployment(deployment_of(operation))).gate
    assert (gate.stable_seconds, gate.failure_limit) == (3, 1)
    assert (gate.wait_seconds, gate.retry_timeout_seconds) == (world.gate.wait_seconds, world.gate.retry_timeout_seconds)


def test_the_contracts_own_defaults() -> None:
    gate = type(World().gate)()
    assert (gate.wait_seconds, gate.stable_seconds, gate.retry_timeout_seconds) == (0, 60, 300)
    assert gate.on_failure.value == "Rollback"


@pytest.mark.parametrize(
    "reference",
    [
        "acr.azurecr.io/api:1",
        "acr.azurecr.io/team/api:v1.2.3-rc_1",
        f"acr.azurecr.io/api@{DIGEST}",
        f"acr.azurecr.io/api:1@{DIGEST}",
    ],
)
def test_images_with_a_tag_or_a_digest_are_accepted(reference: str) -> None:
    assert deploy_request(component("api") | {"image": reference}).components[0].image == reference


@pytest.mark.parametrize(
    "reference",
    [
        "acr.azurecr.io/api",
        "acr.azurecr.io/api:latest",
        "api:1",
        "acr.azurecr.io/API:1",
        "acr.azurecr.io/api:",
        "acr.azurecr.io/api@sha256:abc",
        "https://acr.azurecr.io/api:1",
        "acr.azurecr.io/api:1 ",
        "acr.azurecr.io/../api:1",
        "",
    ],
)
def test_images_that_could_be_another_tomorrow_or_are_none_are_refused(reference: str) -> None:
    with pytest.raises(ValidationError):
        deploy_request(component("api") | {"image": reference})


@pytest.mark.parametrize(
    "fields",
    [
        {"components": []},
        {"components": [component("api"), component("api", "2")]},
        {"components": [component(f"svc-{number}") for number in range(201)]},
        {"components": [component("api", replicas=-1)]},
        {"components": [component("api", wave=100)]},
        {"components": [component("api", env={"1ST": "x"})]},
        {"components": [component("api", secret="x")]},
        {"gate": {"retryTimeoutSeconds": 0}},
        {"strategy": "BlueGreen"},
        {"releaseRef": ""},
    ],
)
def test_malformed_requests_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        deploy_request(component("api"), **fields)


async def test_deployments_are_listed_newest_first_a_page_at_a_time(world: World) -> None:
    made = [await released(world, component("api", str(number))) for number in range(3)]
    first = await world.reader.page(CALLER, ENVIRONMENT, 2, "")
    assert [one["deploymentId"] for one in first.deployments] == [made[2], made[1]]
    assert first.after is not None
    rest = await world.reader.page(CALLER, ENVIRONMENT, 2, first.after)
    assert ([one["deploymentId"] for one in rest.deployments], rest.after) == ([made[0]], None)


async def test_a_deployment_shows_the_request_and_nothing_internal(world: World) -> None:
    shown = await world.reader.get(CALLER, await released(world, component("api", wave=3), gate={"stableSeconds": 5}))
    assert shown["components"][0]["image"] == image("api", "1")
    assert shown["gate"]["stableSeconds"] == 5
    assert shown["status"] == "Completed"
    assert {"projectId", "rollbackTo"}.isdisjoint(shown)
    assert [entry.get("wave") for entry in shown["rolloutHistory"]] == [None, None, None, 3, 3, None, None]


async def test_another_tenants_deployment_is_not_there(world: World) -> None:
    deployment_id = await released(world, component("api"))
    stranger = Caller("other", "eve", "c", CALLER.scopes, "trace-2")
    for ident in (deployment_id, deployment_id[:-1], "dep-", f"{deployment_id}~000", "op" + deployment_id[3:]):
        with pytest.raises(NotFound):
            await world.reader.get(stranger if ident == deployment_id else CALLER, ident)


async def test_the_operation_is_listed_for_the_tenant_before_the_commit(world: World) -> None:
    operation = await world.deploy(component("api"))
    rows = await world.store.list(keys.tenant_partition(CALLER.tenant_id), "n-op-", limit=10)
    assert [row.document["operationId"] for row in rows] == [operation.operation_id]


async def test_a_commit_with_events_lists_the_environment_for_the_sweep_and_nudges_the_outbox(world: World) -> None:
    await world.deploy(component("api"))
    shard = keys.shard_of(world.partition, world.active.shards)
    assert [row.key for row in await world.active.shard(shard)] == [world.partition]
    assert world.told == [world.place]
