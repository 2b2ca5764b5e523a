"""A rotation that goes well, and one that does not: who runs with what, when, and what is left of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import Transient
from shared.operations.model import OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.health.document import HealthStatus
from shared.runtime.rotation.service import VERSION_WITHIN
from shared.runtime.secrets.transitions import BindingStatus
from tests.unit.deployments.driving import released, rolled_back
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import People
from tests.unit.doubles.vault import VAULT
from tests.unit.doubles.world import begun, component, deployment_of, image
from tests.unit.rotation.ground import QUEUE, ROTATION, V1, V2, V3, Ground, settled_ground


async def test_the_consumers_run_with_the_new_version_and_nobody_else_is_touched(ground: Ground) -> None:
    ground.renewed()
    ground.world.apps.effects.clear()
    operation = await ground.rotate()
    assert await ground.run(operation) == "completed"
    assert await ground.versions() == {"api": {V2}, "worker": {V2}, "static": set()}
    assert ground.world.apps.of("apply") == ["api", "worker"], "in the waves of their release"
    assert (await ground.world.operation(operation.operation_id)).status is OperationStatus.SUCCEEDED
    assert (await ground.world.slot()).operation_id is None


async def test_a_rotation_is_a_release_with_its_gates_and_its_snapshot(ground: Ground) -> None:
    before = await ground.world.environment()
    ground.renewed()
    operation = await ground.rotate()
    await ground.run(operation)
    deployment = await ground.world.deployment(deployment_of(operation))
    after = await ground.world.environment()
    assert (deployment.status, deployment.rotates) == (DeploymentStatus.COMPLETED, [ground.db])
    assert await ground.world.history(deployment.deployment_id) == [
        ("Requested", None),
        ("Provisioning", None),
        ("Configuring", None),
        ("RollingOut", 0),
        ("HealthGating", 0),
        ("RollingOut", 1),
        ("HealthGating", 1),
        ("Promoting", None),
        ("Completed", None),
    ]
    assert (after.stable_deployment_id, after.stable_release_ref) == (deployment.deployment_id, before.stable_release_ref)


async def test_the_binding_says_who_still_runs_with_the_old_version(ground: Ground) -> None:
    ground.renewed()
    operation = await ground.rotate()
    seen: list[tuple[str, int, str | None]] = []

    async def look() -> None:
        shown = await ground.shown()
        seen.append((shown["status"], shown["consumersOnOldVersion"], shown.get("activeOperationId")))

    await look()
    await ground.run(operation, before={"deploy_prepare": look, "deploy_complete": look})
    await look()
    ident = operation.operation_id
    assert seen == [("Rotating", 0, ident), ("Rotating", 2, ident), ("Rotating", 2, ident), ("Bound", 0, None)]
    assert (await ground.shown())["consumers"] == [
        {"serviceId": "api", "name": "db", "version": V2},
        {"serviceId": "worker", "name": "db", "version": V2},
    ]


async def test_the_event_names_versions_and_nothing_else_of_the_secret(ground: Ground) -> None:
    ground.renewed()
    await ground.run(await ground.rotate())
    [event] = await ground.world.events(EventType.SECRET_ROTATED)
    assert event.module_id == "api"
    assert event.payload == {
        "secretBindingId": ground.db,
        "environmentId": ground.world.environment_id,
        "serviceId": "api",
        "name": "db",
        "secretName": "db-password",
        "previousVersion": V1,
        "version": V2,
    }


async def test_what_has_no_newer_version_is_asked_for_once_and_waited_for(ground: Ground) -> None:
    operation = await ground.rotate()
    waiting: list[str | None] = []

    async def look() -> None:
        waiting.append((await ground.world.operation(operation.operation_id)).waiting_for)

    async def renewed() -> None:
        await look()
        ground.renewed()

    assert await ground.run(operation, meanwhile=[look, renewed]) == "completed"
    [event] = await ground.world.events(EventType.SECRET_ROTATION_REQUESTED)
    assert {"secretName": "db-password", "version": V1, "vaultUri": VAULT}.items() <= event.payload.items()
    assert len(set(waiting)) == 1
    assert "a newer enabled version of db" in (waiting[0] or "")
    assert (await ground.binding()).requested == {}
    assert await ground.versions() == {"api": {V2}, "worker": {V2}, "static": set()}


async def test_a_version_that_never_comes_ends_it_without_touching_anything(ground: Ground) -> None:
    ground.world.apps.effects.clear()
    operation = await ground.rotate()
    await ground.run(operation)
    ended = await ground.world.operation(operation.operation_id)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == (OperationStatus.FAILED, "DeadlineExceeded")
    assert ended.last_action_at - operation.created_at < VERSION_WITHIN + timedelta(minutes=1)
    assert ground.world.apps.effects == []
    binding = await ground.binding()
    assert (binding.status, binding.turn, (await ground.world.environment()).hold) == (BindingStatus.BOUND, None, None)


@pytest.mark.parametrize("moment", ["at once", "while it waits"])
@pytest.mark.parametrize(("listed", "code"), [((), "SecretMissing"), ((V1,), "SecretDisabled")])
async def test_a_missing_or_disabled_secret_stops_it_with_its_name(
    ground: Ground, moment: str, listed: tuple[str, ...], code: str
) -> None:
    operation = await ground.rotate()

    async def gone() -> None:
        ground.world.vault.holds("db-password", *listed, disabled=listed)

    if moment == "at once":
        await gone()
    await ground.run(operation, meanwhile=[gone])
    error = (await ground.world.operation(operation.operation_id)).error
    assert error is not None
    assert error.code == code
    assert "db-password" in error.message
    assert (await ground.binding()).status is BindingStatus.BOUND


async def test_a_gate_that_fails_puts_every_consumer_back_and_nothing_is_disabled(ground: Ground) -> None:
    ground.renewed()
    ground.world.prober.says[image("worker", "1")] = HealthStatus.UNHEALTHY
    before = await ground.world.environment()
    operation = await ground.rotate()
    assert await ground.run(operation) == "rolled back"
    assert await ground.versions() == {"api": {V1}, "worker": {V1}, "static": set()}
    await ground.tick(later=7 * 86_400)
    binding, environment = await ground.binding(), await ground.world.environment()
    assert (binding.status, binding.turn, binding.outgoing) == (BindingStatus.BOUND, None, [])
    assert [secret.version for secret in binding.secrets] == [V1]
    assert ground.world.vault.disabled == []
    assert environment.stable_deployment_id == before.stable_deployment_id
    assert environment.hold is not None
    assert await ground.world.events(EventType.SECRET_ROTATED) == []
    assert (await ground.shown())["consumersOnOldVersion"] == 0


async def test_a_rotation_that_is_cancelled_in_its_gate_is_taken_back(ground: Ground) -> None:
    ground.renewed()
    operation = await ground.rotate()
    cancelled = await Engine(ground.world, before={"deploy_judge": lambda: People(ground.world).cancel(operation)}).run(
        operation
    )
    assert cancelled == "rolled back"
    assert (await ground.world.operation(operation.operation_id)).status is OperationStatus.CANCELED
    assert await ground.versions() == {"api": {V1}, "worker": {V1}, "static": set()}
    assert (await ground.binding()).status is BindingStatus.BOUND


async def test_a_binding_that_nobody_uses_goes_to_the_new_version_without_a_roll(ground: Ground) -> None:
    ground.world.vault.holds("queue-key", V1)
    queue = await ground.world.bind(QUEUE, rotation=ROTATION)
    ground.world.vault.holds("queue-key", V2, V1)
    stable = (await ground.world.environment()).stable_deployment_id
    operation = await ground.rotate(queue)
    assert await ground.run(operation) == "rotated"
    binding = await ground.binding(queue)
    assert [secret.version for secret in binding.secrets] == [V2]
    assert [(one.version, binding.status) for one in binding.outgoing] == [(V1, BindingStatus.BOUND)]
    assert (await ground.world.environment()).stable_deployment_id == stable
    assert len(await ground.world.events(EventType.SECRET_ROTATED)) == 1


async def test_rotations_of_one_environment_that_come_together_are_one_roll(ground: Ground) -> None:
    world = ground.world
    world.vault.holds("queue-key", V1)
    queue = await world.bind(QUEUE, service_id="static")
    configuration = await world.publish({"QUEUE": {"secretRef": f"{queue}/queue"}}, "static")
    await released(world, component("static", "2"), configurationId=configuration)
    ground.renewed()
    world.vault.holds("queue-key", V2, V1)
    world.apps.effects.clear()
    first = await ground.rotate()
    second = await world.rotate(queue)
    assert (second.status, second.operation, second.follow) == (202, None, first.operation_id)
    await ground.run(first)
    assert await ground.versions() == {"api": {V2}, "worker": {V2}, "static": {V2}}
    assert sorted(world.apps.of("apply")) == ["api", "static", "worker"], "each once"
    assert (await world.deployment(deployment_of(first))).rotates == sorted([ground.db, queue])
    assert len(await world.events(EventType.SECRET_ROTATED)) == 2
    assert {(await ground.binding(one)).status for one in (ground.db, queue)} == {BindingStatus.BOUND}


async def test_what_has_a_newer_version_goes_on_alone_when_the_time_of_the_others_is_over(ground: Ground) -> None:
    ground.world.vault.holds("queue-key", V1)
    queue = await ground.world.bind(QUEUE)
    operation = await ground.rotate(queue)
    await ground.world.rotate(ground.db)
    ground.renewed()
    assert await ground.run(operation) == "completed"
    assert await ground.versions() == {"api": {V2}, "worker": {V2}, "static": set()}
    left = await ground.binding(queue)
    assert (left.status, [secret.version for secret in left.secrets], set(left.requested)) == (
        BindingStatus.BOUND,
        [V1],
        {"queue"},
    )


async def test_two_bindings_of_one_secret_are_told_apart(ground: Ground) -> None:
    other = await ground.world.bind({"name": "db", "secretName": "db-password"}, service_id="static")
    configuration = await ground.world.publish({"DB": {"secretRef": f"{other}/db"}}, "static")
    await released(ground.world, component("static", "2"), configurationId=configuration)
    ground.renewed()
    await ground.run(await ground.rotate())
    assert await ground.versions() == {"api": {V2}, "worker": {V2}, "static": {V1}}
    await ground.tick(later=86_400)
    assert ground.world.vault.disabled == [], "somebody runs with it"
    await ground.run(await ground.rotate(other))
    await ground.tick(later=86_400)
    assert ground.world.vault.disabled == [("db-password", V1)] * 2


async def test_a_vault_that_is_away_costs_only_time(ground: Ground) -> None:
    ground.renewed()
    operation = await ground.rotate()
    ground.world.vault.errors = [Transient("keyVault", retry_after=2)] * 3
    assert await ground.run(operation) == "completed"


async def test_a_rollback_after_a_rotation_stays_with_the_bindings_version(ground: Ground) -> None:
    second = await released(ground.world, component("api", "2"))
    ground.renewed()
    await ground.run(await ground.rotate())
    await ground.tick(later=86_400)
    assert ground.world.vault.disabled == [("db-password", V1)]
    await rolled_back(ground.world, second)
    assert ground.world.apps.serves("api") == image("api", "1")
    assert (await ground.versions())["api"] == {V2}


async def test_a_rotation_can_be_taken_back_by_nobody_once_it_is_stable(ground: Ground) -> None:
    """Rolling the release of a rotation back restores what ran, with the version that is enabled."""
    ground.renewed()
    operation = await ground.rotate()
    await ground.run(operation)
    await rolled_back(ground.world, deployment_of(operation))
    assert await ground.versions() == {"api": {V2}, "worker": {V2}, "static": set()}


async def test_a_second_rotation_goes_on_from_the_first(ground: Ground) -> None:
    ground.renewed()
    await ground.run(await ground.rotate())
    ground.renewed(V3, V2, V1)
    await ground.run(await ground.rotate())
    assert await ground.versions() == {"api": {V3}, "worker": {V3}, "static": set()}
    assert [one.version for one in (await ground.binding()).outgoing] == [V1, V2]


async def test_a_failed_rotation_is_retried_as_a_new_operation(ground: Ground) -> None:
    failed = await ground.rotate()
    await ground.run(failed)
    ground.renewed()
    answer = await People(ground.world).retry(failed)
    assert answer.body["retryOf"] == failed.operation_id
    assert await ground.run(begun(answer)) == "completed"
    assert await ground.versions() == {"api": {V2}, "worker": {V2}, "static": set()}


async def test_waves_that_no_two_releases_agree_on_roll_as_they_were_declared() -> None:
    """Each release was sound; together they depend on each other in a circle, which must not stop a rotation."""
    ground = await settled_ground()
    world = ground.world
    await released(world, component("api", "2", dependsOn=["worker"]))
    await released(world, component("worker", "2", dependsOn=["api"]))
    ground.renewed()
    assert await ground.run(await ground.rotate()) == "completed"
    assert await ground.versions() == {"api": {V2}, "worker": {V2}, "static": set()}
