"""Activities that meet themselves, or each other: delivered twice at once, slow in one service, rows in another's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from shared.kernel.errors import Refused
from shared.operations.model import Operation
from shared.runtime.deployments.gates import Gate, gate_key
from shared.runtime.deployments.orchestrator import APPLY, JUDGE, PROMOTE
from shared.runtime.health.document import Format
from shared.runtime.health.prober import Evidence
from shared.runtime.rollout.gate import Verdict
from shared.runtime.rollout.plan import Planned, key
from shared.targets.port import Observation, Site, Stamp, Workload
from tests.unit.deployments.driving import released
from tests.unit.doubles.engine import Death, Engine, activity, died
from tests.unit.doubles.targets import FakeTarget
from tests.unit.doubles.world import World, component, deployment_of, image


class Slow(FakeTarget):
    """Lets others run in the middle of each call."""

    async def _dawdle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def apply(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        await self._dawdle()
        await super().apply(site, stamp, workload)

    async def promote(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        self._meet("promote", workload.service_id)
        await self._dawdle()
        await super().promote(site, stamp, workload)

    async def observe(self, site: Site) -> Mapping[str, Observation]:
        await self._dawdle()
        return await super().observe(site)


@pytest.fixture
def slow(world: World) -> Slow:
    """Stands in for the container apps of the world."""
    world.apps = Slow(world.clock)
    world.targets["container-apps"] = world.apps
    return world.apps


def payload(operation: Operation, **fields: Any) -> dict[str, Any]:
    run = {
        "tenantId": operation.tenant_id,
        "environmentId": operation.environment_id,
        "operationId": operation.operation_id,
        "attempt": operation.attempt,
        "mustSettleBy": operation.must_settle_by.isoformat(),
    }
    return run | fields


async def test_one_apply_delivered_twice_at_once_is_one_apply_and_no_failure(world: World, slow: Slow) -> None:
    operation = await world.deploy(component("api"))
    await died(world, operation, 3, Death.RECORDED)
    run = payload(operation, wave=0, serviceId="api")
    ends = await asyncio.gather(*[activity(world, APPLY, run) for _ in range(2)])
    assert ends == [{"value": None}] * 2
    planned: Planned = await world.read(Planned, key(deployment_of(operation), 0, "api"))
    assert planned.applied_at is not None
    assert list(slow.services["api"].revisions) == [planned.wanted.workload.revision if planned.wanted else ""]


async def test_an_apply_that_is_repeated_later_makes_no_evidence_older_than_it(world: World) -> None:
    operation = await world.deploy(component("api"))
    await died(world, operation, 4, Death.RECORDED)
    row = key(deployment_of(operation), 0, "api")
    before: Planned = await world.read(Planned, row)
    world.clock.advance(60)
    assert await activity(world, APPLY, payload(operation, wave=0, serviceId="api")) == {"value": None}
    assert await world.read(Planned, row) == before


async def test_a_verdict_that_was_stored_while_one_looked_is_the_one_that_is_answered(world: World) -> None:
    operation = await world.deploy(component("api"))
    await died(world, operation, 4, Death.RECORDED)
    stored = Gate(wave=0, policy=world.gate, verdict=Verdict.FAILED)
    inner = world.prober.probe

    async def probe(base_url: str, path: str, format: Format) -> Evidence:
        if len(world.prober.asked) == 5:
            await world.put(gate_key(deployment_of(operation), 0), stored)
        return await inner(base_url, path, format)

    world.prober.probe = probe  # type: ignore[method-assign]
    answer = await activity(world, JUDGE, payload(operation, wave=0))
    assert answer["value"]["verdict"] == "Failed"
    assert (await world.gate_of(deployment_of(operation))) == stored


async def test_one_judging_delivered_twice_at_once_has_one_verdict(world: World, slow: Slow) -> None:
    operation = await world.deploy(component("api"))
    await died(world, operation, 4, Death.RECORDED)
    ends = await asyncio.gather(*[activity(world, JUDGE, payload(operation, wave=0)) for _ in range(2)])
    assert [end["value"]["verdict"] for end in ends] == ["Passed"] * 2
    assert [entry.kind for entry in await world.entries()].count("deployment.gate-decided") == 1


async def test_a_wave_that_was_not_applied_is_never_judged(world: World) -> None:
    operation = await world.deploy(component("api"))
    await died(world, operation, 3, Death.RECORDED)
    assert "value" not in await activity(world, JUDGE, payload(operation, wave=0))


async def test_a_promotion_ends_only_when_all_its_moves_have_ended(world: World, slow: Slow) -> None:
    await released(world, component("api", "1"), component("web", "1"))
    operation = await world.deploy(component("api", "2"), component("web", "2"))
    await died(world, operation, 6, Death.RECORDED)
    slow.fail("promote", "api", Refused("arm", "Conflict", "no"))
    assert (await activity(world, PROMOTE, payload(operation)))["refused"] == "Conflict"
    assert slow.serves("web") == image("web", "2")


async def test_the_gate_saves_its_evidence_while_it_looks_for_long(world: World) -> None:
    world.apps.never_ready.add(image("api", "1"))
    operation = await world.deploy(component("api"), gate={"retryTimeoutSeconds": 600})
    history = await died(world, operation, 5, Death.RECORDED)
    first = len((await world.gate_of(deployment_of(operation))).evidence.rounds)
    await died(world, operation, 1, Death.RECORDED, history)
    second = await world.gate_of(deployment_of(operation))
    assert 40 <= first < len(second.evidence.rounds)
    assert len(second.evidence.samples) == 1


async def test_a_release_of_another_targets_services_at_once(world: World, slow: Slow) -> None:
    components = [component("api"), component("web", target="aks"), component("db")]
    operation = await world.deploy(*components)
    assert await Engine(world).run(operation) == "completed"
    assert (world.cluster.serves("web"), slow.serves("db")) == (image("web", "1"), image("db", "1"))
