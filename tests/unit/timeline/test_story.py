"""What a timeline tells of the things that happen in an environment: every kind of change, in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from shared.kernel.errors import Refused
from shared.runtime.health.document import HealthStatus
from shared.runtime.timeline.reading import Filter, Timeline
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.vault import VAULT
from tests.unit.doubles.world import CALLER, World, component, deployment_of, image


async def told(world: World, kind: str | None = None) -> list[tuple[str, str]]:
    """(kind, sentence), oldest first."""
    page = await Timeline(world.store).page(CALLER, world.environment_id, Filter(kind), 200, "")
    return [(entry["kind"], entry["summary"]) for entry in reversed(page.entries)]


async def entries(world: World) -> list[dict[str, Any]]:
    return (await Timeline(world.store).page(CALLER, world.environment_id, Filter(), 200, "")).entries


async def released(world: World, *components: dict[str, Any], **fields: Any) -> str:
    operation = await world.deploy(*components, **fields)
    await Engine(world).run(operation)
    return deployment_of(operation)


async def test_a_release_that_goes_well(world: World) -> None:
    await released(world, component("api"), component("web"), releaseRef="2026.6")
    assert await told(world) == [
        ("deployment.requested", "deployment of 2026.6 began: api, web"),
        ("deployment.gate-decided", "gate Passed, wave 0: api, web stayed healthy for 10 s"),
        ("deployment.completed", "deployment of 2026.6 succeeded and is stable; services changed: 2"),
    ]


async def test_every_entry_of_an_operation_names_it_and_its_trace_and_decision() -> None:
    world = await World(stage="prod").provision()
    operation = await world.deploy(component("api"))
    await Engine(world).run(operation)
    found = await entries(world)
    assert {entry["operationId"] for entry in found} == {operation.operation_id}
    assert {entry["traceId"] for entry in found} == {CALLER.trace_id}
    assert {entry["decisionId"] for entry in found} == {"decision-1"}
    assert {entry["resource"] for entry in found} == {deployment_of(operation)}


async def test_a_release_that_is_taken_back_says_why_and_what_stands_now(world: World) -> None:
    await released(world, component("api"))
    world.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    world.prober.details[HealthStatus.UNHEALTHY] = "http-503"
    await released(world, component("api", "2"), releaseRef="release-2")
    (_, begun), (kind, gate), (end, sentence) = (await told(world))[-3:]
    assert begun == "deployment of release-2 began: api"
    assert (kind, gate) == ("deployment.gate-decided", "gate Failed, wave 0: api: http-503")
    assert end == "deployment.rolled-back"
    assert sentence.startswith("deployment of release-2 failed with ")
    assert sentence.endswith("api: http-503; what was stable runs again; the environment is on hold")


async def test_a_release_that_a_target_refuses_says_with_what(world: World) -> None:
    world.apps.fail("apply", "api", Refused("arm", "ImageNotFound", "there is no such image"))
    await released(world, component("api"))
    kind, sentence = (await told(world))[-1]
    assert kind == "deployment.failed"
    assert sentence.startswith("deployment of release-1 failed with ")


async def test_a_manual_rollback_is_called_one_and_says_the_reason(world: World) -> None:
    await released(world, component("api"), releaseRef="release-1")
    second = await released(world, component("api", "2"), releaseRef="release-2")
    operation = await world.roll_back(second, reason="customers see old prices")
    await Engine(world).run(operation)
    sentences = [sentence for _, sentence in await told(world)]
    assert "rollback to release-1 began: api (customers see old prices)" in sentences
    assert sentences[-1] == "rollback to release-1 succeeded and is stable; services changed: 1"


async def test_many_components_are_counted_after_the_first_few(world: World) -> None:
    await world.deploy(*[component(f"service-{number}") for number in range(8)])
    assert (await told(world))[-1][1] == (
        "deployment of release-1 began: service-0, service-1, service-2, service-3, service-4 and 3 more"
    )


async def test_configurations_and_bindings_are_told_by_names_and_never_by_values(world: World) -> None:
    world.vault.holds("db-password", "a" * 32)
    binding = await world.bind({"name": "db", "secretName": "db-password"})
    world.clock.advance(1)
    await world.publish({"GREETING": "hello-value", "DB": {"secretRef": f"{binding}/db"}}, "api")
    world.clock.advance(1)
    await world.publish({"LIMIT": 5})
    assert await told(world) == [
        ("secret-binding.bound", f"api was bound to db of {VAULT}"),
        ("configuration.published", "configuration version 1 for api was published: keys 2, secret references 1"),
        ("configuration.published", "configuration version 1 for every module was published: keys 1"),
    ]


async def test_a_scaling_policy_is_told_from_the_wish_to_what_the_target_honours(world: World) -> None:
    await released(world, component("api"))
    answer = await world.scale("api")
    world.clock.advance(1)
    await world.scale("api")
    world.clock.advance(1)
    admitted = await world.admitted()
    [policy] = await world.enforcing.waiting(admitted)
    operation = await world.enforcing.begin(admitted, policy)
    world.clock.advance(1)
    await Engine(world).run(operation)
    assert await told(world, "scaling-policy") == [
        ("scaling-policy.applied", "policy of api on container-apps applied: 2 to 5 replicas by cpu"),
        ("scaling-policy.confirmed", "policy of api on container-apps confirmed: 2 to 5 replicas by cpu"),
        ("scaling-policy.enforcement-begun", "api: bringing 2 to 5 replicas by cpu to container-apps began"),
        ("scaling-policy.enforced", "api: container-apps honours 2 to 5 replicas by cpu"),
    ]
    begun = (await entries(world))[1]
    assert (begun["causedBy"], begun["operationId"]) == (answer.body["scalingPolicyId"], operation.operation_id)


@pytest.mark.parametrize("kind", ["deployment", "configuration", "scaling-policy"])
async def test_what_belongs_together_is_one_group(world: World, kind: str) -> None:
    await released(world, component("api"))
    await world.publish({"LIMIT": 5})
    await world.scale("api")
    assert {found.partition(".")[0] for found, _ in await told(world, kind)} == {kind}
