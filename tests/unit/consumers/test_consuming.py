"""What the platform does when it hears of its own events: each effect once, whatever comes twice, late or out of order."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared.access.binding import BindingStatus
from shared.events.envelope import Event, EventType
from shared.kernel.errors import Transient
from shared.operations.model import OperationKind
from shared.runtime.consumers.consuming import consume
from shared.runtime.consumers.letter import Letter
from shared.runtime.drift.model import Scan
from shared.runtime.health.document import HealthStatus
from shared.runtime.scaling.model import Enforcement
from shared.store import keys
from shared.store.port import Change
from tests.unit.consumers.conftest import Listening
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, begun, component, image

COMPLETED, ROLLED_BACK = EventType.DEPLOYMENT_COMPLETED, EventType.DEPLOYMENT_ROLLED_BACK


async def test_a_promotion_brings_the_inventory_its_addresses_and_what_did_not_fit(
    released: World, listening: Listening
) -> None:
    await released.delete(keys.service("web"))  # as if it had not fitted into the promotion's own transaction
    await listening.hears(await listening.last(COMPLETED))
    rows = await released.inventory()
    assert set(rows) == {"api", "web"}
    assert rows["api"].endpoint_url is not None
    assert await listening.heard() == ["inventory", "scan"]


async def test_what_a_release_took_away_leaves_the_inventory(released: World, listening: Listening) -> None:
    await Engine(released).run(await released.deploy(component("other")))
    first = next(event for event in await released.events(COMPLETED))
    operation = await released.roll_back((await listening.last(COMPLETED)).payload["deploymentId"])
    await Engine(released).run(operation)
    await listening.hears(await listening.last(COMPLETED))
    await listening.hears(first)  # late: it is asked what stands now
    assert set(await released.inventory()) == {"api", "web"}


async def test_an_event_that_comes_again_has_no_second_effect(released: World, listening: Listening) -> None:
    event = await listening.last(COMPLETED)
    await listening.hears(event)
    await released.delete(keys.service("api"))
    scanned = await released.read(Scan, keys.SCAN)
    released.clock.advance(5)
    await asyncio.gather(listening.hears(event), listening.hears(event))
    assert set(await released.inventory()) == {"web"}
    assert await released.read(Scan, keys.SCAN) == scanned


async def test_two_at_once_are_one_effect(released: World, listening: Listening) -> None:
    event = await listening.last(COMPLETED)
    await asyncio.gather(*[listening.hears(event) for _ in range(4)])
    assert await listening.heard() == ["inventory", "scan"]


async def test_addresses_that_a_target_could_not_tell_are_asked_for_again(released: World, listening: Listening) -> None:
    event = await listening.last(COMPLETED)
    released.apps.fail("observe", "", Transient("arm"), Transient("arm"))
    with pytest.raises(Transient):
        await listening.hears(event)
    assert "inventory" not in await listening.heard()
    await listening.hears(event)
    assert (await released.inventory())["api"].endpoint_url is not None


async def test_what_one_consumer_fails_at_keeps_no_other_from_its_turn(
    released: World, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> bool:
        raise Transient("arm")

    monkeypatch.setattr(listening.projection.__class__, "bring_up", broken)
    with pytest.raises(Transient):
        await listening.hears(await listening.last(COMPLETED))
    assert await listening.heard() == ["scan"]


async def test_a_newer_release_is_not_covered_by_an_older_projection(released: World, listening: Listening) -> None:
    """A slow consumer of the first event writes its rows after the second release became stable."""
    event, slow = await listening.last(COMPLETED), released.catalog.store
    commits = slow.commit

    async def commit(partition: str, commit_id: str, changes: list[Change]) -> None:
        if any(change.key == keys.service("api") for change in changes) and not slowed:
            slowed.append(True)
            await Engine(released).run(await released.deploy(component("api", "2")))
        await commits(partition, commit_id, changes)

    slowed: list[bool] = []
    object.__setattr__(slow, "commit", commit)
    await listening.hears(event)
    assert (await released.inventory())["api"].image == image("api", "2")


async def test_drift_is_looked_for_right_after_a_deployment(released: World, listening: Listening) -> None:
    del released.apps.services["api"]
    await listening.hears(await listening.last(COMPLETED))
    [found] = await released.events(EventType.DRIFT_DETECTED)
    assert (found.payload["kind"], found.payload["serviceId"]) == ("MissingService", "api")


async def test_after_a_rollback_too(released: World, listening: Listening) -> None:
    released.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    await Engine(released).run(await released.deploy(component("api", "2")))
    await listening.hears(await listening.last(ROLLED_BACK))
    assert (await released.read(Scan, keys.SCAN)).completed_at is not None
    assert await released.events(EventType.DRIFT_DETECTED) == []


def health_event(event: Event, status: str, service_id: str = "api") -> Event:
    payload = {"environmentId": event.payload["environmentId"], "serviceId": service_id, "status": status}
    named = {"event_id": f"evt-{status.encode().hex():0<32.32}", "event_type": EventType.HEALTH_CHECK_COMPLETED}
    return event.model_copy(update={**named, "payload": payload})


async def waits(world: World) -> str:
    return str((await world.scale("api")).body["scalingPolicyId"])


async def test_a_service_that_is_healthy_again_takes_the_bounds_that_wait(released: World, listening: Listening) -> None:
    ident = await waits(released)
    await listening.hears(health_event(await listening.last(COMPLETED), "Healthy"))
    [instance] = listening.hub.started
    operation = await released.operation(instance.rpartition("-")[0])
    assert operation.kind is OperationKind.ENFORCE_SCALING
    await listening.hub.run(operation)
    assert (await released.policy(ident)).enforcement is Enforcement.ENFORCED
    assert await listening.heard() == ["scaling"]


@pytest.mark.parametrize("status", ["Unhealthy", "Degraded", "Unknown", "SomethingNewer"])
async def test_no_other_status_starts_anything(released: World, listening: Listening, status: str) -> None:
    await waits(released)
    await listening.hears(health_event(await listening.last(COMPLETED), status))
    assert listening.hub.started == []


async def test_another_services_health_starts_nothing(released: World, listening: Listening) -> None:
    await waits(released)
    await listening.hears(health_event(await listening.last(COMPLETED), "Healthy", "web"))
    assert listening.hub.started == []


async def test_while_the_slot_is_taken_the_bounds_wait_for_the_sweep(released: World, listening: Listening) -> None:
    await waits(released)
    await released.deploy(component("api", "2"))
    await listening.hears(health_event(await listening.last(COMPLETED), "Healthy"))
    assert listening.hub.started == []
    assert await listening.heard() == ["scaling"]


async def test_nothing_is_started_for_a_suspended_tenant(released: World, listening: Listening) -> None:
    await waits(released)
    await released.bind_tenant(status=BindingStatus.SUSPENDED)
    await listening.hears(health_event(await listening.last(COMPLETED), "Healthy"))
    assert listening.hub.started == []


async def test_an_event_that_nobody_listens_to_or_that_is_newer_than_this_release_is_let_pass(
    released: World, listening: Listening
) -> None:
    event = await listening.last(COMPLETED)
    newer = {**event.document(), "eventType": "RuntimeSomethingNewer", "payload": {**event.payload, "more": {}}, "kind": 1}
    await consume(listening.deps(), Letter.read(newer), listening.hub)
    assert await listening.heard() == []


async def test_an_environment_that_is_gone_hears_nothing(world: World, released: World, listening: Listening) -> None:
    event = await listening.last(COMPLETED)
    await Engine(released).run(begun(await People(world).decommission()))
    await listening.hears(event)
    assert await listening.heard() == []


async def test_an_event_that_waited_for_weeks_still_has_no_second_effect(released: World, listening: Listening) -> None:
    event = await listening.last(COMPLETED)
    released.clock.advance(timedelta(days=30).total_seconds())
    await listening.hears(event)
    await listening.hears(event.model_copy(update={"event_id": f"evt-{1:032d}"}))
    assert len(await listening.heard()) == 4


async def test_old_rows_of_the_inbox_go_and_young_ones_stay(released: World, listening: Listening) -> None:
    event = await listening.last(COMPLETED)
    await listening.hears(event)
    for days in (3, 8):
        released.clock.advance(timedelta(days=days).total_seconds())
        later = {"event_id": f"evt-{days:032d}", "occurred_at": released.clock()}
        await listening.hears(event.model_copy(update=later))
    rows = await released.store.list(released.partition, keys.INBOX, limit=1000)
    assert {row.key.split("-")[2] + row.key.split("-")[3] for row in rows} == {f"evt{8:032d}"}
