"""What becomes due by time and by what the vault says, and who begins it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.access.binding import BindingStatus as TenantStatus
from shared.events.active import COMES_WITHIN
from shared.events.envelope import EventType
from shared.kernel.errors import ConcurrentChange, Refused, Transient
from shared.operations.model import OperationStatus
from shared.runtime.environments.model import EnvironmentStatus, Hold
from shared.runtime.health.document import HealthStatus
from shared.runtime.rotation.service import SUBJECT
from shared.runtime.secrets.model import RESTS_FOR
from shared.runtime.secrets.transitions import BindingStatus
from shared.store import keys
from shared.store.port import Replace
from tests.unit.deployments.driving import released
from tests.unit.doubles.people import People
from tests.unit.doubles.vault import FakeVault, FakeVersion
from tests.unit.doubles.world import SHARDS, component, image
from tests.unit.rotation.ground import DAY, QUEUE, ROTATION, V1, V2, V3, Ground, settled_ground

MONTH = 30 * DAY + 60
OVERLAP = 3600.0 + 60


@pytest.fixture
async def monthly() -> Ground:
    """The binding says `everyDays: 30, overlapMinutes: 60`."""
    return await settled_ground(rotation=ROTATION)


async def rows_due(ground: Ground) -> int:
    store = ground.world.store
    return sum([len(await store.list(keys.due_shard(shard), "", limit=100)) for shard in range(SHARDS)])


# By time.


async def test_nothing_is_looked_at_before_it_is_due(monthly: Ground) -> None:
    monthly.renewed()
    asked = len(monthly.world.vault.asked)
    await monthly.tick(later=29 * DAY)
    assert (await monthly.holder(), len(monthly.world.vault.asked)) == (None, asked)


async def test_what_is_due_and_has_a_newer_version_is_rolled(monthly: Ground) -> None:
    monthly.renewed()
    await monthly.tick(later=MONTH)
    ended = await monthly.run_held()
    assert (ended.status, ended.requested_by) == (OperationStatus.SUCCEEDED, SUBJECT)
    assert monthly.hub.started == [ended.instance_id]
    assert await monthly.versions() == {"api": {V2}, "worker": {V2}, "static": set()}


async def test_the_next_rotation_is_due_as_long_after_this_one(monthly: Ground) -> None:
    monthly.renewed()
    await monthly.tick(later=MONTH)
    await monthly.run_held()
    monthly.renewed(V3, V2)
    await monthly.tick(later=29 * DAY)
    assert await monthly.holder() is None
    await monthly.tick(later=2 * DAY)
    assert (await monthly.run_held()).status is OperationStatus.SUCCEEDED
    assert (await monthly.versions())["api"] == {V3}


async def test_what_is_due_without_a_newer_version_is_asked_for_once_and_rolled_when_it_comes(monthly: Ground) -> None:
    await monthly.tick(later=MONTH)
    for _ in range(5):
        await monthly.tick(later=600)
    assert await monthly.holder() is None, "the slot is nobody's while a version is waited for"
    assert len(await monthly.world.events(EventType.SECRET_ROTATION_REQUESTED)) == 1
    monthly.renewed()
    await monthly.tick(later=600)
    assert (await monthly.run_held()).status is OperationStatus.SUCCEEDED
    assert (await monthly.binding()).requested == {}


async def test_all_that_is_due_in_an_environment_is_one_roll(monthly: Ground) -> None:
    world = monthly.world
    world.vault.holds("queue-key", V1)
    queue = await world.bind(QUEUE, service_id="static", rotation=ROTATION)
    configuration = await world.publish({"QUEUE": {"secretRef": f"{queue}/queue"}}, "static")
    await released(world, component("static", "2"), configurationId=configuration)
    monthly.renewed()
    world.vault.holds("queue-key", V2, V1)
    world.apps.effects.clear()
    await monthly.tick(later=MONTH)
    await monthly.run_held()
    assert sorted(world.apps.of("apply")) == ["api", "static", "worker"]
    assert await monthly.versions() == {"api": {V2}, "worker": {V2}, "static": {V2}}
    assert len(monthly.hub.started) == 1


async def test_a_tick_that_meets_itself_begins_one_rotation(monthly: Ground) -> None:
    monthly.renewed()
    monthly.world.clock.advance(MONTH)
    await asyncio.gather(*(monthly.tick() for _ in range(4)))
    assert len(monthly.hub.started) == 1
    assert len(await monthly.world.events(EventType.SECRET_ROTATION_REQUESTED)) == 0


async def test_what_is_due_joins_a_rotation_that_a_person_began(monthly: Ground) -> None:
    world = monthly.world
    world.vault.holds("queue-key", V1)
    queue = await world.bind(QUEUE)
    monthly.world.clock.advance(MONTH)
    operation = await monthly.rotate(queue)
    monthly.renewed()
    await monthly.tick()
    assert (monthly.hub.started, monthly.hub.woken) == ([], [operation.instance_id])
    world.vault.holds("queue-key", V2, V1)
    await monthly.run(operation)
    assert (await monthly.versions())["api"] == {V2}


async def test_a_taken_slot_is_waited_for(monthly: Ground) -> None:
    monthly.renewed()
    monthly.world.clock.advance(MONTH)
    release = await monthly.world.deploy(component("static", "2"))
    await monthly.tick()
    assert monthly.hub.started == []
    await monthly.run(release)
    await monthly.tick(later=120)
    assert len(monthly.hub.started) == 1


async def test_nothing_begins_by_itself_while_the_environment_is_on_hold(monthly: Ground) -> None:
    environment = await monthly.world.environment()
    hold = Hold(since=monthly.world.clock(), deployment_id="dep-1", reason="GateFailed")
    await monthly.world.put(keys.ENVIRONMENT, environment.model_copy(update={"hold": hold}))
    monthly.renewed()
    await monthly.tick(later=MONTH)
    assert monthly.hub.started == []
    await People(monthly.world).release()
    await monthly.tick(later=120)
    assert len(monthly.hub.started) == 1


@pytest.mark.parametrize("status", [TenantStatus.SUSPENDED, TenantStatus.PENDING])
async def test_nothing_begins_by_itself_for_a_tenant_that_is_not_active(monthly: Ground, status: TenantStatus) -> None:
    await monthly.world.bind_tenant(status=status)
    monthly.renewed()
    await monthly.tick(later=MONTH)
    assert monthly.hub.started == []


async def test_a_rotation_that_failed_holds_the_environment_and_is_not_tried_over_and_over(monthly: Ground) -> None:
    monthly.renewed()
    monthly.world.prober.says[image("api", "1")] = HealthStatus.UNHEALTHY
    await monthly.tick(later=MONTH)
    assert (await monthly.run_held()).status is OperationStatus.FAILED
    await People(monthly.world).release()
    await monthly.tick(later=120)
    assert len(monthly.hub.started) == 1
    await monthly.tick(later=RESTS_FOR.total_seconds())
    assert len(monthly.hub.started) == 2


async def test_an_environment_that_is_gone_is_not_looked_at_again(monthly: Ground) -> None:
    gone = (await monthly.world.environment()).model_copy(update={"status": EnvironmentStatus.DECOMMISSIONED})
    await monthly.world.put(keys.ENVIRONMENT, gone)
    await monthly.tick(later=MONTH)
    assert await rows_due(monthly) == 0


async def test_rows_do_not_pile_up(monthly: Ground) -> None:
    for _ in range(10):
        await monthly.tick(later=MONTH)
    assert await rows_due(monthly) == 1


async def test_one_environment_that_cannot_be_looked_after_does_not_hold_up_the_others(monthly: Ground) -> None:
    monthly.world.vault.errors = [Transient("keyVault")]
    monthly.renewed()
    await monthly.tick(later=MONTH)
    assert monthly.hub.started == []
    await monthly.tick(later=1)
    assert len(monthly.hub.started) == 1


# By what the vault says.


async def test_a_version_near_its_expiry_is_replaced_by_a_newer_one_at_once(ground: Ground) -> None:
    ground.renewed()
    await ground.hear()
    assert (await ground.run_held()).status is OperationStatus.SUCCEEDED
    assert await ground.versions() == {"api": {V2}, "worker": {V2}, "static": set()}


async def test_a_version_near_its_expiry_without_a_newer_one_is_asked_for_however_often_it_is_told(ground: Ground) -> None:
    for _ in range(3):
        await ground.hear()
    [event] = await ground.world.events(EventType.SECRET_ROTATION_REQUESTED)
    assert event.causation_id == "vault-event-1"
    ground.renewed()
    await ground.hear(V2, expiring=False)
    assert (await ground.run_held()).status is OperationStatus.SUCCEEDED


async def test_what_was_asked_for_is_looked_for_without_another_word_of_the_vault(ground: Ground) -> None:
    await ground.hear()
    ground.renewed()
    await ground.tick(later=300)
    assert (await ground.run_held()).status is OperationStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("version", "secret", "expiring"),
    [(V2, "db-password", True), (V1, "another", True), (V1, "db-password", False)],
    ids=["another version", "another secret", "a new version that nobody waits for"],
)
async def test_what_concerns_nobody_changes_nothing(ground: Ground, version: str, secret: str, expiring: bool) -> None:
    ground.renewed()
    entries = len(await ground.world.entries())
    await ground.hear(version, secret_name=secret, expiring=expiring)
    assert (ground.hub.started, len(await ground.world.entries())) == ([], entries)


class Raced(FakeVault):
    """While its list is asked for, somebody writes a row as it is, as every scan of drift does with the slot."""

    def __init__(self, ground: Ground, key: str, times: int) -> None:
        super().__init__(listed=ground.world.vault.listed)
        self._world, self._key, self._left = ground.world, key, times

    async def versions(self, vault_uri: str, secret_name: str) -> Sequence[FakeVersion]:
        if self._left:
            self._left -= 1
            partition = (await self._world.admitted_anyhow()).place.partition
            row = await self._world.store.get(partition, self._key)
            assert row is not None
            await self._world.store.commit(partition, f"scan-{self._left}", [Replace(row.key, row.document, row.version)])
        return await super().versions(vault_uri, secret_name)


def race(ground: Ground, key: str, times: int) -> None:
    seeking = replace(ground.world.seeking, vault=Raced(ground, key, times))
    ground.world.rotation_sweep = replace(ground.world.rotation_sweep, seeking=seeking)


async def test_the_word_of_a_vault_is_not_lost_to_a_race_for_the_slot(ground: Ground) -> None:
    """No later look knows of it: nothing is due by time for this binding."""
    ground.renewed()
    race(ground, keys.SLOT, 1)
    await ground.hear()
    assert (await ground.run_held()).status is OperationStatus.SUCCEEDED


async def test_nor_to_one_for_the_binding_that_is_to_be_asked_for(ground: Ground) -> None:
    race(ground, ground.db, 1)
    await ground.hear()
    assert len(await ground.world.events(EventType.SECRET_ROTATION_REQUESTED)) == 1


async def test_a_race_that_is_lost_again_and_again_brings_the_word_back(ground: Ground) -> None:
    ground.renewed()
    race(ground, keys.SLOT, 50)
    with pytest.raises(ConcurrentChange):
        await ground.hear()
    assert ground.hub.started == []


async def test_names_of_secrets_are_compared_without_case(ground: Ground) -> None:
    await ground.hear(secret_name="DB-Password")
    assert len(await ground.world.events(EventType.SECRET_ROTATION_REQUESTED)) == 1


async def test_a_new_version_wakes_the_rotation_that_waits_for_it(ground: Ground) -> None:
    operation = await ground.rotate()
    await ground.hear(V2, expiring=False)
    assert ground.hub.woken == [operation.instance_id]


async def test_the_same_word_after_the_rotation_changes_nothing_more(ground: Ground) -> None:
    ground.renewed()
    await ground.hear()
    await ground.run_held()
    await ground.hear()
    assert len(ground.hub.started) == 1
    assert await ground.world.events(EventType.SECRET_ROTATION_REQUESTED) == []


async def test_in_production_only_what_was_bound_to_be_rotated_rolls_by_itself() -> None:
    undecided = await settled_ground(stage="prod")
    undecided.renewed()
    await undecided.hear()
    assert undecided.hub.started == []
    decided = await settled_ground(stage="prod", rotation=ROTATION)
    decided.renewed()
    await decided.hear()
    assert (await decided.run_held()).status is OperationStatus.SUCCEEDED


# The end of the old version.


async def test_the_old_version_is_disabled_after_the_overlap_and_not_before(monthly: Ground) -> None:
    monthly.renewed()
    await monthly.run(await monthly.rotate())
    [outgoing] = (await monthly.shown())["outgoing"]
    assert (outgoing["secretName"], outgoing["version"]) == ("db-password", V1)
    await monthly.tick(later=3500)
    assert monthly.world.vault.disabled == []
    await monthly.tick(later=200)
    assert monthly.world.vault.disabled == [("db-password", V1)]
    assert (await monthly.binding()).outgoing == []
    await monthly.tick(later=DAY)
    assert len(monthly.world.vault.disabled) == 1


async def test_nothing_is_held_while_the_overlap_lasts(monthly: Ground) -> None:
    monthly.renewed()
    await monthly.run(await monthly.rotate())
    assert (await monthly.world.slot()).operation_id is None
    await released(monthly.world, component("api", "2"))
    await monthly.tick(later=OVERLAP)
    assert monthly.world.vault.disabled == [("db-password", V1)]


async def test_an_overlap_of_nothing_is_over_although_the_look_came_before_the_commit() -> None:
    ground = await settled_ground(rotation={"everyDays": 30, "overlapMinutes": 0})
    ground.renewed()
    operation = await ground.rotate()

    async def look() -> None:
        await ground.world.due.announce(ground.world.place, ground.world.clock())
        await ground.tick(later=1)

    await ground.run(operation, before={"deploy_complete": look})
    assert ground.world.vault.disabled == []
    await ground.tick(later=1)
    assert ground.world.vault.disabled == [("db-password", V1)]


async def test_a_worker_that_dies_after_it_told_the_vault_is_followed_by_one_that_tells_it_again(monthly: Ground) -> None:
    monthly.renewed()
    await monthly.run(await monthly.rotate())
    commit, died = monthly.world.store.commit, []

    async def dies(partition: str, commit_id: str, changes: object) -> None:
        if partition == monthly.world.partition and monthly.world.vault.disabled and not died:
            died.append(commit_id)
            raise Transient("tables")
        await commit(partition, commit_id, changes)  # type: ignore[arg-type]

    monthly.world.store.commit = dies  # type: ignore[assignment, method-assign]
    await monthly.tick(later=OVERLAP)
    assert (await monthly.binding()).outgoing
    await monthly.tick(later=1)
    assert (await monthly.binding()).outgoing == []
    assert monthly.world.vault.disabled == [("db-password", V1)] * 2


async def test_a_vault_that_says_no_is_asked_again_and_the_binding_says_what_is_left(monthly: Ground) -> None:
    monthly.renewed()
    await monthly.run(await monthly.rotate())
    monthly.world.vault.errors = [Refused("keyVault", "Forbidden")]
    await monthly.tick(later=OVERLAP)
    assert len((await monthly.shown())["outgoing"]) == 1
    await monthly.tick(later=120)
    assert (await monthly.shown())["outgoing"] == []


async def test_a_version_that_is_bound_again_does_not_go(monthly: Ground) -> None:
    """Back to the version before: what was to be disabled is what is used."""
    monthly.renewed()
    await monthly.run(await monthly.rotate())
    again = await monthly.world.bind({"name": "db", "secretName": "db-password", "version": V1}, service_id="static")
    await monthly.tick(later=OVERLAP)
    assert monthly.world.vault.disabled == []
    assert (await monthly.binding(again)).status is BindingStatus.BOUND


async def test_a_version_that_another_tenant_uses_does_not_go(monthly: Ground) -> None:
    other = await settled_ground()
    place = other.world.place.__class__("other", other.world.environment_id, "orders")
    stranger = (await other.binding()).model_copy(update={"tenant_id": "other"})
    monthly.renewed()
    await monthly.run(await monthly.rotate())
    store, draw = monthly.world.store, monthly.world.draw
    from shared.store.port import Put

    await store.commit(place.partition, draw(), [Put(stranger.secret_binding_id, stranger.document())])
    await monthly.world.bound_vaults.add(stranger.vault_uri, place)
    await monthly.tick(later=OVERLAP)
    assert monthly.world.vault.disabled == []


def test_the_life_of_an_announcement_is_longer_than_a_request() -> None:
    assert timedelta(minutes=1) <= COMES_WITHIN
