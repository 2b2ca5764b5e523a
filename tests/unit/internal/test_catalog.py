"""Inventory mutation by the worker: what it may say of what a deployment made, and of what it did not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.events.envelope import EventType
from shared.runtime.catalog.model import Placed, RuntimeService, Snapshot, Source
from shared.runtime.catalog.mutation import CHUNK, MOST
from shared.store import keys
from shared.store.revision import revision_of
from shared.targets.port import Workload
from tests.unit.doubles.world import World, image
from tests.unit.internal.conftest import Api, document


def seen(world: World, **changes: Any) -> dict[str, Any]:
    body = {"target": "aks", "image": image("cache", "7"), "replicas": 2, "observedAt": world.clock()}
    return {**body, **changes}


async def deployed(world: World, service_id: str = "api", generation: int = 1) -> RuntimeService:
    """A row as a promotion leaves it."""
    workload = Workload(service_id=service_id, image=image(service_id, "1"), replicas=3, release="dep-1")
    snapshot = Snapshot(
        deployment_id="dep-1",
        release_ref="r",
        content_hash="0",
        services={service_id: Placed(target="aks", workload=workload)},
    )
    await world.catalog.project(await world.environment(), snapshot, generation, {})
    return (await world.inventory())[service_id]


async def updates(world: World) -> int:
    return len(await world.events(EventType.INVENTORY_UPDATED))


async def test_a_service_that_nobody_deployed_is_listed_as_it_was_seen(api: Api, world: World) -> None:
    answer = await api.ask("PUT", "/services/cache", seen(world, endpointUrl="http://10.0.0.7:6379"))
    assert answer.status == 200
    row = (await api.shown())["cache"]
    assert (row["source"], row["version"], row["replicas"], row["generation"]) == ("observation", "7", 2, 1)
    assert row["endpointUrl"] == "http://10.0.0.7:6379"
    assert "deploymentId" not in row
    assert "placed" not in document(answer)
    assert document(answer)["traceId"].startswith("trace-")
    assert await updates(world) == 1
    assert await world.where.best("connectsoft", "cache") == world.environment_id


async def test_an_observation_leaves_what_a_deployment_promoted(api: Api, world: World) -> None:
    promoted = await deployed(world)
    world.clock.advance(5)
    body = seen(world, image=image("api", "9"), replicas=1, endpointUrl="https://api.example")
    assert (await api.ask("PUT", "/services/api", body)).status == 200
    row = (await world.inventory())["api"]
    assert row.endpoint_url == "https://api.example"
    assert row.observed_at == world.clock()
    expected = promoted.model_copy(update={"endpoint_url": row.endpoint_url, "observed_at": row.observed_at})
    assert row == expected
    assert row.source is Source.DEPLOYMENT


async def test_the_same_again_is_no_news(api: Api, world: World) -> None:
    await api.ask("PUT", "/services/cache", seen(world))
    world.clock.advance(5)
    answer = await api.ask("PUT", "/services/cache", seen(world))
    assert document(answer)["observedAt"] == world.clock().isoformat().replace("+00:00", "Z")
    assert await updates(world) == 1


async def test_an_older_observation_changes_nothing(api: Api, world: World) -> None:
    await api.ask("PUT", "/services/cache", seen(world))
    old = world.clock() - timedelta(seconds=1)
    answer = await api.ask("PUT", "/services/cache", seen(world, image=image("cache", "6"), observedAt=old))
    assert answer.status == 200
    assert document(answer)["version"] == "7"


async def test_what_was_seen_before_the_last_release_is_stale(api: Api, world: World) -> None:
    await deployed(world, generation=4)
    world.clock.advance(5)
    answer = await api.ask("POST", "/inventory", {"services": [seen(world, serviceId="api", generation=3)]})
    assert document(answer)["results"] == [{"serviceId": "api", "outcome": "Stale"}]


async def test_a_service_can_be_removed_once(api: Api, world: World) -> None:
    await api.ask("PUT", "/services/cache", seen(world))
    answer = await api.ask("DELETE", "/services/cache")
    assert (answer.status, answer.body) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert answer.headers["cs-schema-version"] == "1.0"
    assert await api.shown() == {}
    assert await world.where.best("connectsoft", "cache") is None
    assert (await api.ask("DELETE", "/services/cache")).status == 404


async def test_a_full_batch_is_written_in_several_transactions(api: Api, world: World) -> None:
    services = [seen(world, serviceId=f"s-{number}") for number in range(MOST)]
    answer = await api.ask("POST", "/inventory", {"services": services}, idempotency_key="k")
    assert answer.status == 200
    assert [one["serviceId"] for one in document(answer)["results"]] == [one["serviceId"] for one in services]
    assert {one["outcome"] for one in document(answer)["results"]} == {"Applied"}
    assert len(await world.inventory()) == MOST
    assert await updates(world) == -(-MOST // CHUNK)
    again = await api.ask("POST", "/inventory", {"services": services}, idempotency_key="k")
    assert again.body == answer.body


async def test_an_environment_takes_no_more_than_its_limit(api: Api, world: World) -> None:
    services = [seen(world, serviceId=f"s-{number}") for number in range(MOST)]
    await api.ask("POST", "/inventory", {"services": services})
    answer = await api.ask("PUT", "/services/one-more", seen(world))
    assert document(answer)["code"] == "ValidationFailed"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"services": []}, 422),
        ({"services": [{}] * (MOST + 1)}, 422),
        ({"services": [], "surprise": 1}, 400),
        ({"tenantId": "another", "services": []}, 403),
    ],
)
async def test_a_batch_is_strict(api: Api, body: dict[str, Any], status: int) -> None:
    assert (await api.ask("POST", "/inventory", body)).status == status


async def test_no_service_is_named_twice_in_a_batch(api: Api, world: World) -> None:
    answer = await api.ask("POST", "/inventory", {"services": [seen(world, serviceId="a")] * 2})
    assert document(answer)["errors"] == {"services[1].serviceId": ["is named twice"]}
    assert await world.inventory() == {}


async def test_a_target_that_is_not_enabled_is_refused(api: Api, world: World) -> None:
    answer = await api.ask("POST", "/inventory", {"services": [seen(world, serviceId="a", target="functions")]})
    assert (answer.status, document(answer)["code"]) == (422, "TargetNotEnabled")
    assert list(document(answer)["errors"]) == ["services[0].target"]


async def test_a_dry_run_writes_nothing(api: Api, world: World) -> None:
    answer = await api.ask("PUT", "/services/cache?dryRun=true", seen(world))
    assert document(answer)["allowed"]
    assert [effect["action"] for effect in document(answer)["effects"]] == ["create"]
    assert await world.inventory() == {}
    assert await world.where.best("connectsoft", "cache") is None


async def test_another_tenants_environment_is_not_there(api: Api, world: World) -> None:
    assert (await api.ask("PUT", "/services/cache", seen(world), tenant="another")).status == 404


@pytest.mark.parametrize("scope", ["runtime.environments.write", "runtime.deployments.write", ""])
async def test_only_internal_callers_come_in(api: Api, world: World, scope: str) -> None:
    answer = await api.ask("PUT", "/services/cache", seen(world), scope=scope)
    assert (answer.status, document(answer)["code"]) == (403, "InsufficientScope")


async def test_a_release_keeps_what_it_did_not_deploy_and_the_end_takes_all(api: Api, world: World) -> None:
    await api.ask("PUT", "/services/cache", seen(world, source="import"))
    await deployed(world)
    assert set(await world.inventory()) == {"api", "cache"}
    await world.catalog.clear(await world.environment())
    assert await world.inventory() == {}


async def test_every_change_moves_the_revision_and_nothing_else_does(api: Api, world: World) -> None:
    before = await revision_of(world.store, world.partition)
    await api.ask("PUT", "/services/cache", seen(world))
    moved = await revision_of(world.store, world.partition)
    assert moved != before
    await world.publish({"LOG_LEVEL": "info"})
    assert await revision_of(world.store, world.partition) == moved
    assert await world.store.get(keys.tenant_partition("connectsoft"), "rev") is None


async def test_every_attempt_leaves_one_entry(api: Api, world: World) -> None:
    await api.ask("PUT", "/services/cache", seen(world))
    world.clock.advance(1)
    await api.ask("PUT", "/services/cache", seen(world), scope="x")
    assert [(entry.kind, entry.outcome.value) for entry in await world.entries()] == [
        ("inventory.observed", "Allowed"),
        ("inventory.put-denied", "Denied"),
    ]
