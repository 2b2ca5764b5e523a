"""Asking for an environment: what is committed, and who gets a name."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import combinations, product

import pytest

from shared.access.caller import Caller
from shared.kernel.errors import ConcurrentChange, EnvironmentNotReady, NameTaken, NotFound
from shared.kernel.ids import environment_id
from shared.operations.model import OperationStatus
from shared.operations.runs import rerun
from shared.runtime.environments.found import page
from shared.runtime.environments.index import CAME_WITHIN, LISTED, ListedEnvironment
from shared.runtime.environments.model import Environment, EnvironmentStatus, ProvisionRequest
from shared.runtime.environments.transitions import TRANSITIONS, Transition
from shared.store import keys
from shared.store.limits import is_key
from shared.store.port import Conflict, Put, Replace
from tests.unit.operations.world import SEED, SHARDS, TENANT, World, operation_of, place_of, run_of

Status = EnvironmentStatus
REQUEST = ProvisionRequest.read(SEED)
EXPECTED = {
    (Transition.PROVISION, None, Status.PROVISIONING),
    (Transition.COMPLETE, Status.PROVISIONING, Status.PROVISIONED),
    (Transition.COMPLETE, Status.DECOMMISSIONING, Status.DECOMMISSIONED),
    (Transition.FAIL, Status.PROVISIONING, Status.FAILED),
    (Transition.FAIL, Status.DECOMMISSIONING, Status.FAILED),
    (Transition.RETRY, Status.FAILED, Status.PROVISIONING),
    (Transition.RETRY, Status.FAILED, Status.DECOMMISSIONING),
    (Transition.DECOMMISSION, Status.PROVISIONED, Status.DECOMMISSIONING),
    (Transition.DECOMMISSION, Status.FAILED, Status.DECOMMISSIONING),
}


@pytest.mark.parametrize(("transition", "current", "target"), list(product(Transition, [None, *Status], Status)))
def test_every_transition_of_the_full_product(transition: Transition, current: Status | None, target: Status) -> None:
    assert TRANSITIONS.allows(transition, current, target) == ((transition, current, target) in EXPECTED)


async def listed(world: World, tenant: str = TENANT) -> list[Environment]:
    rows = await world.store.list(keys.tenant_partition(tenant), keys.list_prefix(LISTED), limit=100)
    return [ListedEnvironment.read(row.document).environment for row in rows]


async def test_a_request_commits_environment_binding_operation_and_slot_and_lists_them(world: World) -> None:
    operation = await world.provision()
    rows = world.store.partition(place_of(operation).partition)
    assert {"env", "binding", "slot", operation.operation_id} <= set(rows)
    environment = await world.environment(operation)
    assert environment.status is Status.PROVISIONING
    assert environment.pulumi_stack_ref == "booking-dev-weu"
    assert environment.placement.resource_group == f"rg-{environment.environment_id}"
    assert rows["binding"].document["status"] == "Pending"
    assert rows["slot"].document["operationId"] == operation.operation_id
    assert operation.status is OperationStatus.NOT_STARTED
    assert operation.must_settle_by == world.time.now + timedelta(minutes=45)
    assert operation.request == REQUEST.document()
    assert await listed(world) == [environment]
    shards = [name for name in world.store.everything if name.startswith("~")]
    assert sorted(name.partition("|")[0] for name in shards) == ["~active", "~all"]


async def test_the_answer_is_the_seeds_four_fields(world: World) -> None:
    answer = await world.environments.provision(world.intent(REQUEST), REQUEST)
    assert set(answer.body) == {"environmentId", "status", "traceId", "pulumiStackRef"}
    assert answer.body["status"] == "Provisioning"
    assert answer.status == 202
    assert answer.location == f"/environments/{answer.body['environmentId']}"


async def test_a_taken_name_is_refused_and_nothing_is_made(world: World) -> None:
    await world.provision()
    before = world.store.everything
    with pytest.raises(NameTaken):
        await world.provision()
    assert world.store.everything == before


async def test_a_name_is_taken_per_tenant(world: World) -> None:
    await world.provision()
    await world.provision(tenantId="other")
    assert len(await listed(world)) == len(await listed(world, "other")) == 1


async def test_racers_for_a_name_make_one_environment(world: World) -> None:
    async def one() -> str:
        intent = world.intent(REQUEST)
        answer = await rerun(lambda: world.environments.provision(intent, REQUEST))
        return str(answer.body["environmentId"])

    made = await asyncio.gather(*[one() for _ in range(10)], return_exceptions=True)
    assert sum(isinstance(answer, str) for answer in made) == 1
    assert {type(answer) for answer in made} == {str, NameTaken}
    assert len(await listed(world)) == 1


async def test_a_name_whose_environment_never_came_can_be_taken_over(world: World) -> None:
    async def dies() -> None:
        raise asyncio.CancelledError

    async def lives() -> None: ...

    world.store.interludes = [lives, lives, lives, dies]  # name and list, shard, active, then the commit itself
    with pytest.raises(asyncio.CancelledError):
        await world.provision()
    assert world.store.interludes == []
    with pytest.raises(NameTaken):
        await world.provision()
    world.time.now += CAME_WITHIN + timedelta(seconds=1)
    operation = await world.provision()
    assert (await world.environment(operation)).name == REQUEST.name


async def test_a_name_is_free_after_its_environment_was_decommissioned(world: World) -> None:
    operation = await world.provision()
    row = await world.store.get(place_of(operation).partition, keys.ENVIRONMENT)
    assert row is not None
    for status in Status:
        row = await world.store.get(place_of(operation).partition, keys.ENVIRONMENT)
        assert row is not None
        write = Replace(row.key, {**row.document, "status": status.value}, row.version)
        await world.store.commit(place_of(operation).partition, world.draw(), [write])
        if status is not Status.DECOMMISSIONED:
            with pytest.raises(NameTaken):
                await world.provision()
    assert (await world.provision()).environment_id != operation.environment_id


async def test_racers_with_one_key_list_their_environment_and_its_operation_once(world: World) -> None:
    async def one() -> None:
        world.time.passes(seconds=1)  # each has an instant of its own
        intent = world.intent(REQUEST, own="c" * 16, key=True)
        try:
            await rerun(lambda: world.environments.provision(intent, REQUEST))
        except (Conflict, ConcurrentChange):  # the pipeline answers it with the winner's answer
            return

    await asyncio.gather(*[one() for _ in range(20)])
    (environment,) = await listed(world)
    assert environment.environment_id == f"env-{'c' * 16}"
    caller = Caller(TENANT, "ada", "c", frozenset({"runtime.environments.read"}), "trace-1")
    assert len((await world.operations.of_tenant(caller, None, 50, "")).operations) == 1


async def test_who_finds_the_name_claimed_by_his_racer_begins_anew_with_the_racers_instant(world: World) -> None:
    operation = await world.provision()
    later = (await world.environment(operation)).model_copy(update={"created_at": world.time.now + timedelta(seconds=1)})
    with pytest.raises(Conflict):
        await world.index.announce(later, operation)
    assert len(await listed(world)) == 1


async def test_a_request_that_died_half_way_and_is_repeated_is_listed_once_and_has_all_its_time(world: World) -> None:
    async def dies() -> None:
        raise asyncio.CancelledError

    async def lives() -> None: ...

    intent = world.intent(REQUEST, own="c" * 16, key=True)
    world.store.interludes = [lives, dies]
    with pytest.raises(asyncio.CancelledError):
        await world.environments.provision(intent, REQUEST)
    world.time.passes(hours=1)
    world.store.interludes = [lives, lives, lives, dies]
    with pytest.raises(asyncio.CancelledError):
        await world.environments.provision(intent, REQUEST)
    with pytest.raises(NameTaken):  # who comes for a name again has time again: nobody takes it from under his commit
        await world.provision()
    operation = operation_of(await world.environments.provision(intent, REQUEST))
    assert operation.must_settle_by == world.time.now + timedelta(minutes=45)
    assert len(await listed(world)) == 1
    with pytest.raises(NameTaken):
        await world.provision()


async def test_the_list_row_follows_the_environment_and_keeps_its_summary(world: World) -> None:
    environment = await world.provisioned()
    await world.index.summarise(environment, {"services": 7})
    await world.index.project(environment.model_copy(update={"stable_release_ref": "release-1"}))
    (row,) = await world.store.list(keys.tenant_partition(TENANT), keys.list_prefix(LISTED), limit=10)
    shown = ListedEnvironment.read(row.document)
    assert (shown.summary.services, shown.summary.stable_release_ref) == (7, "release-1")


async def test_an_environment_leaves_the_sweeps_list_though_its_row_was_written_meanwhile(world: World) -> None:
    environment = await world.provisioned()
    key = keys.partition_of(TENANT, environment.environment_id)
    shard = keys.all_shard(keys.shard_of(key, SHARDS))

    async def overtakes() -> None:
        await world.store.commit(shard, world.draw(), [Put(key, {})])

    world.store.interludes = [overtakes]
    await world.index.unlist(environment)
    assert world.store.partition(shard) == {}


async def test_only_the_tenants_own_ids_are_admitted(world: World) -> None:
    environment = await world.provisioned()
    own = environment.environment_id.removeprefix("env-")
    assert (await world.isolation.admit(TENANT, environment.environment_id)).environment == environment
    assert (await world.isolation.admit(TENANT, f"dep-{own}{own}")).environment == environment
    for tenant, ident in [
        ("other", environment.environment_id),
        ("", environment.environment_id),
        (TENANT.upper(), environment.environment_id),
        (TENANT, "env-0000000000000000"),
        (TENANT, f"{environment.environment_id}0"),
        (TENANT, environment.environment_id.upper()),
        (TENANT, ""),
        (TENANT, "x"),
    ]:
        with pytest.raises(NotFound):
            await world.isolation.admit(tenant, ident)


async def test_only_an_active_binding_lets_a_worker_in(world: World) -> None:
    operation = await world.provision()
    with pytest.raises(EnvironmentNotReady):
        await world.isolation.require(TENANT, operation.environment_id)
    admitted = await world.isolation.admit(TENANT, operation.environment_id)
    with pytest.raises(EnvironmentNotReady):
        admitted.require_provisioned()
    environment = await world.provisioned(name="another")
    (await world.isolation.require(TENANT, environment.environment_id)).require_provisioned()


async def test_only_an_environments_own_id_lists_what_is_inside(world: World) -> None:
    environment = await world.provisioned()
    own = environment.environment_id.removeprefix("env-")
    caller = Caller(TENANT, "ada", "c", frozenset(), "trace-1")
    found, after = await page(world.store, caller, Environment, "dep", environment.environment_id, limit=10, after="")
    assert (found, after) == ([], None)
    for ident in (f"dep-{own}{own}", "env-0000000000000000", "x"):
        with pytest.raises(NotFound):
            await page(world.store, caller, Environment, "dep", ident, limit=10, after="")


AWKWARD = ["a", "a|b", "a/b", "a%7Cb", "A", "a ", "a\\b", "a#b", "a?b", "ä", "K", "\u212a", "a~7c;b", "a~", "😀", "~"]
LONG = ["|" * 128, "|" * 127 + "/", "~h" + "0" * 64 + ";", "ü" * 128, "x" * 128, "x" * 127 + "|", "|1", "\u07c1", "~7c1"]
ENVIRONMENTS = [environment_id(""), environment_id("0" * 16), environment_id("0" * 15 + "1"), environment_id("f" * 16)]


def test_no_tenant_can_spell_anothers_partition() -> None:
    pairs = list(product(AWKWARD, ENVIRONMENTS))
    assert len(pairs) == 64
    partitions = {keys.partition_of(*pair) for pair in pairs}
    assert len(partitions) == 64


def test_every_partition_is_a_key_however_long_and_odd_the_tenant_is() -> None:
    for tenant in AWKWARD + LONG:
        for partition in (keys.partition_of(tenant, environment_id("0" * 16)), keys.tenant_partition(tenant)):
            assert is_key(partition), partition
            assert not set(partition) & set("/\\#?%")
    every = [keys.tenant_partition(tenant) for tenant in AWKWARD + LONG]
    assert all(one != other for one, other in combinations(every, 2))


def test_no_tenant_can_spell_a_sweeps_list_or_its_own_index_as_an_environment() -> None:
    shards = {keys.all_shard(0), keys.active_shard(0)}
    for tenant in [*AWKWARD, *LONG, "~all", "~active", "all", "~all|00"]:
        assert keys.tenant_partition(tenant) not in shards
        assert keys.partition_of(tenant, environment_id("0" * 16)) not in shards
        assert keys.partition_of(tenant, environment_id("0" * 16)) != keys.tenant_partition(tenant)


async def test_the_operation_of_a_ready_environment_has_ended(world: World) -> None:
    operation = await world.provision()
    await world.runs.claim(run_of(operation), "")
    assert (await world.stored(operation)).status is OperationStatus.RUNNING
