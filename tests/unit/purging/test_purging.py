"""What is kept goes when its time is over, and not before; a tick's work is bounded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.events.active import Listed
from shared.kernel.ids import EnvironmentId
from shared.operations.intent import Remembered
from shared.runtime.drift.model import Finding, FindingStatus
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.health.model import EnvironmentHealth
from shared.runtime.purging.ages import Ages
from shared.runtime.purging.sweep import ENVIRONMENTS, ROWS, Deps, purge_shard
from shared.store import keys
from shared.store.port import Put
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.world import SHARDS, TENANT, World, component, deployment_of

DAY = timedelta(days=1)
FINDING = f"drift-{'0' * 14}aa{'0' * 16}"


def deps(world: World) -> Deps:
    return Deps(world.store, world.index, world.clock, world.draw, Ages())


async def tick(world: World, *, later: timedelta = timedelta(), times: int = 1) -> None:
    """Every shard's turn, `times`, none of which rests."""
    world.clock.advance(later.total_seconds())
    for _ in range(times):
        for shard in range(SHARDS):
            await purge_shard(deps(world), shard)
        world.clock.advance(3700)


async def listed(world: World, *, gone: bool = False) -> None:
    shard = keys.shard_of(world.partition, SHARDS)
    row = Listed(tenant_id=TENANT, environment_id=world.environment_id, project_id="orders")
    partition = keys.gone_shard(shard) if gone else keys.all_shard(shard)
    await world.store.commit(partition, world.draw(), [Put(world.partition, row.document())])


async def there(world: World, prefix: str) -> list[str]:
    return [row.key for row in await world.store.list(world.partition, prefix, limit=5000)]


def finding(world: World, status: FindingStatus) -> Finding:
    seen = {"detected_at": world.clock(), "first_seen_at": world.clock(), "last_seen_at": world.clock()}
    told = {"kind": "MissingService", "desired": "1", "actual": "absent", "severity": "Critical", "owner": "deployment"}
    return Finding.model_validate(
        {"finding_id": FINDING, "environment_id": world.environment_id, "status": status, "occurrences": 1, **seen, **told}
    )


@pytest.mark.parametrize(
    ("key", "made", "age"),
    [
        ("idem-1", lambda world: Remembered(request_hash="0", status=201, body={}, answered_at=world.clock()), DAY),
        (keys.HEALTH, lambda world: EnvironmentHealth(started_at=world.clock(), completed_at=world.clock()), 30 * DAY),
        (FINDING, lambda world: finding(world, FindingStatus.RESOLVED), 90 * DAY),
    ],
    ids=["an answer", "health", "a resolved finding"],
)
async def test_it_goes_when_its_time_is_over_and_not_before(world: World, key: str, made, age: timedelta) -> None:
    await listed(world)
    await world.put(key, made(world))
    await tick(world, later=age - timedelta(minutes=5))
    assert await there(world, key) == [key]
    await tick(world, times=3)
    assert await there(world, key) == []


async def test_an_answer_without_a_time_is_older_than_any_other(world: World) -> None:
    await listed(world)
    await world.put("idem-1", Remembered(request_hash="0", status=201, body={}))
    await tick(world)
    assert await there(world, "idem-") == []


async def test_attempts_that_reached_no_environment_go_after_a_year_a_budget_at_a_time(world: World) -> None:
    await listed(world)
    tenant = keys.tenant_partition(TENANT)

    async def attempts() -> int:
        return len(await world.store.list(tenant, "log-", limit=5000))

    for start in range(0, ROWS + 10, 50):
        puts = [Put(keys.log(world.clock(), f"{number:032x}"), {}) for number in range(start, min(start + 50, ROWS + 10))]
        await world.store.commit(tenant, world.draw(), puts)
    before = {row.key for row in await world.store.list(tenant, "", limit=5000) if not row.key.startswith("log-")}
    await tick(world, later=364 * DAY, times=2)
    assert await attempts() == ROWS + 10
    await tick(world, later=2 * DAY)
    assert await attempts() == 10, "no tick does more than its share"
    await tick(world, times=2)
    assert await attempts() == 0
    assert {row.key for row in await world.store.list(tenant, "", limit=5000)} >= before - {"n-op-"}


