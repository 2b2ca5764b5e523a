"""Scaling policies as callers apply them: one per service and target, and only what makes sense together."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.access.caller import Caller
from shared.kernel.errors import EnvironmentNotReady, NotFound, TargetNotEnabled, ValidationFailed
from shared.runtime.environments.model import ComputeTarget, EnvironmentStatus
from shared.runtime.scaling.model import Enforcement, effective
from shared.store import keys
from shared.targets.port import Scaling
from tests.unit.doubles.world import CALLER, ENVIRONMENT, World, scaling_request


async def test_the_first_one_is_created_as_desired(world: World) -> None:
    answer = await world.scale("api")
    ident = answer.body["scalingPolicyId"]
    assert (answer.status, answer.location) == (201, f"/scaling-policies/{ident}")
    assert answer.body == {"scalingPolicyId": ident, "status": "Applied", "traceId": CALLER.trace_id}
    policy = await world.policy(ident)
    assert (policy.enforcement, policy.effective, policy.version) == (Enforcement.PENDING, None, 1)


async def test_the_same_again_is_the_same_with_the_same_id_and_changes_nothing(world: World) -> None:
    first = await world.scale("api")
    before = await world.policy(first.body["scalingPolicyId"])
    world.clock.advance(5)
    again = await world.scale("api")
    assert again.status == 200
    assert again.body == first.body
    assert await world.policy(first.body["scalingPolicyId"]) == before
    assert [entry.kind for entry in await world.entries()] == ["scaling-policy.applied", "scaling-policy.confirmed"]


async def test_other_values_replace_it_under_the_same_id(world: World) -> None:
    first = await world.scale("api")
    world.clock.advance(5)
    second = await world.scale("api", maxReplicas=9)
    assert (second.status, second.body["scalingPolicyId"]) == (201, first.body["scalingPolicyId"])
    policy = await world.policy(second.body["scalingPolicyId"])
    assert (policy.requested.max_replicas, policy.version) == (9, 2)
    assert policy.created_at < policy.updated_at
    found, after = await world.policies.page(CALLER, ENVIRONMENT, 10, "")
    assert ([one.scaling_policy_id for one in found], after) == ([policy.scaling_policy_id], None)


async def test_each_service_and_target_has_its_own(world: World) -> None:
    answers = [
        await world.scale("api"),
        await world.scale("web"),
        await world.scale("api", target="aks"),
    ]
    assert len({answer.body["scalingPolicyId"] for answer in answers}) == 3


async def test_applying_needs_no_free_slot(world: World) -> None:
    await world.deploy({"moduleId": "api", "image": "acr.azurecr.io/api:1", "target": "aks"})
    assert (await world.scale("api")).status == 201


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"minReplicas": 6, "maxReplicas": 5}, {"minReplicas"}),
        ({"minReplicas": 0}, {"minReplicas"}),
        ({"minReplicas": 2, "scaleToZero": True}, {"scaleToZero"}),
        ({"minReplicas": 6, "maxReplicas": 5, "scaleToZero": True}, {"minReplicas", "scaleToZero"}),
    ],
)
async def test_every_rule_that_the_numbers_break_together_is_named(
    world: World, fields: dict[str, Any], named: set[str]
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.scale("api", **fields)
    assert set(caught.value.errors) == named
    assert await world.policies.of(world.place) == []


@pytest.mark.parametrize(
    "fields", [{"minReplicas": 1, "maxReplicas": 1}, {"minReplicas": 0, "scaleToZero": True}, {"maxReplicas": 1000}]
)
async def test_sound_numbers_pass(world: World, fields: dict[str, Any]) -> None:
    assert (await world.scale("api", **fields)).status == 201


@pytest.mark.parametrize(
    "fields",
    [
        {"maxReplicas": 0},
        {"minReplicas": -1},
        {"maxReplicas": 1001},
        {"targetUtilizationPercent": 0},
        {"targetUtilizationPercent": 101},
        {"metric": "moon-phase"},
        {"target": "vm"},
        {"cooldown": 5},
    ],
)
def test_malformed_numbers_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        scaling_request("api", **fields)


async def test_a_target_that_the_environment_does_not_have_is_refused(world: World) -> None:
    with pytest.raises(TargetNotEnabled) as caught:
        await world.scale("api", target="app-service")
    assert (caught.value.target, caught.value.path) == ("app-service", "target")


async def test_an_environment_that_is_not_ready_takes_none() -> None:
    world = await World().provision(status=EnvironmentStatus.PROVISIONING)
    with pytest.raises(EnvironmentNotReady):
        await world.scale("api")


async def test_the_sweep_is_told_to_look(world: World) -> None:
    await world.scale("api")
    shard = keys.shard_of(world.partition, world.active.shards)
    assert [row.key for row in await world.active.shard(shard)] == [world.partition]


async def test_it_shows_the_seeds_fields_beside_what_the_platform_says(world: World) -> None:
    answer = await world.scale("api")
    shown = (await world.policies.get(CALLER, answer.body["scalingPolicyId"])).shown()
    assert shown["minReplicas"] == shown["requested"]["minReplicas"] == 2
    assert (shown["status"], shown["enforcement"]) == ("Applied", "Pending")
    assert {"version", "failedAt", "effective"}.isdisjoint(shown)


async def test_another_tenants_policy_is_not_there(world: World) -> None:
    answer = await world.scale("api")
    with pytest.raises(NotFound):
        await world.policies.get(Caller("other", "eve", "c", CALLER.scopes, "t"), answer.body["scalingPolicyId"])


def test_what_app_service_cannot_honour_is_said() -> None:
    wanted = Scaling(metric="cpu", min_replicas=0, max_replicas=200, target_utilization_percent=70, scale_to_zero=True)
    web = effective(ComputeTarget.APP_SERVICE, wanted)
    assert (web.metric, web.min_replicas, web.max_replicas, web.scale_to_zero) == ("cpu", 1, 30, False)
    fine = wanted.model_copy(update={"min_replicas": 2, "max_replicas": 9, "scale_to_zero": False})
    assert effective(ComputeTarget.APP_SERVICE, fine) == fine


def test_a_function_app_honours_bounds_and_is_told_by_its_triggers_when_to_grow() -> None:
    wanted = Scaling(metric="cpu", min_replicas=30, max_replicas=200, target_utilization_percent=70)
    told = effective(ComputeTarget.FUNCTIONS, wanted)
    assert (told.metric, told.min_replicas, told.max_replicas, told.target_utilization_percent) == (
        "requests",
        20,
        100,
        100,
    )
    queue = wanted.model_copy(update={"metric": "queue-length", "min_replicas": 1, "max_replicas": 5})
    assert effective(ComputeTarget.FUNCTIONS, queue).metric == "queue-length"


def test_kubernetes_keeps_one_replica_whatever_is_requested() -> None:
    to_zero = Scaling(metric="cpu", min_replicas=0, max_replicas=5, target_utilization_percent=70, scale_to_zero=True)
    assert effective(ComputeTarget.CONTAINER_APPS, to_zero) == to_zero
    assert effective(ComputeTarget.AKS, to_zero).min_replicas == 1
    one = to_zero.model_copy(update={"min_replicas": 1, "scale_to_zero": False})
    assert effective(ComputeTarget.AKS, one) == one
