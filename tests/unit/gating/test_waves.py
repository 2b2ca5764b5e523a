"""In which order the components of a release roll, and which orders there are not."""

from __future__ import annotations

from typing import Any

import pytest

from shared.kernel.errors import ValidationFailed
from shared.runtime.deployments import waves
from shared.runtime.deployments.model import Component
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.world import World, component, deployment_of


def components(**release: tuple[int, list[str]]) -> list[Component]:
    """name=(wave, depends on)."""
    return [Component.read(component(name, wave=wave, dependsOn=needs)) for name, (wave, needs) in release.items()]


@pytest.mark.parametrize(
    ("release", "order"),
    [
        ({"a": (0, []), "b": (0, [])}, {"a": 0, "b": 0}),
        ({"a": (5, []), "b": (9, [])}, {"a": 5, "b": 9}),
        ({"a": (0, ["b"]), "b": (0, [])}, {"b": 0, "a": 1}),
        ({"a": (0, ["b"]), "b": (0, ["c"]), "c": (0, [])}, {"c": 0, "b": 1, "a": 2}),
        ({"a": (0, ["b", "c"]), "b": (0, []), "c": (0, ["b"])}, {"b": 0, "c": 1, "a": 2}),
        # What an earlier wave brings is there already.
        ({"a": (1, ["b"]), "b": (0, [])}, {"b": 0, "a": 1}),
        # A wave that was split pushes the next one up, and only as far as it has to.
        ({"a": (0, ["b"]), "b": (0, []), "c": (1, [])}, {"b": 0, "a": 1, "c": 2}),
        ({"a": (0, ["b"]), "b": (0, []), "c": (7, [])}, {"b": 0, "a": 1, "c": 7}),
        ({"a": (3, ["b"]), "b": (3, []), "c": (4, ["a"]), "d": (4, ["c"])}, {"b": 3, "a": 4, "c": 5, "d": 6}),
        # What runs outside the release orders nothing.
        ({"a": (0, ["elsewhere"]), "b": (0, [])}, {"a": 0, "b": 0}),
    ],
)
def test_the_order(release: dict[str, tuple[int, list[str]]], order: dict[str, int]) -> None:
    assert waves.ordered(components(**release)) == order


def test_a_long_chain_is_an_order_too() -> None:
    chain = {f"s{at}": (0, [f"s{at - 1}"] if at else []) for at in range(200)}
    assert waves.ordered(components(**chain)) == {f"s{at}": at for at in range(200)}


@pytest.mark.parametrize(
    ("release", "field", "says"),
    [
        ({"a": (0, ["b"]), "b": (0, ["a"])}, "components", "circle"),
        ({"a": (0, ["b"]), "b": (0, ["c"]), "c": (0, ["a"])}, "components", "circle"),
        ({"a": (0, ["a"])}, "components[0].dependsOn", "itself"),
        ({"a": (0, ["b"]), "b": (1, [])}, "components[0].dependsOn", "later wave"),
    ],
)
async def test_orders_that_there_are_not(world: World, release: Any, field: str, says: str) -> None:
    wanted = [one.document() for one in components(**release)]
    with pytest.raises(ValidationFailed) as refused:
        await world.deploy(*wanted)
    assert says in refused.value.errors[field][0]


async def test_what_neither_runs_nor_comes_is_no_dependency(world: World) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await world.deploy(component("web"), component("api", dependsOn=["web", "db"]))
    assert list(refused.value.errors) == ["components[1].dependsOn"]


async def test_what_runs_already_is_one(world: World) -> None:
    await Engine(world).run(await world.deploy(component("db")))
    assert await Engine(world).run(await world.deploy(component("api", dependsOn=["db"]))) == "completed"


async def test_all_at_once_has_no_order(world: World) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await world.deploy(component("db"), component("api", dependsOn=["db"]), strategy="AllAtOnce")
    assert "RollingHealthGated" in refused.value.errors["components[1].dependsOn"][0]


async def test_what_depends_rolls_only_when_what_it_needs_has_passed_its_gate(world: World) -> None:
    operation = await world.deploy(component("api", dependsOn=["db"]), component("db"), component("web", wave=1))
    await Engine(world).run(operation)
    rolled = [step for step in await world.history(deployment_of(operation)) if step[1] is not None]
    assert rolled == [(phase, wave) for wave in range(3) for phase in ("RollingOut", "HealthGating")]
    assert world.apps.of("apply") == ["db", "api", "web"]


async def test_the_deadline_leaves_time_for_every_gate_of_the_order(world: World) -> None:
    flat = await world.deploy(component("a"), component("b"), component("c"))
    await Engine(world).run(flat)
    chain = await world.deploy(component("a"), component("b", dependsOn=["a"]), component("c", dependsOn=["b"]))
    gate = (await world.deployment(deployment_of(chain))).gate.longest
    assert (chain.must_settle_by - chain.created_at) - (flat.must_settle_by - flat.created_at) == 2 * gate
