"""The inventory as a projection of the stable snapshot, and where a service runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.events.journal import Place
from shared.kernel.errors import Transient
from shared.kernel.ids import environment_id
from shared.runtime.catalog.model import Placed, ServiceReport, Snapshot, version_of
from shared.runtime.catalog.rows import CHUNK, Catalog
from shared.runtime.catalog.where import Where
from shared.runtime.environments.model import Environment, Stage
from shared.store import keys
from shared.store.newest import newest
from shared.store.port import Create
from shared.targets.port import Workload
from tests.unit.operations.world import NOON, TENANT, World


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("acr.azurecr.io/orders:1.4.2", "1.4.2"),
        ("localhost:5000/orders:1.4.2", "1.4.2"),
        ("localhost:5000/orders@sha256:abc", "sha256:abc"),
        ("acr.azurecr.io/team/orders:1.4.2@sha256:abc", "1.4.2"),
        ("localhost:5000/orders", ""),
    ],
)
def test_the_version_is_the_tag_else_the_digest(image: str, version: str) -> None:
    assert version_of(image) == version


@pytest.fixture
def where(world: World) -> Where:
    return Where(world.store, world.time, world.draw)


@pytest.fixture
def catalog(world: World, where: Where) -> Catalog:
    return Catalog(world.store, where, world.time, world.draw)


@pytest.fixture
async def environment(world: World) -> Environment:
    return await world.provisioned()


def snapshot(*services: str, deployment: str = "dep-1", replicas: int = 2) -> Snapshot:
    return Snapshot(
        deployment_id=deployment,
        release_ref="release-1",
        content_hash="",
        services={name: placed(name, deployment, replicas) for name in services},
    )


def placed(name: str, deployment: str, replicas: int = 2) -> Placed:
    workload = Workload(service_id=name, image=f"acr.azurecr.io/{name}:1", replicas=replicas, release=deployment)
    return Placed(target="aks", workload=workload)


def place(environment: Environment) -> Place:
    return Place(environment.tenant_id, environment.environment_id, environment.project_id)


async def names(catalog: Catalog, environment: Environment) -> list[str]:
    return [service.service_id for service in await catalog.services(place(environment))]


async def test_the_rows_become_the_snapshot(catalog: Catalog, environment: Environment) -> None:
    await catalog.project(environment, snapshot("a", "b"), 2, {"a": "https://a.example"})
    await catalog.project(environment, snapshot("b", "c", deployment="dep-2", replicas=5), 3, {})
    assert await names(catalog, environment) == ["b", "c"]
    one = (await catalog.services(place(environment)))[0]
    assert (one.deployment_id, one.generation, one.replicas, one.version) == ("dep-2", 3, 5, "1")
    assert one.placed.workload.image == "acr.azurecr.io/b:1"


async def test_the_wanted_state_is_not_shown(catalog: Catalog, environment: Environment) -> None:
    await catalog.project(environment, snapshot("a"), 2, {"a": "https://a.example"})
    (one,) = await catalog.services(place(environment))
    shown = {"serviceId", "target", "image", "version", "replicas", "endpointUrl", "deploymentId", "source"}
    assert set(one.document(ServiceReport)) == shown | {"observedAt", "generation"}


async def test_projecting_twice_is_projecting_once(world: World, catalog: Catalog, environment: Environment) -> None:
    for _ in range(2):
        await catalog.project(environment, snapshot("a", "b"), 2, {})
    assert await names(catalog, environment) == ["a", "b"]


async def test_a_projection_that_died_half_way_is_mended_by_the_next(
    world: World, catalog: Catalog, environment: Environment
) -> None:
    many = [f"s{number:03d}" for number in range(CHUNK + 20)]

    async def lives() -> None: ...

    async def dies() -> None:
        raise Transient("tables")

    world.store.interludes = [lives, lives, lives, dies]  # two chunks of places, then of rows
    with pytest.raises(Transient):
        await catalog.project(environment, snapshot(*many), 2, {})
    assert len(await names(catalog, environment)) == CHUNK
    await catalog.project(environment, snapshot(*many), 2, {})
    assert await names(catalog, environment) == many


async def test_a_snapshot_is_read_by_its_deployment(world: World, catalog: Catalog, environment: Environment) -> None:
    at = place(environment)
    kept = Create(keys.snapshot("dep-1"), snapshot("a").document())
    await world.store.commit(at.partition, world.draw(), [kept])
    assert await catalog.snapshot(at, "dep-1") == snapshot("a")
    assert await catalog.snapshot(at, "dep-2") is None
    assert await catalog.snapshot(at, None) is None


def another(environment: Environment, number: int, stage: Stage) -> Environment:
    update = {"environment_id": environment_id(f"{number:016x}"), "stage": stage}
    return environment.model_copy(update=update)


async def test_of_several_environments_the_highest_stage_answers_then_the_latest_promotion(
    world: World, where: Where, environment: Environment
) -> None:
    made = [
        another(environment, 10 + n, stage) for n, stage in enumerate([Stage.STAGING, Stage.PROD, Stage.PROD, Stage.DEV])
    ]
    assert await where.best(TENANT, "a") is None
    for one in made:
        world.time.passes(seconds=1)
        await where.runs(one, ["a"])
    assert await where.best(TENANT, "a") == made[2].environment_id
    world.time.passes(seconds=1)
    await where.runs(made[1], ["a"])
    assert await where.best(TENANT, "a") == made[1].environment_id
    await where.left(made[1], ["a"])
    await where.left(made[2], ["a", "never-there"])
    assert await where.best(TENANT, "a") == made[0].environment_id


async def test_a_service_is_found_by_its_whole_id_and_its_own_tenant(where: Where, environment: Environment) -> None:
    await where.runs(environment, ["orders-api"])
    assert await where.best(TENANT, "orders-api") == environment.environment_id
    assert await where.best(TENANT, "orders") is None
    assert await where.best("other", "orders-api") is None


async def test_what_a_snapshot_no_longer_holds_is_found_nowhere(
    catalog: Catalog, where: Where, environment: Environment
) -> None:
    await catalog.project(environment, snapshot("a", "b"), 2, {})
    await catalog.project(environment, snapshot("b"), 3, {})
    assert await where.best(TENANT, "a") is None
    assert await where.best(TENANT, "b") == environment.environment_id


async def test_a_list_is_read_newest_first_and_skips_what_its_pointers_lead_to_no_more(world: World) -> None:
    def rows(number: int) -> list[Any]:
        at = NOON + timedelta(seconds=number)
        pointer = Create(keys.listed("x", at, f"x-{number}"), {})
        return [pointer] if number == 3 else [pointer, Create(f"x-{number}", {"number": number})]

    await world.store.commit("p", "c", [change for number in range(6) for change in rows(number)])
    seen: list[int] = []
    after: str | None = ""
    pages = 0
    while after is not None:
        found = await newest(world.store, "p", "x", limit=2, after=after)
        seen += [row.document["number"] for row in found.rows]
        after, pages = found.after, pages + 1
    assert seen == [5, 4, 2, 1, 0]
    assert pages == 3, "no empty page at the end"
    assert (await newest(world.store, "p", "other", limit=2)).rows == []
