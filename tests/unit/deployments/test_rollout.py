"""Releases that go well, driven end to end in this process."""

from __future__ import annotations

from itertools import pairwise

from shared.events.envelope import EventType
from shared.operations.model import OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.rollout.gate import Verdict
from tests.unit.deployments.driving import released
from tests.unit.doubles.engine import Death, Engine, History, died
from tests.unit.doubles.world import CALLER, World, component, deployment_of, image, no_repeats


async def test_a_release_goes_through_its_phases_once_each(world: World) -> None:
    deployment_id = await released(world, component("api"))
    assert await world.history(deployment_id) == [
        ("Requested", None),
        ("Provisioning", None),
        ("Configuring", None),
        ("RollingOut", 0),
        ("HealthGating", 0),
        ("Promoting", None),
        ("Completed", None),
    ]


async def test_every_entry_of_a_finished_history_is_closed_and_begins_where_the_one_before_ended(world: World) -> None:
    deployment = await world.deployment(await released(world, component("api")))
    history = deployment.rollout_history
    assert all(entry.ended_at is not None for entry in history)
    assert all(before.ended_at == after.started_at for before, after in pairwise(history))


async def test_the_end_of_a_release_is_one_truth(world: World) -> None:
    operation = await world.deploy(component("api"))
    assert await Engine(world).run(operation) == "completed"
    deployment = await world.deployment(deployment_of(operation))
    environment = await world.environment()
    assert deployment.status is DeploymentStatus.COMPLETED
    assert deployment.ended_at is not None
    assert deployment.content_hash
    assert (await world.operation(operation.operation_id)).status is OperationStatus.SUCCEEDED
    assert (await world.slot()).operation_id is None
    assert environment.stable_deployment_id == deployment.deployment_id
    assert environment.stable_release_ref == "release-1"
    assert world.apps.running("api") == [image("api", "1")]


async def test_events_are_requested_then_completed_then_the_inventory(world: World) -> None:
    await released(world, component("api"))
    assert [event.event_type for event in await world.events()] == [
        EventType.DEPLOYMENT_REQUESTED,
        EventType.DEPLOYMENT_COMPLETED,
        EventType.INVENTORY_UPDATED,
    ]


async def test_waves_roll_one_after_the_other_each_behind_its_own_gate(world: World) -> None:
    components = [component("db", wave=0), component("api", wave=2), component("web", wave=1)]
    deployment_id = await released(world, *components)
    history = await world.history(deployment_id)
    assert history[3:-2] == [(phase, wave) for wave in (0, 1, 2) for phase in ("RollingOut", "HealthGating")]
    assert no_repeats(history)
    assert world.apps.of("apply") == ["db", "web", "api"]
    assert [(await world.gate_of(deployment_id, wave)).verdict for wave in (0, 1, 2)] == [Verdict.PASSED] * 3


async def test_a_wave_waits_until_the_one_before_is_healthy(world: World) -> None:
    world.apps.start_seconds[image("db", "1")] = 20
    deployment_id = await released(world, component("db", wave=0), component("api", wave=1))
    first, second = await world.gate_of(deployment_id, 0), await world.gate_of(deployment_id, 1)
    assert first.evidence.rounds[-1] < second.evidence.rounds[0]


async def test_all_at_once_is_one_wave_with_the_same_gate(world: World) -> None:
    components = [component("db", wave=0), component("api", wave=1)]
    deployment_id = await released(world, *components, strategy="AllAtOnce")
    assert [wave for phase, wave in await world.history(deployment_id) if phase == "HealthGating"] == [0]
    assert (await world.gate_of(deployment_id)).verdict is Verdict.PASSED


async def test_nothing_is_promoted_before_the_last_gate_has_passed(world: World) -> None:
    await released(world, component("db", wave=0), component("api", wave=1))
    methods = [method for method, _, _ in world.apps.effects]
    assert methods == ["apply", "apply", "promote", "promote"]


async def test_evidence_is_younger_than_the_apply_and_of_the_revision_that_was_applied(world: World) -> None:
    await released(world, component("api", "1"))
    deployment_id = await released(world, component("api", "2"))
    gate = await world.gate_of(deployment_id)
    planned = (await world.deploying.plans.all(world.partition, deployment_id))[0]
    assert planned.wanted is not None
    assert planned.applied_at is not None
    for sample in gate.evidence.samples:
        assert sample.revision == planned.wanted.workload.revision
        assert sample.image == image("api", "2")
        assert sample.evaluated_at > planned.applied_at


async def test_a_service_that_starts_slowly_is_waited_for(world: World) -> None:
    world.apps.start_seconds[image("api", "1")] = 30
    deployment_id = await released(world, component("api"))
    assert (await world.deployment(deployment_id)).status is DeploymentStatus.COMPLETED


async def test_the_operation_says_in_words_what_it_waits_for(world: World) -> None:
    operation = await world.deploy(component("api"))
    said, history = [operation.waiting_for], None
    for _ in range(5):
        history = await died(world, operation, 1, Death.RECORDED, history)
        said.append((await world.operation(operation.operation_id)).waiting_for)
    assert said == [
        "a worker to start it",
        "the release to be prepared",
        "the first wave",
        "the targets to accept wave 0",
        "the targets to accept wave 0",
        "wave 0 to be healthy for 10 s",
    ]
    await Engine(world, history or History()).run(operation)
    assert (await world.operation(operation.operation_id)).waiting_for is None


async def test_while_a_gate_runs_its_samples_can_be_read(world: World) -> None:
    world.apps.never_ready.add(image("api", "1"))
    operation = await world.deploy(component("api"), gate={"retryTimeoutSeconds": 600})
    await died(world, operation, 5)
    gate = await world.gate_of(deployment_of(operation))
    assert gate.verdict is None
    assert gate.evidence.samples[0].detail == "starting"
    shown = (await world.reader.get(CALLER, deployment_of(operation)))["rolloutHistory"][-1]["gate"]
    assert "verdict" not in shown
    assert shown["samples"][0]["status"] == "Unknown"


async def test_a_passed_gate_is_shown_with_its_samples_in_its_entry_alone(world: World) -> None:
    deployment_id = await released(world, component("api"))
    history = (await world.reader.get(CALLER, deployment_id))["rolloutHistory"]
    gates = {entry["phase"]: entry["gate"] for entry in history if "gate" in entry}
    assert list(gates) == ["HealthGating"]
    assert gates["HealthGating"]["verdict"] == "Passed"
    assert gates["HealthGating"]["samples"][0].keys() >= {
        "serviceId",
        "revision",
        "image",
        "status",
        "checks",
        "evaluatedAt",
    }
