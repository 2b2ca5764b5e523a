"""Gates of services that nobody here can reach: an agent's report is evidence, of the new revision and fresh, or none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.ingest import HealthResultsRequest, Ingest, Observation
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.targets import FakeTarget
from tests.unit.doubles.world import World, component, deployment_of, image

GATE = {"stableSeconds": 5, "retryTimeoutSeconds": 40}
NEW, OLD = image("api", "2"), image("api", "1")


@pytest.fixture
async def walled(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """`api` runs where no address leads from here, from its second release on."""
    await Engine(world).run(await world.deploy(component("api", "1")))
    observed = FakeTarget._observed

    def without_addresses(self: Any, *args: Any) -> Any:
        return observed(self, *args).model_copy(update={"addresses": []})

    monkeypatch.setattr(FakeTarget, "_observed", without_addresses)
    return world


async def report(
    world: World,
    status: HealthStatus = HealthStatus.HEALTHY,
    *,
    of: str | None = NEW,
    age: float = 0.0,
    revision: str | None = None,
    service: str = "api",
) -> None:
    seen = Observation(
        service_id=service,
        status=status,
        observed_at=world.clock() - timedelta(seconds=age),
        observed_image=of,
        observed_revision=revision,
        source="agent-weu",
    )
    request = HealthResultsRequest(results=[seen])
    await Ingest(world.journal, timedelta(seconds=90), world.deploying.plans.rolling).results(
        world.intent(request), await world.admitted_anyhow(), request
    )


async def released(
    world: World,
    *,
    every: float | None = 1.0,
    service: str = "api",
    tag: str = "2",
    configuration_id: str | None = None,
    which: Callable[[World], str] | None = None,
    **told: Any,
) -> Any:
    """A release with an agent that reports each so many seconds (None: never again after the apply)."""
    pauses, last = world.clock.sleep, [world.clock()]

    async def sleep(seconds: float) -> None:
        await pauses(seconds)
        if every is not None and (world.clock() - last[0]).total_seconds() >= every:
            last[0] = world.clock()
            await report(world, service=service, revision=which(world) if which else None, **told)

    object.__setattr__(world.deploying, "sleep", sleep)
    named = {"configurationId": configuration_id} if configuration_id else {}
    operation = await world.deploy(component(service, tag), gate=GATE, **named)
    await Engine(world).run(operation)
    return await world.deployment(deployment_of(operation))


async def test_reports_of_the_new_revision_pass_its_gate(walled: World) -> None:
    deployment = await released(walled)
    assert deployment.status is DeploymentStatus.COMPLETED
    samples = (await walled.gate_of(deployment.deployment_id)).evidence.samples
    assert samples[-1].detail == "reported by agent-weu"
    assert samples[-1].image == NEW


async def test_the_first_release_of_a_service_passes_on_reports_too(walled: World) -> None:
    name, seen = "worker", image("worker", "1")
    deployment = await released(walled, service=name, tag="1", of=seen)
    assert deployment.status is DeploymentStatus.COMPLETED
    assert (await walled.gate_of(deployment.deployment_id)).evidence.samples[-1].detail == "reported by agent-weu"


async def test_a_report_that_it_is_unhealthy_fails_it(walled: World) -> None:
    deployment = await released(walled, status=HealthStatus.UNHEALTHY)
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.ROLLED_BACK, "GateFailed")


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"of": OLD}, id="of the old revision"),
        pytest.param({"age": 31.0}, id="too old to be of now"),
        pytest.param({"every": None}, id="nobody reports"),
    ],
)
async def test_no_other_report_promotes(walled: World, told: dict[str, Any]) -> None:
    await report(walled, of=told.get("of", NEW))  # from before the apply
    deployment = await released(walled, **told)
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.ROLLED_BACK, "GateInconclusive")


def newest(world: World) -> str:
    """The label of what was applied last, as an agent beside it reads it."""
    return list(world.apps.services["api"].revisions)[-1]


def oldest(world: World) -> str:
    return next(iter(world.apps.services["api"].revisions))


@pytest.mark.parametrize("image_too", [OLD, None])
async def test_a_report_that_names_the_revision_is_of_it_whatever_its_image(walled: World, image_too: str | None) -> None:
    configuration = await walled.publish({"LEVEL": "debug"})
    deployment = await released(walled, tag="1", of=image_too, configuration_id=configuration, which=newest)
    assert deployment.status is DeploymentStatus.COMPLETED
    samples = (await walled.gate_of(deployment.deployment_id)).evidence.samples
    assert (samples[-1].detail, samples[-1].revision) == ("reported by agent-weu", newest(walled))


async def test_a_report_that_names_the_old_revision_is_none_of_the_new_one(walled: World) -> None:
    deployment = await released(walled, which=oldest)
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.ROLLED_BACK, "GateInconclusive")


async def test_a_report_of_the_same_image_could_be_of_the_old_revision(walled: World) -> None:
    configuration = await walled.publish({"LEVEL": "debug"})
    deployment = await released(walled, tag="1", of=OLD, configuration_id=configuration)
    assert (deployment.status, deployment.error.code) == (DeploymentStatus.ROLLED_BACK, "GateInconclusive")


async def test_where_an_address_answers_no_report_is_asked_for(world: World) -> None:
    await Engine(world).run(await world.deploy(component("api", "1")))
    world.prober.says[NEW] = HealthStatus.UNHEALTHY
    deployment = await released(world)
    assert deployment.error.code == "GateFailed"
