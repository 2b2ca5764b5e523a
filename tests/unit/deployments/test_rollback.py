"""Rollbacks that a person asks for: a new deployment that restores an earlier snapshot, gated like any other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import NoStableSnapshot, NotFound, OperationInFlight, ValidationFailed
from shared.operations.model import OperationKind
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.health.document import HealthStatus
from shared.runtime.secrets.model import SecretBinding
from shared.store.port import Row
from shared.targets.port import SecretReference
from tests.unit.deployments.driving import released, rolled_back
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.vault import VAULT
from tests.unit.doubles.world import ENVIRONMENT, World, component, deployment_of, image

OLD, NEW = "1" * 32, "2" * 32


async def test_it_restores_what_was_stable_when_the_named_deployment_began(world: World) -> None:
    first = await released(world, component("api", "1"))
    second = await released(world, component("api", "2"))
    back = await rolled_back(world, second, reason="slow")
    deployment = await world.deployment(back)
    assert (deployment.status, deployment.rollback_of, deployment.rollback_to) == (
        DeploymentStatus.COMPLETED,
        second,
        first,
    )
    assert deployment.reason == "slow"
    assert (await world.deployment(second)).status is DeploymentStatus.COMPLETED
    assert world.apps.running("api") == [image("api", "1")]
    assert (await world.environment()).stable_deployment_id == back
    assert (await world.inventory())["api"].image == image("api", "1")


async def test_it_goes_through_the_same_phases_and_gate(world: World) -> None:
    await released(world, component("api", "1"))
    back = await rolled_back(world, await released(world, component("api", "2")))
    assert [phase for phase, _ in await world.history(back)] == [
        "Requested",
        "Provisioning",
        "Configuring",
        "RollingOut",
        "HealthGating",
        "Promoting",
        "Completed",
    ]


async def test_it_can_name_the_deployment_to_go_back_to(world: World) -> None:
    first = await released(world, component("api", "1"))
    await released(world, component("api", "2"))
    third = await released(world, component("api", "3"))
    await rolled_back(world, third, toDeploymentId=first)
    assert world.apps.running("api") == [image("api", "1")]


async def test_what_came_later_is_taken_away_and_what_went_is_back(world: World) -> None:
    first = await released(world, component("api", "1"))
    second = await released(world, component("web", "1"))
    await rolled_back(world, second)
    await world.hear_of_it()
    assert set(await world.inventory()) == {"api"}
    assert "web" not in world.apps.services
    third = await released(world, component("api", "2"))
    await rolled_back(world, third, toDeploymentId=second)
    await world.hear_of_it()
    assert set(await world.inventory()) == {"api", "web"}
    assert world.apps.running("web") == [image("web", "1")]
    assert world.apps.running("api") == [image("api", "1")]
    assert first != second


async def test_what_is_taken_away_serves_until_the_gate_has_passed(world: World) -> None:
    await released(world, component("api", "1"))
    second = await released(world, component("api", "2"), component("web", "1"))
    world.apps.effects.clear()
    await rolled_back(world, second)
    assert [method for method, _, _ in world.apps.effects] == ["apply", "promote", "remove"]


async def test_a_rollback_to_what_runs_already_completes_without_a_wave(world: World) -> None:
    first = await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    failed = await released(world, component("api", "2"))
    world.apps.effects.clear()
    back = await rolled_back(world, failed)
    assert (await world.deployment(back)).rollback_to == first
    assert [phase for phase, _ in await world.history(back)][-3:] == ["Configuring", "Promoting", "Completed"]
    assert world.apps.effects == []
    assert set(await world.inventory()) == {"api"}


async def test_with_nothing_stable_before_it_there_is_nothing_to_go_back_to(world: World) -> None:
    first = await released(world, component("api", "1"))
    with pytest.raises(NoStableSnapshot):
        await world.roll_back(first)
    assert (await world.slot()).operation_id is None


async def test_an_unknown_deployment_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await world.roll_back("dep-" + ENVIRONMENT.removeprefix("env-") + "0" * 16)


async def test_a_deployment_that_never_was_promoted_is_nothing_to_go_back_to(world: World) -> None:
    await released(world, component("api", "1"))
    world.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    failed = await released(world, component("api", "2"))
    third = await released(world, component("api", "3"))
    with pytest.raises(ValidationFailed) as caught:
        await world.roll_back(third, toDeploymentId=failed)
    assert list(caught.value.errors) == ["toDeploymentId"]


async def test_while_another_operation_holds_the_slot_it_has_to_wait(world: World) -> None:
    first = await released(world, component("api", "1"))
    operation = await world.deploy(component("api", "2"))
    with pytest.raises(OperationInFlight) as caught:
        await world.roll_back(first)
    assert caught.value.operation_id == operation.operation_id


async def test_its_answer_and_its_operation_name_what_it_undoes(world: World) -> None:
    await released(world, component("api", "1"))
    second = await released(world, component("api", "2"))
    operation = await world.roll_back(second)
    assert operation.kind is OperationKind.ROLLBACK
    requested = (await world.events(EventType.DEPLOYMENT_REQUESTED))[-1]
    assert requested.payload["rollbackOf"] == second


async def test_a_rollback_that_fails_its_gate_fails_is_held_and_is_never_rolled_back_itself(world: World) -> None:
    await released(world, component("api", "1"))
    second = await released(world, component("api", "2"))
    world.prober.says[image("api", "1")] = HealthStatus.UNHEALTHY
    operation = await world.roll_back(second)
    assert await Engine(world).run(operation) == "failed"
    deployment = await world.deployment(deployment_of(operation))
    environment = await world.environment()
    assert deployment.error is not None
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.FAILED, "GateFailed")
    assert "RollingBack" not in [phase for phase, _ in await world.history(deployment.deployment_id)]
    assert environment.hold is not None
    assert environment.stable_deployment_id == second
    assert world.apps.serves("api") == image("api", "2")
    assert await world.events(EventType.DEPLOYMENT_ROLLED_BACK) == []


# What a rollback restores, and what it leaves.


async def bound_release(world: World, tag: str) -> tuple[str, str]:
    """A release of `api` with a configuration that refers to a secret; (deployment, binding)."""
    binding = await world.bind({"name": "db", "secretName": "db-password"})
    configuration = await world.publish({"DB": {"secretRef": f"{binding}/db"}, "MODE": f"mode-{tag}"})
    return await released(world, component("api", tag), configurationId=configuration), binding


def variables(world: World, tag: str) -> dict[str, str | SecretReference]:
    running = world.apps.services["api"].revisions.values()
    return next(dict(one.workload.env) for one in running if one.running and one.workload.image == image("api", tag))


async def rotate(world: World, binding_id: str, version: str) -> None:
    """What a rotation leaves: the binding at another version."""
    binding = await world.read(SecretBinding, binding_id)
    secrets = [secret.model_copy(update={"version": version}) for secret in binding.secrets]
    await world.put(binding_id, binding.model_copy(update={"secrets": secrets}))


@pytest.mark.parametrize("automatic", [True, False])
async def test_configuration_comes_back_and_secrets_stay_at_the_version_of_their_binding(
    world: World, automatic: bool
) -> None:
    world.vault.holds("db-password", OLD)
    _, binding = await bound_release(world, "1")
    await rotate(world, binding, NEW)
    other = await world.publish({"MODE": "mode-2"})
    if automatic:
        world.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
        await released(world, component("api", "2"), configurationId=other)
    else:
        await rolled_back(world, await released(world, component("api", "2"), configurationId=other))
    reference = SecretReference(vault_uri=VAULT, secret_name="db-password", version=NEW)
    assert variables(world, "1") == {"DB": reference, "MODE": "mode-1"}


async def test_another_binding_of_the_same_secret_says_nothing_about_this_ones_version(world: World) -> None:
    world.vault.holds("db-password", NEW, OLD)
    first = await world.bind({"name": "db", "secretName": "db-password", "version": OLD}, own="7" * 16)
    for own in ("0" * 16, "f" * 16):
        await world.bind({"name": "db", "secretName": "db-password"}, own=own)
    configuration = await world.publish({"DB": {"secretRef": f"{first}/db"}})
    await released(world, component("api", "1"), configurationId=configuration)
    await rolled_back(world, await released(world, component("api", "2")))
    assert variables(world, "1")["DB"] == SecretReference(vault_uri=VAULT, secret_name="db-password", version=OLD)


async def test_what_restored_services_refer_to_is_read_once_for_all_of_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.vault.holds("db-password", OLD)
    binding = await world.bind({"name": "db", "secretName": "db-password"})
    configuration = await world.publish({"DB": {"secretRef": f"{binding}/db"}})
    names = [f"api-{number}" for number in range(5)]
    deployment = await released(world, *[component(name) for name in names], configurationId=configuration)
    snapshot = await world.catalog.snapshot(world.place, deployment)
    assert snapshot is not None
    await rotate(world, binding, NEW)
    gather, asked = world.store.gather, list[str]()

    async def noting(partition: str, keys: Sequence[str]) -> dict[str, Row]:
        asked.extend(keys)
        return await gather(partition, keys)

    monkeypatch.setattr(world.store, "gather", noting)
    current = await world.preparing.all_current(world.place, snapshot.services)
    reference = SecretReference(vault_uri=VAULT, secret_name="db-password", version=NEW)
    assert {name: placed.workload.env["DB"] for name, placed in current.items()} == dict.fromkeys(names, reference)
    assert sorted(asked) == sorted([configuration, binding])


@pytest.mark.parametrize("automatic", [True, False])
async def test_a_scaling_policy_that_others_set_since_stays(world: World, automatic: bool) -> None:
    await released(world, component("api", "1"))
    await world.scale("api", minReplicas=3, maxReplicas=9)
    if automatic:
        world.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
        await released(world, component("api", "2"))
    else:
        await rolled_back(world, await released(world, component("api", "2")))
    applied = [one.workload for one in world.apps.services["api"].revisions.values() if one.running]
    assert [workload.image for workload in applied] == [image("api", "1")]
    policies = await world.policies.of(world.place)
    assert [policy.requested.max_replicas for policy in policies] == [9]
    planned = await world.preparing.current(world.place, (await world.inventory())["api"].placed)
    assert planned.workload.scaling is not None
    assert planned.workload.scaling.max_replicas == 9
