"""GET /deployments/{id}?compareTo=: which deployments can be compared, and what is compared then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.kernel.errors import NotFound, Refused, ValidationFailed
from shared.kernel.ids import environment_id
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.health.document import HealthStatus
from shared.store import keys
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.world import CALLER, World, component, deployment_of, image

UNKNOWN = "names no deployment of this environment that was prepared"


@pytest.fixture
async def world() -> World:
    return await World().provision()


async def released(world: World, *components: dict[str, Any], **fields: Any) -> str:
    operation = await world.deploy(*components, **fields)
    await Engine(world).run(operation)
    return deployment_of(operation)


async def comparison(world: World, deployment_id: str, compare_to: str) -> dict[str, Any]:
    document = await world.reader.get(CALLER, deployment_id, compare_to=compare_to)
    return document["comparison"]  # type: ignore[no-any-return]


async def refusal(world: World, deployment_id: str, compare_to: str) -> str:
    with pytest.raises(ValidationFailed) as raised:
        await world.reader.get(CALLER, deployment_id, compare_to=compare_to)
    assert set(raised.value.errors) == {"compareTo"}
    [text] = raised.value.errors["compareTo"]
    return text


async def test_without_a_wish_there_is_no_comparison(world: World) -> None:
    deployment_id = await released(world, component("api"))
    assert "comparison" not in await world.reader.get(CALLER, deployment_id)


async def test_what_a_release_changed_is_told_from_the_other_to_this_one(world: World) -> None:
    first_configuration = await world.publish({"GREETING": "hello", "LIMIT": 5})
    second_configuration = await world.publish({"GREETING": "good day", "LIMIT": 5})
    first = await released(world, component("api", "1"), configurationId=first_configuration)
    second = await released(world, component("api", "2", replicas=3), configurationId=second_configuration)
    assert await comparison(world, second, first) == {
        "components": [
            {
                "serviceId": "api",
                "from": {"image": image("api", "1"), "replicas": 1},
                "to": {"image": image("api", "2"), "replicas": 3},
            }
        ],
        "configuration": [{"serviceId": "api", "from": first_configuration, "to": second_configuration}],
        "settings": [{"serviceId": "api", "key": "GREETING", "from": "hello", "to": "good day"}],
    }


async def test_all_that_ran_is_compared_not_only_what_a_release_named(world: World) -> None:
    first = await released(world, component("api"), component("web"))
    await released(world, component("web", "2"))
    third = await released(world, component("api", "3"))
    found = await comparison(world, third, first)
    assert [(entry["serviceId"], entry["to"]["image"]) for entry in found["components"]] == [
        ("api", image("api", "3")),
        ("web", image("web", "2")),
    ]


async def test_a_release_that_was_taken_back_is_compared_by_what_it_was_to_run(world: World) -> None:
    first = await released(world, component("api"), component("web"))
    world.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    second = await released(world, component("api", "2"))
    assert (await world.deployment(second)).status is DeploymentStatus.ROLLED_BACK
    assert [entry["serviceId"] for entry in (await comparison(world, second, first))["components"]] == ["api"]
    assert [entry["serviceId"] for entry in (await comparison(world, first, second))["components"]] == ["api"]


async def test_a_first_release_that_failed_is_compared_by_its_plan(world: World) -> None:
    world.prober.says[image("api", "1")] = HealthStatus.UNHEALTHY
    first = await released(world, component("api"))
    second = await released(world, component("api", "2"))
    assert (await comparison(world, second, first))["components"][0]["from"] == {"image": image("api", "1")}


async def test_a_manual_rollback_compared_to_what_it_restored_is_no_difference(world: World) -> None:
    first = await released(world, component("api"))
    second = await released(world, component("api", "2"), component("web"))
    operation = await world.roll_back(second)
    await Engine(world).run(operation)
    back = deployment_of(operation)
    assert await comparison(world, back, first) == {"components": [], "configuration": [], "settings": []}
    assert [entry["serviceId"] for entry in (await comparison(world, back, second))["components"]] == ["api", "web"]


async def test_a_release_compared_to_itself_is_no_difference(world: World) -> None:
    deployment_id = await released(world, component("api", env={"A": "1"}))
    assert await comparison(world, deployment_id, deployment_id) == {"components": [], "configuration": [], "settings": []}


async def test_a_secret_is_compared_by_its_reference(world: World) -> None:
    world.vault.holds("db-password", "a" * 32)
    binding = await world.bind({"name": "db", "secretName": "db-password"})
    first = await released(world, component("api"))
    configuration = await world.publish({"DB": {"secretRef": f"{binding}/db"}})
    second = await released(world, component("api"), configurationId=configuration)
    [entry] = (await comparison(world, second, first))["settings"]
    assert entry["key"] == "DB"
    assert entry["to"].startswith("keyvault:https://")
    assert entry["to"].endswith(f"/secrets/db-password/{'a' * 32}")


@pytest.mark.parametrize(
    "other",
    [
        "dep-00000000000000aa00000000000000ff",
        "dep-00000000000000bb00000000000000d0",
        "op-00000000000000aa00000000000d0000",
        "env-00000000000000aa",
        "snap-dep",
        "x" * 128,
    ],
)
async def test_what_is_no_deployment_of_this_environment_is_refused_with_one_text(world: World, other: str) -> None:
    deployment_id = await released(world, component("api"))
    assert await refusal(world, deployment_id, other) == UNKNOWN


async def test_a_deployment_of_another_environment_or_tenant_is_as_unknown_as_any(world: World) -> None:
    deployment_id = await released(world, component("api"))
    other = World(environment_id=environment_id("00000000000000bb"), store=world.store)
    await other.provision()
    elsewhere = await released(other, component("api"))
    assert await refusal(world, deployment_id, elsewhere) == UNKNOWN
    with pytest.raises(NotFound):
        await world.reader.get(replace(CALLER, tenant_id="other"), deployment_id, compare_to=deployment_id)


async def test_a_deployment_that_was_never_prepared_cannot_be_compared_either_way(world: World) -> None:
    first = await released(world, component("api"))
    waiting = deployment_of(await world.deploy(component("api", "2")))
    assert await refusal(world, first, waiting) == UNKNOWN
    assert "never prepared" in await refusal(world, waiting, first)


async def test_a_plan_that_is_no_longer_whole_says_nothing(world: World) -> None:
    first = await released(world, component("api"))
    world.apps.fail("apply", "web", Refused("arm", "ImageNotFound"))
    second = await released(world, component("api", "2"), component("web", "2"))
    assert [entry["serviceId"] for entry in (await comparison(world, second, first))["components"]] == ["api", "web"]
    await world.delete(f"{keys.plan(second)}000-web")
    assert await refusal(world, first, second) == UNKNOWN
