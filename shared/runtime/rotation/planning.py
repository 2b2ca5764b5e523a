"""Who has to roll when bindings go to other versions, and the release that this is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shared.events.journal import Place
from shared.kernel.clock import Clock
from shared.operations.model import Operation
from shared.runtime.catalog.model import Placed
from shared.runtime.catalog.rows import Catalog
from shared.runtime.deployments.model import Component, Deployment, HistoryEntry, Phase, Strategy
from shared.runtime.deployments.rotating import components
from shared.runtime.environments.model import Environment
from shared.runtime.rollout.gate import GatePolicy
from shared.runtime.secrets.resolution import Resolver

Wanted = Mapping[str, Collection[str]]  # binding -> names of its secrets


@dataclass(frozen=True)
class Planning:
    catalog: Catalog
    resolver: Resolver
    clock: Clock
    gate: GatePolicy  # of every roll: the platform's defaults

    async def running(self, place: Place, environment: Environment) -> Mapping[str, Placed]:
        stable = await self.catalog.snapshot(place, environment.stable_deployment_id)
        return stable.services if stable else {}

    async def consumers(self, place: Place, environment: Environment, wanted: Wanted) -> dict[str, list[str]]:
        """The services that run with a secret of `wanted`, and the names of those secrets."""
        used: dict[str, set[str]] = {}
        for use in await self.resolver.uses(place, await self.running(place, environment)):
            if use.name in wanted.get(use.binding_id, ()):
                used.setdefault(use.service_id, set()).add(use.name)
        return {service_id: sorted(names) for service_id, names in sorted(used.items())}

    async def components(
        self, place: Place, environment: Environment, consumers: Collection[str] | None = None
    ) -> list[Component]:
        """What runs, or those `consumers` of it, as a release would name them."""
        running = await self.running(place, environment)
        chosen = {name: one for name, one in running.items() if consumers is None or name in consumers}
        return await components(self.catalog.store, place, chosen)

    async def release(
        self, environment: Environment, operation: Operation, deployment_id: str, consumers: Collection[str], wanted: Wanted
    ) -> Deployment:
        """The release that a rotation is: what runs, under the same name, with other versions of secrets."""
        place, now = Place(environment.tenant_id, environment.environment_id, environment.project_id), self.clock()
        return Deployment(
            deployment_id=deployment_id,
            tenant_id=environment.tenant_id,
            environment_id=environment.environment_id,
            project_id=environment.project_id,
            release_ref=environment.stable_release_ref or "",
            components=await self.components(place, environment, consumers),
            strategy=Strategy.ROLLING_HEALTH_GATED,
            gate=self.gate,
            rollout_history=[HistoryEntry(phase=Phase.REQUESTED, started_at=now)],
            operation_id=operation.operation_id,
            previous_deployment_id=environment.stable_deployment_id,
            rotates=sorted(wanted),
            requested_by=operation.requested_by,
            created_at=now,
            trace_id=operation.trace_id,
        )
