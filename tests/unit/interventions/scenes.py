"""Long flows in which people intervene: how each begins, what happens meanwhile, and what it must end as.

Whatever happens is bound to a place in the flow and not to a time, so that a process that died and was carried on meets
the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from shared.operations.model import Operation, OperationStatus
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.health.document import HealthStatus
from shared.runtime.secrets.model import SecretBinding
from shared.targets.port import SecretReference
from tests.unit.doubles.engine import Engine, Meanwhile
from tests.unit.doubles.people import People
from tests.unit.doubles.world import TENANT, World, begun, component, deployment_of, image
from tests.unit.gating.pausing import Answers, failing
from tests.unit.rotation.ground import QUEUE, V1, Ground, furnished

POLL = 14400.0  # seconds


@dataclass
class Play:
    """A flow that has begun: `meanwhile` and `before` as the engine takes them."""

    operation: Operation
    meanwhile: list[Meanwhile] = field(default_factory=list)
    before: dict[str, Meanwhile] = field(default_factory=dict)

    def happening(self) -> dict[str, Any]:
        """Shared by all engines of a play: what has happened does not happen again."""
        return {"meanwhile": self.meanwhile, "before": self.before}


@dataclass(frozen=True)
class Scene:
    begin: Callable[[World], Awaitable[Play]]
    status: OperationStatus
    environment: EnvironmentStatus = EnvironmentStatus.PROVISIONED
    bare: bool = False  # begins without an environment


def pauses(*words: str) -> Callable[[World], Awaitable[Play]]:
    """A release that pauses, answered by these methods of `Answers`."""

    async def begin(world: World) -> Play:
        operation = await failing(world, component("web", "1", wave=1))
        answers = Answers(world, operation)
        return Play(operation, [getattr(answers, word) for word in words])

    return begin


def cancelled_before(activity: str) -> Callable[[World], Awaitable[Play]]:
    """A release over two waves, cancelled right before an activity of that name."""

    async def begin(world: World) -> Play:
        await Engine(world).run(await world.deploy(component("api", "1")))
        operation = await world.deploy(component("api", "2"), component("web", "1", wave=1))
        return Play(operation, before={activity: lambda: People(world).cancel(operation)})

    return begin


async def cancelled_before_it_started(world: World) -> Play:
    operation = await world.deploy(component("api", "2"))
    await People(world).cancel(operation)
    return Play(operation)


async def first_cancelled(world: World) -> Play:
    operation = await world.deploy(component("api", "1"))
    return Play(operation, before={"deploy_judge": lambda: People(world).cancel(operation)})


async def provision(world: World) -> Play:
    return Play(await People(world).provision())


async def provision_cancelled(world: World) -> Play:
    operation = await People(world).provision()
    return Play(operation, [lambda: People(world).cancel(operation)])


async def provision_again(world: World) -> Play:
    world.jobs.engine.errors.append(RuntimeError("quota"))
    people = People(world)
    failed = await people.provision()
    await Engine(world).run(failed)
    return Play(begun(await people.retry(failed)))


async def _furnished(world: World) -> None:
    components = [component("api", "1"), component("web", "1", "aks")]
    await Engine(world).run(await world.deploy(*components))


async def decommission(world: World) -> Play:
    await _furnished(world)
    return Play(begun(await People(world).decommission()))


def decommission_cancelled_before(activity: str) -> Callable[[World], Awaitable[Play]]:
    async def begin(world: World) -> Play:
        await _furnished(world)
        operation = begun(await People(world).decommission())
        return Play(operation, before={activity: lambda: People(world).cancel(operation)})

    return begin


async def decommission_again(world: World) -> Play:
    play = await decommission(world)
    world.jobs.engine.errors.append(RuntimeError("a lock"))
    await Engine(world).run(play.operation)
    return Play(begun(await People(world).retry(play.operation)))


async def deploy_again(world: World) -> Play:
    failed = await failing(world, gate={"failureLimit": 1})
    await Engine(world).run(failed)
    world.prober.says[image("api", "2")] = HealthStatus.HEALTHY
    return Play(begun(await People(world).retry(failed)))


async def scaling(world: World) -> Operation:
    await Engine(world).run(await world.deploy(component("api", "1")))
    ident = (await world.scale("api")).body["scalingPolicyId"]
    return await world.enforcing.begin(await world.admitted(), await world.policy(ident))


async def scaling_cancelled(world: World) -> Play:
    operation = await scaling(world)
    return Play(operation, before={"scaling_enforce": lambda: People(world).cancel(operation)})


async def rotation(world: World) -> Play:
    ground = await furnished(world)
    ground.renewed()
    return Play(await ground.rotate())


async def rotation_that_waits(world: World) -> Play:
    ground = await furnished(world)
    return Play(await ground.rotate(), [_renewing(ground)])


def _renewing(ground: Ground) -> Meanwhile:
    async def renewed() -> None:
        ground.renewed()

    return renewed


async def rotation_in_vain(world: World) -> Play:
    return Play(await (await furnished(world)).rotate())


async def rotation_unhealthy(world: World) -> Play:
    play = await rotation(world)
    world.prober.says[image("worker", "1")] = HealthStatus.UNHEALTHY
    return play


async def rotation_of_what_nobody_uses(world: World) -> Play:
    ground = await furnished(world)
    world.vault.holds("queue-key", V1)
    queue = await world.bind(QUEUE)
    ground.renewed(secret_name="queue-key")
    return Play(await ground.rotate(queue))


async def rotations_together(world: World) -> Play:
    ground = await furnished(world)
    world.vault.holds("queue-key", V1)
    queue = await world.bind(QUEUE)
    ground.renewed()
    ground.renewed(secret_name="queue-key")
    operation = await ground.rotate()
    await world.rotate(queue)
    return Play(operation)


def rotation_cancelled_before(activity: str) -> Callable[[World], Awaitable[Play]]:
    async def begin(world: World) -> Play:
        play = await rotation(world)
        return replace(play, before={activity: lambda: People(world).cancel(play.operation)})

    return begin


SUCCEEDED, FAILED, CANCELED = OperationStatus.SUCCEEDED, OperationStatus.FAILED, OperationStatus.CANCELED
SCENES = {
    "paused, retried": Scene(pauses("mends_and_retries"), SUCCEEDED),
    "paused, retried in vain, promoted": Scene(pauses("retries", "promotes"), SUCCEEDED),
    "paused, promoted": Scene(pauses("promotes"), SUCCEEDED),
    "paused, cancelled": Scene(pauses("cancels"), CANCELED),
    "paused, nobody decides": Scene(pauses(), FAILED),
    "cancelled before it started": Scene(cancelled_before_it_started, CANCELED),
    "cancelled while applying": Scene(cancelled_before("deploy_apply"), CANCELED),
    "cancelled in its gate": Scene(cancelled_before("deploy_judge"), CANCELED),
    "cancelled in its promotion": Scene(cancelled_before("deploy_promote"), CANCELED),
    "cancelled after the traffic moved": Scene(cancelled_before("deploy_wait_alone"), CANCELED),
    "cancelled at its end": Scene(cancelled_before("deploy_complete"), CANCELED),
    "the first release cancelled": Scene(first_cancelled, CANCELED),
    "retried release": Scene(deploy_again, SUCCEEDED),
    "provision": Scene(provision, SUCCEEDED, bare=True),
    "provision cancelled": Scene(provision_cancelled, CANCELED, EnvironmentStatus.FAILED, bare=True),
    "provision again": Scene(provision_again, SUCCEEDED, bare=True),
    "decommission": Scene(decommission, SUCCEEDED, EnvironmentStatus.DECOMMISSIONED),
    "decommission cancelled at once": Scene(
        decommission_cancelled_before("decommission_unload"), CANCELED, EnvironmentStatus.FAILED
    ),
    "decommission cancelled in its job": Scene(
        decommission_cancelled_before("provisioner_look"), CANCELED, EnvironmentStatus.FAILED
    ),
    "decommission cancelled too late": Scene(
        decommission_cancelled_before("decommission_complete"), SUCCEEDED, EnvironmentStatus.DECOMMISSIONED
    ),
    "decommission again": Scene(decommission_again, SUCCEEDED, EnvironmentStatus.DECOMMISSIONED),
    "scaling cancelled": Scene(scaling_cancelled, CANCELED),
    "rotation": Scene(rotation, SUCCEEDED),
    "rotation that waits for a version": Scene(rotation_that_waits, SUCCEEDED),
    "rotation without a version": Scene(rotation_in_vain, FAILED),
    "rotation, unhealthy": Scene(rotation_unhealthy, FAILED),
    "rotation of what nobody uses": Scene(rotation_of_what_nobody_uses, SUCCEEDED),
    "two rotations, one roll": Scene(rotations_together, SUCCEEDED),
    "rotation cancelled before it was planned": Scene(rotation_cancelled_before("rotation_plan"), CANCELED),
    "rotation cancelled while applying": Scene(rotation_cancelled_before("deploy_apply"), CANCELED),
    "rotation cancelled at its end": Scene(rotation_cancelled_before("deploy_complete"), CANCELED),
}


async def opened(scene: Scene) -> tuple[World, Play]:
    world = World() if scene.bare else await World().provision()
    return world, await scene.begin(world)


async def end_of(world: World, operation: Operation) -> dict[str, Any]:
    """What an observer can tell at the end, without clocks."""
    environment, ended = await world.environment(), await world.operation(operation.operation_id)
    deployment = await world.store.get(world.partition, deployment_of(operation))
    listed = await world.store.list(f"{TENANT}|~", "n-env-", limit=10)
    bindings = await world.store.list(world.partition, "sec-", limit=9)
    return {
        "operation": (ended.status, ended.error, ended.waiting_for, ended.attempt),
        "steps": [(step.name, step.status, step.detail) for step in ended.steps],
        "slot": (await world.slot()).operation_id,
        "environment": (environment.status, environment.stable_release_ref, environment.hold and environment.hold.reason),
        "listed": [row.document["environment"]["status"] for row in listed],
        "deployment": deployment and (deployment.document["status"], deployment.document.get("error")),
        "history": deployment and await world.history(deployment_of(operation)),
        "inventory": {name: (row.image, row.replicas) for name, row in (await world.inventory()).items()},
        "running": {
            name: target.running(name) for target in (world.apps, world.cluster) for name in sorted(target.services)
        },
        "versions": _versions(world),
        "bindings": [_told(SecretBinding.read(row.document)) for row in bindings],
        "disabled": world.vault.disabled,
        "engine": world.jobs.engine.done,
        "alive": world.jobs.living,
        "events": [(event.event_type, event.sequence) for event in await world.events()],
    }


def _versions(world: World) -> dict[str, list[str]]:
    """service -> the versions of secrets that what serves runs with."""
    serving = {
        name: service.revisions[service.serving].workload
        for target in (world.apps, world.cluster)
        for name, service in target.services.items()
        if service.serving
    }
    return {
        name: sorted(one.version for one in workload.env.values() if isinstance(one, SecretReference))
        for name, workload in serving.items()
    }


def _told(binding: SecretBinding) -> dict[str, Any]:
    """Without clocks."""
    left = [(one.secret_name, one.version) for one in binding.outgoing]
    document = {"status": binding.status, "turn": binding.turn, "secrets": binding.secrets, "outgoing": left}
    return document | {"requested": sorted(binding.requested), "rotated": sorted(binding.rotated)}