async def test_a_finding_that_is_not_resolved_stays(world: World) -> None:
    await listed(world)
    await world.put(FINDING, finding(world, FindingStatus.ACKNOWLEDGED))
    await tick(world, later=1000 * DAY, times=3)
    assert await there(world, "drift-") == [FINDING]


async def released(world: World, tag: str) -> str:
    operation = await world.deploy(component("api", tag))
    await Engine(world).run(operation)
    return deployment_of(operation)


async def test_history_goes_after_a_year_but_what_is_stable_and_what_was_before_it_stay(world: World) -> None:
    await listed(world)
    first, second, third = [await released(world, tag) for tag in ("1", "2", "3")]
    assert set(await there(world, "snap-")) == {f"snap-{one}" for one in (first, second, third)}
    for row in await world.store.list(world.partition, "out-", limit=100):
        await world.delete(row.key)
    await tick(world, later=364 * DAY, times=3)
    assert f"snap-{first}" in await there(world, "snap-")
    await tick(world, later=2 * DAY, times=6)
    assert set(await there(world, "snap-")) == {f"snap-{one}" for one in (second, third)}
    assert {key.partition("~")[0] for key in await there(world, "dep-")} == {second, third}
    assert not any(first in key for key in await there(world, "plan-"))
    assert await there(world, "log-") == await there(world, "op-") == await there(world, "n-op-") == []
    tenants = await world.store.list(keys.tenant_partition(TENANT), "n-op-", limit=100)
    assert tenants == []
    assert (await world.environment()).stable_deployment_id == third
    assert world.apps.serves("api") is not None


async def test_an_event_that_was_never_sent_keeps_its_entry(world: World) -> None:
    await listed(world)
    await released(world, "1")
    pointed = {row.document["logKey"] for row in await world.store.list(world.partition, "out-", limit=100)}
    await tick(world, later=400 * DAY, times=4)
    assert set(await there(world, "log-")) == pointed


async def test_a_decommissioned_environment_goes_whole_with_what_points_at_it(world: World) -> None:
    await released(world, "1")
    gone = (await world.environment()).model_copy(
        update={"status": EnvironmentStatus.DECOMMISSIONED, "decommissioned_at": world.clock()}
    )
    await world.put(keys.ENVIRONMENT, gone)
    await world.index.unlist(gone)
    shard = keys.gone_shard(keys.shard_of(world.partition, SHARDS))
    assert len(await world.store.list(shard, "", limit=10)) == 1
    await tick(world, later=364 * DAY, times=4)
    assert keys.ENVIRONMENT in await there(world, "")
    await tick(world, later=2 * DAY, times=6)
    assert await there(world, "") == []
    assert [row.key for row in await world.store.list(keys.tenant_partition(TENANT), "n-", limit=10)] == []
    assert list(await world.store.list(shard, "", limit=10)) == []


async def test_a_tick_does_no_more_than_its_share_and_the_next_goes_on(world: World) -> None:
    await listed(world)
    for number in range(3 * ROWS):
        await world.put(f"idem-{number:04d}", Remembered(request_hash="0", status=201, body={}))
    for left in (2 * ROWS, ROWS, 0):
        for shard in range(SHARDS):
            await purge_shard(deps(world), shard)
        assert len(await there(world, "idem-")) == left


async def test_the_turn_moves_on_a_few_environments_at_a_time_and_two_workers_share_it(world: World) -> None:
    shard = keys.all_shard(0)
    for number in range(3 * ENVIRONMENTS):
        row = Listed(tenant_id=TENANT, environment_id=EnvironmentId(f"env-{number:016x}"))
        await world.store.commit(shard, world.draw(), [Put(f"{TENANT}|{number:03d}", row.document())])
    await purge_shard(deps(world), 0)
    turn = await world.store.get(keys.purge_shard(0), keys.TURN)
    assert turn is not None
    assert turn.document["after"] == f"{TENANT}|{ENVIRONMENTS - 1:03d}"
