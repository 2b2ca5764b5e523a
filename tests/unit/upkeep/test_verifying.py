"""Whether targets keep the policies they took: told when they do not, brought back once, and never fought over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import Refused, Transient
from shared.operations.model import Operation, OperationStatus
from shared.runtime.drift.model import Decision, Finding, FindingKind, FindingStatus, Owner, Severity
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.scaling.enforcement import COOLDOWN
from shared.runtime.scaling.model import Enforcement
from shared.runtime.upkeep.verifying import Verifying, verify_environment, verify_shard
from shared.store import keys
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.world import SHARDS, World, begun, component


@pytest.fixture
async def scaled(world: World) -> str:
    await Engine(world).run(await world.deploy(component("api")))
    ident = str((await world.scale("api")).body["scalingPolicyId"])
    await enforce(world, ident)
    return ident


async def enforce(world: World, ident: str) -> None:
    await Engine(world).run(await world.enforcing.begin(await world.admitted(), await world.policy(ident)))


def verifying(world: World) -> Verifying:
    return Verifying(world.isolation, world.policies, world.journal, world.targets)


async def verify(world: World) -> None:
    await verify_environment(verifying(world), world.place)


def tamper(world: World, **bounds: Any) -> None:
    """Somebody gives the target's autoscaler other bounds or another measure, or takes it away."""
    service = world.apps.services["api"]
    assert service.scaled is not None
    scaling = service.scaled.scaling.model_copy(update=bounds) if bounds and service.scaled.scaling else None
    service.scaled = service.scaled.model_copy(update={"scaling": scaling})


async def test_what_is_kept_is_left_alone_and_nothing_is_written(world: World, scaled: str) -> None:
    before = await world.store.list(world.partition, "", limit=1000)
    await verify(world)
    assert await world.store.list(world.partition, "", limit=1000) == before
    assert world.apps.of("scale") == ["api"]


@pytest.mark.parametrize(
    "bounds", [{"max_replicas": 50}, {"min_replicas": 1}, {"metric": "memory"}, {"target_utilization_percent": 95}, {}]
)
async def test_what_a_target_lost_is_pending_and_brought_back_after_its_cooldown(
    world: World, scaled: str, bounds: dict[str, Any]
) -> None:
    tamper(world, **bounds)
    await verify(world)
    policy = await world.policy(scaled)
    assert policy.enforcement is Enforcement.PENDING
    assert [one.scaling_policy_id for one in await world.enforcing.waiting(await world.admitted())] == [scaled]
    assert not world.enforcing.is_due(policy)
    world.clock.advance(COOLDOWN.total_seconds())
    assert world.enforcing.is_due(policy)
    await enforce(world, scaled)
    await verify(world)
    assert (await world.policy(scaled)).enforcement is Enforcement.ENFORCED
    assert [entry.kind for entry in await world.entries()].count("scaling-policy.lost") == 1


async def test_bringing_the_same_bounds_back_is_no_news(world: World, scaled: str) -> None:
    tamper(world)
    await verify(world)
    await enforce(world, scaled)
    assert len(await world.events(EventType.SCALING_POLICY_APPLIED)) == 1


async def test_other_bounds_that_a_person_wants_wait_for_no_cooldown(world: World, scaled: str) -> None:
    tamper(world)
    await verify(world)
    await world.scale("api", maxReplicas=9)
    assert world.enforcing.is_due(await world.policy(scaled))


async def test_it_is_found_on_the_sweeps_list_and_listed_for_upkeep(world: World, scaled: str) -> None:
    tamper(world)
    [row] = await world.store.list(world.partition, "op-", limit=1)
    operation = Operation.read(row.document)
    await world.index.announce(await world.environment(), operation)
    for shard in range(SHARDS):
        await verify_shard(verifying(world), shard)
    assert (await world.policy(scaled)).enforcement is Enforcement.PENDING
    listed = [row.key for shard in range(SHARDS) for row in await world.active.shard(shard)]
    assert world.partition in listed


