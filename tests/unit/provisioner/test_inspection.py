"""One look at what stands: kept for the drift scan when nothing overtook it, and nothing of what was not seen whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from infra.provisioner.inspection import Inspection
from infra.provisioner.patience import Patience
from shared.events.journal import Place
from shared.kernel.errors import Transient
from shared.runtime.environments.infrastructure import InfrastructureLook, Looks, standing_look
from shared.store import keys
from tests.unit.operations.world import World, place_of

FOUND = [
    {"resource": "Cluster", "change": "delete"},
    {"resource": "KeyVault", "change": "update", "properties": ["properties.publicNetworkAccess"]},
]


class Engine:
    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.fails: Exception | None = None
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def inspect(self, record: Mapping[str, Any], *, arm: Any) -> list[dict[str, Any]]:
        self.records.append(record)
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.fails is not None:
            raise self.fails
        return FOUND


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def inspection(world: World, engine: Engine) -> Inspection:
    async def sleep(seconds: float) -> None:
        world.time.now += timedelta(seconds=seconds)

    patience = Patience(1.0, clock=lambda: world.time().timestamp(), sleep=sleep)
    looks = Looks(world.store, world.draw)
    return Inspection(world.isolation, looks, engine, None, patience, world.time)  # type: ignore[arg-type] - it makes nothing


async def kept(world: World, place: Place) -> InfrastructureLook | None:
    return standing_look(place, await world.store.get(place.partition, keys.INFRASTRUCTURE))


@pytest.fixture
async def place(world: World) -> Place:
    environment = await world.provisioned()
    return Place(environment.tenant_id, environment.environment_id, environment.project_id)


async def test_what_the_engine_finds_is_kept(world: World, engine: Engine, inspection: Inspection, place: Place) -> None:
    await inspection.work(place)
    look = await kept(world, place)
    assert look is not None
    assert [one.document() for one in look.differences] == [
        {**one, "properties": one.get("properties", [])} for one in FOUND
    ]
    (record,) = engine.records
    assert (record["environmentId"], record["name"]) == (place.environment_id, "booking-dev-weu")
    assert record["placement"] == {"subscriptionId": "sub-1", "resourceGroup": f"rg-{place.environment_id}"}


async def test_what_an_operation_overtook_is_not_kept(
    world: World, engine: Engine, inspection: Inspection, place: Place
) -> None:
    async def meanwhile() -> None:
        row = await world.store.get(place.partition, keys.SLOT)
        assert row is not None
        await world.put(place, keys.SLOT, {**row.document, "generation": row.document["generation"] + 1})

    engine.meanwhile = meanwhile
    await inspection.work(place)
    assert await kept(world, place) is None


async def test_what_could_not_be_seen_whole_is_not_kept(
    world: World, engine: Engine, inspection: Inspection, place: Place
) -> None:
    engine.fails = Transient("arm")
    with pytest.raises(Transient):
        await inspection.work(place)
    assert await kept(world, place) is None


async def test_where_an_operation_is_at_work_nobody_looks(world: World, engine: Engine, inspection: Inspection) -> None:
    await inspection.work(place_of(await world.provision()))
    assert engine.records == []
