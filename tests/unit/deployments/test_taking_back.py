"""Releases that do not go well: what is taken back, when, and what is said about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import Refused, Transient
from shared.operations.model import OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.health.document import HealthStatus
from shared.runtime.rollout.gate import GatePolicy, Verdict
from tests.unit.deployments.driving import released
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.world import World, component, deployment_of, image, no_repeats

UNHEALTHY = HealthStatus.UNHEALTHY


async def test_an_unhealthy_image_is_taken_back_and_the_earlier_one_serves_alone(world: World) -> None:
    first = await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = UNHEALTHY
    operation = await world.deploy(component("api", "2"))
    assert await Engine(world).run(operation) == "rolled back"
    deployment = await world.deployment(deployment_of(operation))
    assert deployment.status is DeploymentStatus.ROLLED_BACK
    assert (await world.history(deployment.deployment_id))[-4:] == [
        ("RollingOut", 0),
        ("HealthGating", 0),
        ("RollingBack", 0),
        ("RolledBack", None),
    ]
    assert world.apps.serves("api") == image("api", "1")
    assert world.apps.running("api") == [image("api", "1")]
    assert (await world.environment()).stable_deployment_id == first


async def test_what_was_rolled_back_says_why_everywhere_and_the_environment_is_held(world: World) -> None:
    await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = UNHEALTHY
    operation = await world.deploy(component("api", "2"))
    await Engine(world).run(operation)
    ended = await world.operation(operation.operation_id)
    deployment = await world.deployment(deployment_of(operation))
    hold = (await world.environment()).hold
    assert ended.status is OperationStatus.FAILED
    assert ended.error == deployment.error
    assert ended.error is not None
    assert ended.error.code == "GateFailed"
    assert "api: Unhealthy" in ended.error.message
    assert hold is not None
    assert (hold.deployment_id, hold.reason) == (deployment.deployment_id, "GateFailed")
    assert (await world.slot()).operation_id is None


async def test_one_event_tells_of_it_and_none_of_a_completion(world: World) -> None:
    first = await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = UNHEALTHY
    second = await released(world, component("api", "2"))
    told = await world.events(EventType.DEPLOYMENT_ROLLED_BACK)
    assert [event.payload["deploymentId"] for event in told] == [second]
    assert told[0].payload["restored"] == first
    assert told[0].payload["reason"] == "GateFailed"
    completed = await world.events(EventType.DEPLOYMENT_COMPLETED)
    assert [event.payload["deploymentId"] for event in completed] == [first]


@pytest.mark.parametrize(
    ("status", "code"),
    [(UNHEALTHY, "GateFailed"), (HealthStatus.DEGRADED, "GateFailed"), (HealthStatus.UNKNOWN, "GateInconclusive")],
)
async def test_nothing_but_healthy_is_ever_promoted(world: World, status: HealthStatus, code: str) -> None:
    await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = status
    deployment = await world.deployment(await released(world, component("api", "2")))
    assert deployment.error is not None
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.ROLLED_BACK, code)
    assert image("api", "2") not in world.apps.running("api")


async def test_a_revision_that_never_gets_ready_or_is_of_another_image_is_inconclusive(world: World) -> None:
    await released(world, component("api", "1"), component("web", "1"))
    world.apps.never_ready.add(image("api", "2"))
    world.apps.other_image[image("web", "2")] = image("web", "666")
    deployment_id = await released(world, component("api", "2"), component("web", "2"))
    assert (await world.gate_of(deployment_id)).verdict is Verdict.INCONCLUSIVE
    details = {one.detail for one in (await world.gate_of(deployment_id)).evidence.samples}
    assert details == {"starting", "other-image"}


async def test_a_target_that_cannot_be_asked_while_judging_is_an_error(world: World) -> None:
    await released(world, component("api", "1"))
    operation = await world.deploy(component("api", "2"), gate={"errorLimit": 3})
    world.apps.fail("observe", "", *[Transient("arm")] * 4)
    await Engine(world).run(operation)
    error = (await world.operation(operation.operation_id)).error
    assert error is not None
    assert error.code == "GateError"


async def test_healthy_then_failing_within_the_stable_time_is_taken_back(world: World) -> None:
    await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = [HealthStatus.HEALTHY] * 5 + [UNHEALTHY]
    assert (await world.deployment(await released(world, component("api", "2")))).status is DeploymentStatus.ROLLED_BACK


async def test_only_the_waves_that_were_touched_are_taken_back_the_last_one_first(world: World) -> None:
    await released(world, component("db", "1"), component("api", "1"), component("web", "1"))
    world.prober.says[image("api", "2")] = UNHEALTHY
    components = [component("db", "2", wave=0), component("api", "2", wave=1), component("web", "2", wave=2)]
    deployment_id = await released(world, *components)
    history = await world.history(deployment_id)
    assert [wave for phase, wave in history if phase == "RollingBack"] == [1, 0]
    assert no_repeats(history)
    assert ("RollingOut", 2) not in history
    for service_id in ("db", "api", "web"):
        assert world.apps.running(service_id) == [image(service_id, "1")]


async def test_what_was_new_is_removed_again(world: World) -> None:
    await released(world, component("api", "1"))
    world.prober.says[image("web", "1")] = UNHEALTHY
    await released(world, component("api", "2"), component("web", "1"))
    assert "web" not in world.apps.services
    assert set(await world.inventory()) == {"api"}


async def test_a_first_release_that_fails_its_gate_fails_and_leaves_nothing_behind(world: World) -> None:
    world.prober.says[image("api", "1")] = UNHEALTHY
    operation = await world.deploy(component("api", "1"), component("web", "1"))
    await Engine(world).run(operation)
    deployment = await world.deployment(deployment_of(operation))
    environment = await world.environment()
    assert deployment.error is not None
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.FAILED, "NoStableSnapshot")
    assert (await world.history(deployment.deployment_id))[-1] == ("Failed", None)
    assert world.apps.services == {}
    assert environment.hold is None
    assert environment.stable_deployment_id is None
    assert await world.events(EventType.DEPLOYMENT_ROLLED_BACK) == []
    assert (await world.slot()).operation_id is None


async def test_a_component_that_is_refused_takes_all_back_after_every_apply_has_ended(world: World) -> None:
    await released(world, component("api", "1"), component("db", "1"), component("web", "1"))
    world.apps.effects.clear()
    world.apps.fail("apply", "db", Refused("arm", "ImageNotFound", "no such image"))
    operation = await world.deploy(component("api", "2"), component("db", "2"), component("web", "2"))
    await Engine(world).run(operation)
    error = (await world.operation(operation.operation_id)).error
    assert error is not None
    assert (error.code, error.message) == ("ImageNotFound", "no such image")
    applies = [service_id for method, service_id, _ in world.apps.effects[:2] if method == "apply"]
    assert applies == ["api", "web"]  # what was not refused was applied, then everything was restored
    assert [world.apps.running(service_id) for service_id in ("api", "db", "web")] == [
        [image("api", "1")],
        [image("db", "1")],
        [image("web", "1")],
    ]


async def test_transient_errors_within_the_budget_cost_only_time(world: World) -> None:
    world.apps.fail("apply", "api", *[Transient("arm", retry_after=2)] * 3)
    world.apps.fail("promote", "api", *[Transient("arm", retry_after=2)] * 3)
    assert (await world.deployment(await released(world, component("api")))).status is DeploymentStatus.COMPLETED


async def test_transient_errors_beyond_the_budget_take_the_release_back(world: World) -> None:
    await released(world, component("api", "1"))
    operation = await world.deploy(component("api", "2"))
    engine = Engine(world, retry_seconds=20)
    world.apps.fail("apply", "api", *[Transient("arm", retry_after=5)] * 5)
    await engine.run(operation)
    deployment = await world.deployment(deployment_of(operation))
    assert deployment.error is not None
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.ROLLED_BACK, "DependencyUnavailable")
    assert world.apps.running("api") == [image("api", "1")]


async def test_taking_back_is_tried_until_the_deadline_not_only_for_the_budget(world: World) -> None:
    await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = UNHEALTHY
    operation = await world.deploy(component("api", "2"), gate={"failureLimit": 0})
    earlier = (await world.stable()).services["api"].workload.revision  # type: ignore[union-attr]
    world.apps.fail("promote", "api", *[Transient("arm", retry_after=30)] * 10)
    assert await Engine(world, retry_seconds=20).run(operation) == "rolled back"
    assert world.apps.services["api"].serving == earlier


async def test_what_cannot_be_taken_back_by_the_deadline_fails_and_is_held(world: World) -> None:
    await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = UNHEALTHY
    operation = await world.deploy(component("api", "2"))
    world.apps.fail("promote", "api", *[Transient("arm", retry_after=30)] * 10_000)
    await Engine(world).run(operation)
    deployment = await world.deployment(deployment_of(operation))
    assert deployment.status is DeploymentStatus.FAILED
    assert (await world.environment()).hold is not None
    assert (await world.slot()).operation_id is None
    assert world.clock() >= operation.must_settle_by


async def test_a_promotion_that_is_refused_for_one_service_takes_back_all_after_each_has_ended(world: World) -> None:
    await released(world, component("api", "1"), component("web", "1"))
    operation = await world.deploy(component("api", "2"), component("web", "2"))
    world.apps.fail("promote", "api", Refused("arm", "Conflict", "no"))
    await Engine(world).run(operation)
    assert (await world.deployment(deployment_of(operation))).status is DeploymentStatus.ROLLED_BACK
    assert world.apps.running("web") == [image("web", "1")]
    assert world.apps.running("api") == [image("api", "1")]


async def test_earlier_replicas_that_stay_are_not_waited_for_until_nothing_can_be_taken_back(world: World) -> None:
    """Promotion waits for the new revision to be alone, within its share of the time that is left."""
    await released(world, component("api", "1"))
    world.apps.lingering.add("api")
    operation = await world.deploy(component("api", "2"))
    await Engine(world).run(operation)
    deployment = await world.deployment(deployment_of(operation))
    assert deployment.status is not DeploymentStatus.COMPLETED
    back = next(entry for entry in deployment.rollout_history if entry.phase.value == "RollingBack")
    assert (operation.must_settle_by - back.started_at).total_seconds() > 600


async def test_a_replacing_target_gets_the_earlier_workload_again(world: World) -> None:
    await released(world, component("api", "1", "aks"))
    world.prober.says[image("api", "2")] = UNHEALTHY
    await released(world, component("api", "2", "aks"))
    assert world.cluster.running("api") == [image("api", "1")]


async def test_a_service_that_moved_to_another_target_is_back_where_it_was(world: World) -> None:
    await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = UNHEALTHY
    await released(world, component("api", "2", "aks"))
    assert world.apps.running("api") == [image("api", "1")]
    assert "api" not in world.cluster.services


async def test_a_move_to_another_target_that_goes_well_leaves_one_behind_nowhere(world: World) -> None:
    await released(world, component("api", "1"))
    await released(world, component("api", "2", "aks"))
    assert world.cluster.running("api") == [image("api", "2")]
    assert "api" not in world.apps.services


async def test_a_person_who_deploys_lifts_the_hold(world: World) -> None:
    await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = UNHEALTHY
    await released(world, component("api", "2"))
    assert (await world.environment()).hold is not None
    await released(world, component("api", "3"))
    assert (await world.environment()).hold is None


async def test_a_release_that_cannot_be_prepared_fails_without_touching_anything(world: World) -> None:
    world.vault.holds("db", "1" * 32)
    binding = await world.bind({"name": "db", "secretName": "db"})
    configuration = await world.publish({"DB": {"secretRef": f"{binding}/db"}})
    operation = await world.deploy(component("api"), configurationId=configuration)
    await world.delete(binding)
    await Engine(world).run(operation)
    deployment = await world.deployment(deployment_of(operation))
    assert deployment.error is not None
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.FAILED, "ValidationFailed")
    assert world.apps.effects == []
    assert await world.history(deployment.deployment_id) == [("Requested", None), ("Failed", None)]


async def test_an_image_that_does_not_exist_fails_the_release_without_touching_anything(world: World) -> None:
    await released(world, component("api", "1"))
    world.apps.effects.clear()
    world.registry.missing.add(image("web", "9"))
    operation = await world.deploy(component("api", "2"), component("web", "9"))
    await Engine(world).run(operation)
    deployment = await world.deployment(deployment_of(operation))
    assert deployment.error is not None
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.FAILED, "ImageNotFound")
    assert image("web", "9") in deployment.error.message
    assert (world.apps.effects, (await world.environment()).hold) == ([], None)


async def test_a_registry_that_is_away_is_asked_again_for_the_budget_and_no_longer(world: World) -> None:
    world.registry.errors = [Transient("registry", retry_after=2)] * 3
    assert (await world.deployment(await released(world, component("api")))).status is DeploymentStatus.COMPLETED
    world.registry.errors = [Transient("registry", retry_after=5)] * 1000
    operation = await world.deploy(component("api", "2"))
    await Engine(world, retry_seconds=20).run(operation)
    error = (await world.deployment(deployment_of(operation))).error
    assert error is not None
    assert (error.code, "registry" in error.message) == ("DependencyUnavailable", True)


async def test_a_receipt_that_expired_before_the_first_wave_fails_with_nothing_to_take_back() -> None:
    world = await World(stage="prod").provision()
    operation = await world.deploy(component("api"))
    world.clock.advance(world.receipt_lasts.total_seconds())
    operation = operation.model_copy(update={"must_settle_by": world.clock().replace(year=2099)})
    await Engine(world).run(operation)
    deployment = await world.deployment(deployment_of(operation))
    assert deployment.error is not None
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.FAILED, "PolicyDenied")
    assert world.apps.effects == []


async def test_a_receipt_that_expires_between_waves_stops_the_next_and_takes_the_first_back() -> None:
    gate = GatePolicy(stable_seconds=60, retry_timeout_seconds=60)
    world = await World(stage="prod", gate=gate).provision()
    first = await world.deploy(component("db", "1"), component("api", "1"))
    await Engine(world).run(first)
    world.receipt_lasts = timedelta(seconds=30)  # less than the first wave's gate takes
    operation = await world.deploy(component("db", "2", wave=0), component("api", "2", wave=1))
    await Engine(world).run(operation)
    assert (await world.deployment(deployment_of(operation))).status is DeploymentStatus.ROLLED_BACK
    assert world.apps.running("db") == [image("db", "1")]
    assert image("api", "2") not in [one.workload.image for one in world.apps.services["api"].revisions.values()]
