"""What runs and how it was when last looked at: nothing is healthy because nobody looked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.access.caller import Caller
from shared.kernel.clock import text
from shared.kernel.errors import NotFound
from shared.kernel.ids import environment_id
from shared.runtime.environments.listing import Wanted, page
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.health.document import Check, HealthStatus
from shared.runtime.health.inventory import Inventory
from shared.runtime.health.model import EnvironmentHealth, ServiceHealth
from shared.store import keys
from tests.unit.deployments.driving import released
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.world import CALLER, ENVIRONMENT, World, component, image

STALE_AFTER = timedelta(seconds=90)
STRANGER = Caller("other", "eve", "c", CALLER.scopes, "trace-2")


@pytest.fixture
async def running(world: World) -> World:
    await released(world, component("api", replicas=2), component("web", target="aks"))
    return world


def inventory(world: World) -> Inventory:
    return Inventory(world.store, world.isolation, world.catalog, world.where, world.clock, STALE_AFTER)


async def looked(world: World, status: HealthStatus, *, at: datetime | None = None, **fields: Any) -> None:
    """The sweep saw `api` at `at`, or with its start; never anything else."""
    seen = ServiceHealth(
        status=status, checks=[Check(name="sql", status=status)], since=world.clock(), seen_at=at, **fields
    )
    await world.put(keys.HEALTH, EnvironmentHealth(started_at=world.clock(), services={"api": seen}))


async def row(world: World, service_id: str = "api") -> dict[str, Any]:
    state = await inventory(world).environment(CALLER, ENVIRONMENT)
    return next(one for one in state["inventory"] if one["serviceId"] == service_id)


async def test_the_environment_with_what_runs_there(running: World) -> None:
    state = await inventory(running).environment(CALLER, ENVIRONMENT)
    environment = await running.environment()
    assert state["environmentId"] == ENVIRONMENT
    assert (state["status"], state["binding"]) == ("Provisioned", {"status": "Active"})
    assert state["stableDeploymentId"] == environment.stable_deployment_id
    assert "activeOperationId" not in state
    assert [(one["serviceId"], one["image"], one["version"], one["replicas"]) for one in state["inventory"]] == [
        ("api", image("api", "1"), "1", 2),
        ("web", image("web", "1"), "1", 1),
    ]
    assert "placed" not in state["inventory"][0]


async def test_the_operation_that_holds_the_slot_is_named(running: World) -> None:
    operation = await running.deploy(component("api", "2"))
    assert (await inventory(running).environment(CALLER, ENVIRONMENT))["activeOperationId"] == operation.operation_id


async def test_what_was_never_evaluated_is_unknown(running: World) -> None:
    assert {key: (await row(running))[key] for key in ("status", "stale")} == {"status": "Unknown", "stale": False}
    assert "evaluatedAt" not in await row(running)
    health = await inventory(running).service_health(CALLER, "api", None)
    assert health == {"serviceId": "api", "environmentId": ENVIRONMENT, "status": "Unknown", "checks": []}


async def test_fresh_evidence_says_what_it_says(running: World) -> None:
    await looked(running, HealthStatus.DEGRADED, cause="sql")
    health = await inventory(running).service_health(CALLER, "api", ENVIRONMENT)
    assert health == {
        "serviceId": "api",
        "environmentId": ENVIRONMENT,
        "status": "Degraded",
        "checks": [{"name": "sql", "status": "Degraded"}],
        "evaluatedAt": text(running.clock()),
        "cause": "sql",
    }
    assert (await row(running))["status"] == "Degraded"
    assert (await row(running, "web"))["status"] == "Unknown"


async def test_evidence_is_too_old_a_moment_after_its_time(running: World) -> None:
    await looked(running, HealthStatus.HEALTHY)
    running.clock.advance(STALE_AFTER.total_seconds())
    assert ((await row(running))["status"], (await row(running))["stale"]) == ("Healthy", False)
    running.clock.advance(0.001)
    assert ((await row(running))["status"], (await row(running))["stale"]) == ("Unknown", True)
    health = await inventory(running).service_health(CALLER, "api", None)
    assert (health["status"], health["stale"]) == ("Unknown", True)
    assert "evaluatedAt" in health


async def test_a_service_that_the_last_sweep_did_not_reach_is_as_old_as_when_it_was_seen(running: World) -> None:
    await looked(running, HealthStatus.HEALTHY, at=running.clock() - STALE_AFTER * 2)
    assert (await row(running))["stale"] is True


async def test_what_is_taken_away_leaves_the_inventory_and_the_index(running: World) -> None:
    second = await released(running, component("job"))
    operation = await running.roll_back(second)
    await Engine(running).run(operation)
    await running.hear_of_it()
    state = await inventory(running).environment(CALLER, ENVIRONMENT)
    assert [one["serviceId"] for one in state["inventory"]] == ["api", "web"]
    assert await running.where.best(CALLER.tenant_id, "job") is None
    with pytest.raises(NotFound):
        await inventory(running).service_health(CALLER, "job", None)


@pytest.mark.parametrize("service_id", ["unknown", "", "api|env", "svc-api"])
async def test_an_unknown_service_is_not_found(running: World, service_id: str) -> None:
    with pytest.raises(NotFound):
        await inventory(running).service_health(CALLER, service_id, None)


async def test_another_tenant_sees_nothing_of_it(running: World) -> None:
    seen = inventory(running)
    for ident in (ENVIRONMENT, environment_id("f" * 16), "nonsense"):
        with pytest.raises(NotFound) as caught:
            await seen.environment(STRANGER, ident)
        assert (caught.value.kind, caught.value.ident) == ("environment", ident)
        with pytest.raises(NotFound) as caught:
            await seen.service_health(STRANGER, "api", ident)
        assert caught.value.kind == "service"
    with pytest.raises(NotFound):
        await seen.service_health(STRANGER, "api", None)


async def test_the_id_of_something_inside_is_no_environment(running: World) -> None:
    stable = (await running.environment()).stable_deployment_id or ""
    with pytest.raises(NotFound):
        await inventory(running).environment(CALLER, stable)
    with pytest.raises(NotFound):
        await inventory(running).service_health(CALLER, "api", stable)


# Which environment answers for a service that runs in several.


async def environments(world: World, *stages: str) -> list[World]:
    """One environment for each stage in the same tenant and store, `api` released in their order."""
    made = []
    for number, stage in enumerate(stages):
        other = World(
            clock=world.clock,
            store=world.store,
            draw=world.draw,
            stage=stage,
            environment_id=environment_id(f"{number + 1:016x}"),
        )
        await other.provision()
        operation = await other.deploy(component("api"), environmentId=other.environment_id)
        await Engine(other).run(operation)
        world.clock.advance(60)
        made.append(other)
    return made


@pytest.mark.parametrize(
    ("stages", "answers"),
    [
        (("dev", "prod", "staging"), 1),
        (("dev", "test", "staging"), 2),
        (("staging", "test", "dev"), 0),
        (("test", "dev", "test"), 2),
        (("prod", "prod", "prod"), 2),
    ],
)
async def test_the_highest_stage_answers_then_the_latest_promotion(stages: tuple[str, ...], answers: int) -> None:
    world = World()
    made = await environments(world, *stages)
    assert await world.where.best(CALLER.tenant_id, "api") == made[answers].environment_id
    health = await inventory(world).service_health(CALLER, "api", None)
    assert health["environmentId"] == made[answers].environment_id
    named = await inventory(world).service_health(CALLER, "api", made[0].environment_id)
    assert named["environmentId"] == made[0].environment_id


async def test_a_tenants_environments_are_listed_newest_first(world: World) -> None:
    made = await environments(world, "dev", "test")
    found, after = await page(world.store, CALLER.tenant_id, Wanted(), 2, "")
    assert [one.environment.environment_id for one in found] == [one.environment_id for one in reversed(made)]
    assert after is not None
    rest, last = await page(world.store, CALLER.tenant_id, Wanted(), 2, after)
    assert ([one.environment.environment_id for one in rest], last) == ([ENVIRONMENT], None)
    assert found[0].summary.stable_release_ref == "release-1"
    assert found[0].environment.status is EnvironmentStatus.PROVISIONED
