"""From what a release names to what is to run: workloads, and what each service was before, in waves.

An image's tag is resolved to its digest here, once: that is what runs, on every target and also when it is restored
later, whatever the tag means by then.

A deployment changes only the components it names. A component that names no replicas keeps its count, a release that
names no configuration keeps the one each service has. A rollback is planned from the snapshot it restores instead, a
rotation from what runs and the versions that were found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.events.journal import Place
from shared.runtime.catalog.model import Placed, Snapshot
from shared.runtime.catalog.rows import Catalog
from shared.runtime.deployments import rotating, waves
from shared.runtime.deployments.model import Component, Deployment, Strategy
from shared.runtime.rollout.plan import Planned
from shared.runtime.scaling.model import ScalingPolicy
from shared.runtime.scaling.reading import Policies
from shared.runtime.secrets.resolution import Adopted, Resolver, Variables
from shared.targets.port import Workload

Standing = Mapping[tuple[str, str], ScalingPolicy]  # by (service, target)
_AT_ONCE = 8  # images that are looked up together


@dataclass(frozen=True)
class Preparing:
    catalog: Catalog
    resolver: Resolver
    policies: Policies
    resolve: Callable[[str], Awaitable[str]]  # an image to its digest; raises `Transient`, `Refused`

    async def plan(self, place: Place, deployment: Deployment) -> list[Planned]:
        """Raises `ValidationFailed` when a configuration names a secret that is not bound, `Refused` when an image does not
        exist, `Transient` when its registry cannot be asked."""
        stable = await self.catalog.snapshot(place, deployment.previous_deployment_id)
        standing = stable.services if stable else {}
        policies = await self.policies.standing(place)
        if deployment.rollback_to is not None:
            target = await self.catalog.snapshot(place, deployment.rollback_to)
            return await self._restoring(place, standing, target.services if target else {}, policies)
        if deployment.rotates:
            return await self._rotating(place, deployment, standing, policies)
        at_once = deployment.strategy is Strategy.ALL_AT_ONCE
        order = {} if at_once else waves.ordered(deployment.components)
        digests = await self._digests([component.image for component in deployment.components])
        planned = [
            _pinned(
                await self._component(place, deployment, component, standing.get(component.module_id), policies), digests
            )
            for component in deployment.components
        ]
        return [item.model_copy(update={"wave": order.get(item.service_id, 0)}) for item in planned]

    async def _digests(self, images: Sequence[str]) -> dict[str, str]:
        gate, names = asyncio.Semaphore(_AT_ONCE), sorted(set(images))

        async def one(image: str) -> str:
            async with gate:
                return await self.resolve(image)

        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

    async def _component(
        self,
        place: Place,
        deployment: Deployment,
        component: Component,
        before: Placed | None,
        policies: Standing,
    ) -> Planned:
        standing = before.configuration_id if before else None
        configuration_id, variables = await self._configured(
            place, component.module_id, deployment.configuration_id, standing
        )
        policy = policies.get((component.module_id, component.target))
        workload = Workload(
            service_id=component.module_id,
            image=component.image,
            replicas=_replicas(component, before, policy),
            env={**variables, **component.env},
            health=component.health,
            scaling=policy.honoured() if policy else None,
            release=deployment.deployment_id,
        )
        placed = Placed(target=component.target, workload=workload, configuration_id=configuration_id)
        return Planned(service_id=component.module_id, wave=0, wanted=placed, before=before)

    async def _configured(
        self, place: Place, module_id: str, *configuration_ids: str | None
    ) -> tuple[str | None, Variables]:
        """The first configuration that is for the module, with its variables: naming another module's takes nobody's
        away."""
        for configuration_id in filter(None, configuration_ids):
            variables = await self.resolver.variables(place, configuration_id, module_id)
            if variables is not None:
                return configuration_id, variables
        return None, {}

    async def _restoring(
        self,
        place: Place,
        standing: Mapping[str, Placed],
        target: Mapping[str, Placed],
        policies: Standing,
    ) -> list[Planned]:
        """What differs between now and then, in one wave."""
        restored, planned = await self._current(place, target, policies), []
        for service_id in sorted({*standing, *restored}):
            before, wanted = standing.get(service_id), restored.get(service_id)
            if before != wanted:
                planned.append(Planned(service_id=service_id, wave=0, wanted=wanted, before=before))
        return planned

    async def _rotating(
        self,
        place: Place,
        deployment: Deployment,
        standing: Mapping[str, Placed],
        policies: Standing,
    ) -> list[Planned]:
        """Every consumer as it runs, with the versions that its bindings are to go to."""
        found = await rotating.bindings(self.catalog.store, place, deployment.rotates or ())
        adopted = {one.secret_binding_id: one.turn.versions for _, one in found if one.turn}
        consumers = {one.module_id: standing[one.module_id] for one in deployment.components}
        renewed = await self._current(place, consumers, policies, adopted)
        order, planned = waves.ordered(deployment.components), []
        for service_id, before in consumers.items():
            wanted = renewed[service_id]
            workload = wanted.workload.model_copy(update={"release": deployment.deployment_id})
            wanted = wanted.model_copy(update={"workload": workload})
            planned.append(Planned(service_id=service_id, wave=order[service_id], wanted=wanted, before=before))
        return planned

    async def current(self, place: Place, placed: Placed) -> Placed:
        """`all_current` for one."""
        service_id = placed.workload.service_id
        return (await self.all_current(place, {service_id: placed}))[service_id]

    async def all_current(self, place: Place, services: Mapping[str, Placed]) -> dict[str, Placed]:
        """Earlier workloads as they may run today: secrets at the version their binding has enabled now, and the scaling
        policies that stand now, which a rollback leaves alone. As many reads for all of them as for one."""
        return await self._current(place, services, await self.policies.standing(place))

    async def _current(
        self,
        place: Place,
        services: Mapping[str, Placed],
        policies: Standing,
        adopted: Adopted | None = None,
    ) -> dict[str, Placed]:
        current = await self.resolver.current(place, services, adopted)
        return {service_id: _honouring(placed, policies) for service_id, placed in current.items()}


def _honouring(placed: Placed, policies: Standing) -> Placed:
    """Scaled as its policy has it now."""
    workload = placed.workload
    policy = policies.get((workload.service_id, placed.target))
    scaled = {"scaling": policy.honoured() if policy else None, "replicas": _left(policy) or workload.replicas}
    return placed.model_copy(update={"workload": workload.model_copy(update=scaled)})


def _pinned(planned: Planned, digests: Mapping[str, str]) -> Planned:
    """The wanted workload with the digest of its image."""
    assert planned.wanted is not None  # noqa: S101 - of a component
    workload = planned.wanted.workload
    pinned = workload.model_copy(update={"digest": digests[workload.image]})
    return planned.model_copy(update={"wanted": planned.wanted.model_copy(update={"workload": pinned})})


def _replicas(component: Component, before: Placed | None, policy: ScalingPolicy | None) -> int:
    """As many as it names; else as many as there are, also where a pause left another count than the last release's."""
    if component.replicas is not None:
        return component.replicas
    return _left(policy) or (before.workload.replicas if before else 1)


def _left(policy: ScalingPolicy | None) -> int | None:
    """The count that a pause left."""
    return policy.paused.replicas if policy is not None and policy.paused is not None else None


def overlaid(stable: Snapshot | None, deployment: Deployment, planned: list[Planned]) -> Snapshot:
    """The new stable snapshot: the old one with what the release changed."""
    services = dict(stable.services) if stable else {}
    for item in planned:
        if item.wanted is None and deployment.drift is not None:
            continue  # it runs where it is not wanted, which is no reason to want it nowhere
        if item.wanted is None:
            services.pop(item.service_id, None)
        else:
            services[item.service_id] = item.wanted
    return Snapshot(
        deployment_id=deployment.deployment_id,
        release_ref=deployment.release_ref,
        content_hash=deployment.content_hash or "",
        services=services,
    )
