"""Health that others report: each observation with its outcome, the newest evidence for the reader."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.events.envelope import EventType
from shared.runtime.catalog.model import Placed, Snapshot
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.ingest import EVENTS, MOST
from shared.runtime.health.model import EnvironmentHealth, ServiceHealth
from shared.store import keys
from shared.targets.port import Workload
from tests.unit.doubles.world import World, component, deployment_of, image
from tests.unit.internal.conftest import STALE_AFTER, Api, document


async def stand(world: World, *services: str) -> None:
    placed = {
        name: Placed(target="aks", workload=Workload(service_id=name, image=image(name, "1"), replicas=1, release="dep-1"))
        for name in services
    }
    snapshot = Snapshot(deployment_id="dep-1", release_ref="r", content_hash="0", services=placed)
    await world.catalog.project(await world.environment(), snapshot, 1, {})


def result(world: World, service_id: str = "api", status: str = "Healthy", age: float = 0.0, **more: Any) -> dict[str, Any]:
    observed_at = world.clock() - timedelta(seconds=age)
    return {"serviceId": service_id, "status": status, "observedAt": observed_at, **more}


async def report(api: Api, *results: dict[str, Any], **headers: str) -> list[str]:
    answer = await api.ask("POST", "/health-results", {"results": results}, **headers)
    assert answer.status == 200, answer.body
    return [one["outcome"] for one in document(answer)["results"]]


async def swept(world: World, service_id: str, status: HealthStatus, age: float = 0.0) -> None:
    """What the sweep's last look says."""
    at = world.clock() - timedelta(seconds=age)
    health = ServiceHealth(status=status, since=at)
    await world.put(keys.HEALTH, EnvironmentHealth(started_at=at, completed_at=at, services={service_id: health}))


async def told(world: World) -> Sequence[tuple[str, str, str]]:
    events = await world.events(EventType.HEALTH_CHECK_COMPLETED)
    return [(e.payload["serviceId"], e.payload["previousStatus"], e.payload["status"]) for e in events]


async def test_a_service_is_known_from_when_its_release_is_planned_and_no_other_is(api: Api, world: World) -> None:
    operation = await world.deploy(component("api"))
    assert await report(api, result(world)) == ["UnknownService"]
    deployment_id = deployment_of(operation)
    planned = await world.preparing.plan(world.place, await world.deployment(deployment_id))
    await world.deploying.plans.write(world.partition, deployment_id, planned)
    assert await report(api, result(world), result(world, "other")) == ["Accepted", "UnknownService"]


async def test_a_report_is_what_readers_see(api: Api, world: World) -> None:
    await stand(world, "api")
    checks = [{"name": "sql", "status": "Degraded", "durationMs": 12}]
    assert await report(api, result(world, status="Degraded", checks=checks)) == ["Accepted"]
    shown = await api.health("api")
    assert (shown["status"], shown["checks"], shown["cause"]) == ("Degraded", checks, "sql")
    assert shown["evaluatedAt"] == world.clock().isoformat().replace("+00:00", "Z")
    assert (await api.shown())["api"]["status"] == "Degraded"
    assert await told(world) == [("api", "Unknown", "Degraded")]


async def test_an_older_observation_never_overwrites_a_newer_one(api: Api, world: World) -> None:
    await stand(world, "api")
    await report(api, result(world, age=10))
    assert await report(api, result(world, status="Unhealthy", age=11)) == ["Stale"]
    assert (await api.health("api"))["status"] == "Healthy"
    assert await report(api, result(world, status="Unhealthy", age=9)) == ["Accepted"]
    assert (await api.health("api"))["status"] == "Unhealthy"


async def test_a_batch_that_is_sent_again_is_accepted_again_and_tells_nothing_new(api: Api, world: World) -> None:
    await stand(world, "api")
    one = result(world, status="Unhealthy")
    assert await report(api, one) == await report(api, one) == ["Accepted"]
    assert len(await told(world)) == 1


async def test_each_of_a_batch_has_its_own_outcome_in_order(api: Api, world: World) -> None:
    await stand(world, "api", "worker")
    outcomes = await report(
        api,
        result(world, "api", age=5),
        result(world, "nobody"),
        result(world, "api", age=6),
        result(world, "worker", age=-61),
        result(world, "worker"),
    )
    assert outcomes == ["Accepted", "UnknownService", "Stale", "Invalid", "Accepted"]


async def test_the_newer_evidence_counts(api: Api, world: World) -> None:
    await stand(world, "api")
    await report(api, result(world, status="Unhealthy", age=10))
    await swept(world, "api", HealthStatus.HEALTHY, age=5)
    assert (await api.health("api"))["status"] == "Healthy"
    await report(api, result(world, status="Degraded", age=1))
    assert (await api.health("api"))["status"] == "Degraded"


async def test_a_look_that_could_not_tell_hides_no_fresh_report(api: Api, world: World) -> None:
    await stand(world, "api")
    await report(api, result(world, age=10))
    await swept(world, "api", HealthStatus.UNKNOWN)
    assert (await api.health("api"))["status"] == "Healthy"
    world.clock.advance(STALE_AFTER.total_seconds())
    await swept(world, "api", HealthStatus.UNKNOWN)
    assert (await api.health("api"))["status"] == "Unknown"


async def test_a_report_grows_stale(api: Api, world: World) -> None:
    await stand(world, "api")
    await report(api, result(world))
    world.clock.advance(STALE_AFTER.total_seconds() + 1)
    shown = await api.health("api")
    assert (shown["status"], shown["stale"]) == ("Unknown", True)


async def test_a_full_batch_tells_of_every_change(api: Api, world: World) -> None:
    names = [f"s-{number}" for number in range(MOST)]
    await stand(world, *names)
    outcomes = await report(api, *[result(world, name, status="Unhealthy") for name in names], idempotency_key="k")
    assert set(outcomes) == {"Accepted"}
    assert sorted(name for name, _, _ in await told(world)) == sorted(names)
    events = await world.events(EventType.HEALTH_CHECK_COMPLETED)
    assert [event.sequence for event in events] == list(range(1, MOST + 1))
    assert len([one for one in await world.entries() if one.kind == "health.reported"]) == -(-MOST // EVENTS)


async def test_a_batch_of_which_nothing_counts_leaves_its_entry(api: Api, world: World) -> None:
    await stand(world, "api")
    assert await report(api, result(world, "nobody")) == ["UnknownService"]
    assert (await world.entries())[-1].summary == "health results were reported: 1 UnknownService"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"status": "Fine"}, 422),
        ({"observedAt": "2026-06-11T12:00:00"}, 422),
        ({"serviceId": "Not An Id"}, 422),
        ({"surprise": 1}, 400),
        ({"checks": [{"name": "x", "status": "Healthy"}] * 51}, 422),
    ],
)
async def test_a_result_is_strict(api: Api, world: World, changed: dict[str, Any], status: int) -> None:
    answer = await api.ask("POST", "/health-results", {"results": [{**result(world), **changed}]})
    assert answer.status == status


async def test_a_batch_has_a_limit(api: Api, world: World) -> None:
    answer = await api.ask("POST", "/health-results", {"results": [result(world)] * (MOST + 1)})
    assert answer.status == 422