@pytest.mark.parametrize("failure", [Transient("arm"), Refused("arm", "Forbidden")], ids=repr)
async def test_a_target_that_cannot_be_asked_has_lost_nothing(world: World, scaled: str, failure: Exception) -> None:
    tamper(world)
    world.apps.fail("observe", "", failure)
    await verify(world)
    assert (await world.policy(scaled)).enforcement is Enforcement.ENFORCED


async def test_a_service_that_is_gone_has_lost_nothing(world: World, scaled: str) -> None:
    del world.apps.services["api"]
    await verify(world)
    assert (await world.policy(scaled)).enforcement is Enforcement.ENFORCED


async def test_nothing_is_said_while_an_operation_may_be_changing_it(world: World, scaled: str) -> None:
    tamper(world)
    await world.deploy(component("api", "2"))
    await verify(world)
    assert (await world.policy(scaled)).enforcement is Enforcement.ENFORCED


@pytest.mark.parametrize("status", [status for status in EnvironmentStatus if status != "Provisioned"])
async def test_only_what_is_provisioned_is_verified(world: World, scaled: str, status: EnvironmentStatus) -> None:
    tamper(world)
    await world.put(keys.ENVIRONMENT, (await world.environment()).model_copy(update={"status": status}))
    await verify(world)
    assert (await world.policy(scaled)).enforcement is Enforcement.ENFORCED


async def test_a_mismatch_that_a_person_accepted_is_left_to_them(world: World, scaled: str) -> None:
    tamper(world)
    ident = f"drift-{world.environment_id.removeprefix('env-')}{'1' * 16}"
    finding = Finding(
        finding_id=ident,
        environment_id=(await world.environment()).environment_id,
        detected_at=world.clock(),
        kind=FindingKind.SCALING_POLICY_MISMATCH,
        severity=Severity.MEDIUM,
        service_id="api",
        desired="2 to 5",
        actual="no autoscaler",
        status=FindingStatus.ACCEPTED_UNTIL,
        owner=Owner.SCALING_POLICY,
        first_seen_at=world.clock(),
        last_seen_at=world.clock(),
        occurrences=1,
        decision=Decision(by="olga", at=world.clock(), until=world.clock(), reason="load test"),
    )
    await world.put(ident, finding)
    await verify(world)
    assert (await world.policy(scaled)).enforcement is Enforcement.ENFORCED
    await world.put(ident, finding.model_copy(update={"status": FindingStatus.OPEN}))
    await verify(world)
    assert (await world.policy(scaled)).enforcement is Enforcement.PENDING


async def test_an_autoscaler_behind_a_pause_is_taken_away_again(world: World, scaled: str) -> None:
    await Engine(world).run(begun(await world.pause(scaled)))
    await verify(world)
    assert (await world.policy(scaled)).enforcement is Enforcement.ENFORCED
    service = world.apps.services["api"]
    assert service.scaled is not None
    service.scaled = service.scaled.model_copy(update={"scaling": (await world.policy(scaled)).requested})
    await verify(world)
    assert (await world.policy(scaled)).enforcement is Enforcement.PENDING
    operation = await world.enforcing.begin(await world.admitted(), await world.policy(scaled))
    await Engine(world).run(operation)
    assert service.scaled.scaling is None
    assert (await world.operation(operation.operation_id)).status is OperationStatus.SUCCEEDED


async def test_a_policy_that_is_replaced_while_it_is_verified_is_not_touched(world: World, scaled: str) -> None:
    tamper(world)
    deps = replace(verifying(world), policies=_Racing(world, scaled))
    await verify_environment(deps, world.place)
    policy = await world.policy(scaled)
    assert (policy.version, policy.requested.max_replicas) == (2, 9)
    assert "scaling-policy.lost" not in [entry.kind for entry in await world.entries()]


class _Racing:
    """Tells the policies as they were just before somebody replaced one."""

    def __init__(self, world: World, ident: str) -> None:
        self.world, self.ident = world, ident

    async def of(self, place: Any) -> list[Any]:
        found = await self.world.policies.of(place)
        await self.world.scale("api", maxReplicas=9)
        return found
