"""Many environments on one store, with drifts planted by somebody who keeps a list of them; the truth of every scan.

Every kind is planted. Services without a drift look like the others: half of them on each target, some under a policy whose
autoscaler has moved them, some with secrets.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.runtime.catalog.model import Placed, Snapshot
from shared.runtime.configurations.reading import Configurations
from shared.runtime.drift.ground import Surveying
from shared.runtime.drift.model import PREFIX, Finding, FindingKind
from shared.runtime.drift.sweep import Deps, scan_shard
from shared.runtime.environments.infrastructure import InfrastructureLook, Looks, ResourceChange, ResourceDifference
from shared.runtime.environments.model import ComputeTarget
from shared.runtime.scaling.model import Enforcement, ScalingPolicy
from shared.runtime.scaling.reading import Policies
from shared.runtime.secrets.resolution import Resolver
from shared.store import keys
from shared.store.memory import MemoryStore
from shared.targets.naming import secret_uri
from shared.targets.port import Measure, Observation, Scaling, SecretReference, Site
from tests.unit.drift.world import DEPLOYMENT, NOON, SHARDS, TENANT, Cloud, World, image_of, observed, placed

Planted = tuple[str, str | None, FindingKind]  # environment, service, kind
TARGETS = ("aks", "container-apps")
OF_SERVICES = [
    FindingKind.IMAGE_VERSION_MISMATCH,
    FindingKind.REPLICA_COUNT_MISMATCH,
    FindingKind.CONFIGURATION_MISMATCH,
    FindingKind.SECRET_VERSION_MISMATCH,
    FindingKind.SCALING_POLICY_MISMATCH,
    FindingKind.MISSING_SERVICE,
    FindingKind.UNEXPECTED_SERVICE,
]
BOUNDS = Scaling(metric="cpu", min_replicas=2, max_replicas=9, target_utilization_percent=70)
EVERY_WITH_SECRET, EVERY_WITH_POLICY = 5, 7


class Together(Cloud):
    """One target of many environments."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        super().__init__()
        self.fleet, self.name = fleet, name

    async def observe(self, site: Site) -> Mapping[str, Observation]:
        await self.fleet.meanwhile(site.environment_id)
        if self.failure is not None:
            raise self.failure
        return self.fleet.running[site.environment_id, self.name]


@dataclass
class Fleet:
    environments: int
    services: int
    drifts: int  # an environment
    store: MemoryStore = field(default_factory=MemoryStore)
    truth: set[Planted] = field(default_factory=set)
    running: dict[tuple[str, str], dict[str, Observation]] = field(default_factory=dict)
    in_flight: dict[str, bool] = field(default_factory=dict)  # environment -> whether its deployment ends at once

    def __post_init__(self) -> None:
        self.chance = random.Random(7)  # noqa: S311 - the same drifts in every run
        self.worlds = {f"env-{number:016x}": World(f"env-{number:016x}", self.store) for number in range(self.environments)}
        self.targets = {name: Together(self, name) for name in TARGETS}
        first = next(iter(self.worlds.values()))
        self.clock = first
        surveying = Surveying(
            self.store,
            first.catalog,
            Policies(self.store),
            Resolver(self.store, Configurations(self.store)),
            self.targets,
            b"signing key",
        )
        self.deps = Deps(first.isolation, surveying, first.journal, first.index, b"signing key")

    async def stand(self) -> None:
        for ident, world in self.worlds.items():
            await world.stand()
            wanted = {f"service-{number:03d}": await self._service(world, number) for number in range(self.services)}
            snapshot = Snapshot(deployment_id=DEPLOYMENT, release_ref="r", content_hash="0" * 64, services=wanted)
            await world.put(keys.snapshot(DEPLOYMENT), snapshot.document())
            for name in TARGETS:
                self.running[ident, name] = {key: _as_wanted(one) for key, one in wanted.items() if one.target == name}

    async def _service(self, world: World, number: int) -> Placed:
        name, target = f"service-{number:03d}", TARGETS[number % 2]
        if number % EVERY_WITH_POLICY == 0:
            await world.put(f"scl-{number:032x}", _policy(world, name, target).document())
        if number % EVERY_WITH_SECRET == 0:
            bound = await world.bound(name, consumers="1" * 32, binding="1" * 32)
            return bound.model_copy(update={"target": target})
        return placed(name, target=target, env={"LEVEL": "info"})

    def plant(self) -> None:
        """`drifts` in each environment: kinds in turn, services by chance, none twice."""
        turn = 0
        for ident in self.worlds:
            free = self.chance.sample(range(self.services), self.services)
            for _ in range(self.drifts):
                kind, turn = OF_SERVICES[turn % len(OF_SERVICES)], turn + 1
                number = next(one for one in free if _suits(kind, one))
                free.remove(number)
                self._plant(ident, kind, number)

    def _plant(self, ident: str, kind: FindingKind, number: int) -> None:
        name, running = f"service-{number:03d}", self.running[ident, TARGETS[number % 2]]
        if kind is FindingKind.UNEXPECTED_SERVICE:
            name = f"stranger-{number:03d}"
            running[name] = observed(name)
        elif kind is FindingKind.MISSING_SERVICE:
            del running[name]
        else:
            running[name] = _drifted(running[name], kind)
        self.truth.add((ident, name, kind))

    async def plant_infrastructure(self) -> None:
        """In every tenth environment; in the others a look that found nothing."""
        for position, (ident, world) in enumerate(self.worlds.items()):
            found = [ResourceDifference(resource="vault::kv", change=ResourceChange.UPDATE)] if position % 10 == 0 else []
            await self.look(world, found)
            if found:
                self.truth.add((ident, None, FindingKind.INFRASTRUCTURE_MISMATCH))

    async def look(self, world: World, found: list[ResourceDifference]) -> None:
        generation = int((await world.row(keys.SLOT)).document["generation"])  # type: ignore[union-attr]
        at = self.clock.later(0.001)
        look = InfrastructureLook(started_at=at, completed_at=at, generation=generation, differences=found)
        assert await Looks(self.store, world.draw).record(world.place, look)

    async def mend(self) -> None:
        """Everything is as it is wanted again."""
        for ident, world in self.worlds.items():
            row = await self.store.get(world.place.partition, keys.snapshot(DEPLOYMENT))
            assert row is not None
            wanted = Snapshot.read(row.document).services
            for name in TARGETS:
                self.running[ident, name] = {key: _as_wanted(one) for key, one in wanted.items() if one.target == name}
            await self.look(world, [])

    async def meanwhile(self, ident: str) -> None:
        """A deployment begins while the environment's targets are being asked."""
        if ident in self.in_flight:
            await self.worlds[ident].deploy(ends=self.in_flight.pop(ident))

    async def scan(self, shards: range = range(SHARDS)) -> None:
        tick = self.clock.later(300)
        for shard in shards:
            await scan_shard(self.deps, shard, tick)

    async def findings(self) -> list[Finding]:
        found = []
        for world in self.worlds.values():
            rows = await self.store.list(world.place.partition, PREFIX, limit=1000)
            found += [Finding.read(row.document) for row in rows]
        return found

    async def unresolved(self) -> set[Planted]:
        return {(one.environment_id, one.service_id, one.kind) for one in await self.findings() if not one.resolved}

    async def settle(self) -> None:
        """What was in flight ends; looks of the earlier generation are made anew."""
        for position, world in enumerate(self.worlds.values()):
            row = await world.row(keys.SLOT)
            assert row is not None
            if row.document["generation"] > 1:
                await world.deploy(ends=True)
                found = [ResourceDifference(resource="vault::kv", change=ResourceChange.UPDATE)]
                await self.look(world, found if position % 10 == 0 else [])


def _suits(kind: FindingKind, number: int) -> bool:
    secret, policy = number % EVERY_WITH_SECRET == 0, number % EVERY_WITH_POLICY == 0
    if kind is FindingKind.SECRET_VERSION_MISMATCH:
        return secret
    if kind is FindingKind.SCALING_POLICY_MISMATCH:
        return policy
    return not secret and not policy


def _as_wanted(one: Placed) -> Observation:
    workload, number = one.workload, int(one.workload.service_id[-3:])
    scaled = number % EVERY_WITH_POLICY == 0
    return observed(
        workload.service_id,
        env={
            key: f"keyvault:{secret_uri(it)}" if isinstance(it, SecretReference) else it for key, it in workload.env.items()
        },
        replicas=5 if scaled else workload.replicas,
        autoscaled=scaled,
        bounds=(2, 9) if scaled else None,
        measures=[BOUNDS.measure],
    )


def _told(value: str | SecretReference) -> str:
    return f"keyvault:{secret_uri(value)}" if isinstance(value, SecretReference) else value


def _drifted(seen: Observation, kind: FindingKind) -> Observation:
    if kind is FindingKind.IMAGE_VERSION_MISMATCH:
        [revision] = seen.revisions
        return seen.model_copy(update={"revisions": [revision.model_copy(update={"image": image_of("1.4.1")})]})
    if kind is FindingKind.REPLICA_COUNT_MISMATCH:
        return seen.model_copy(update={"replicas": seen.replicas + 1})
    if kind is FindingKind.CONFIGURATION_MISMATCH:
        return seen.model_copy(update={"env": {**seen.env, "LEVEL": "debug"}})
    if kind is FindingKind.SECRET_VERSION_MISMATCH:
        return seen.model_copy(update={"env": {key: value.replace("1" * 32, "0" * 32) for key, value in seen.env.items()}})
    assert seen.bounds is not None
    number = int(seen.service_id[-3:]) // EVERY_WITH_POLICY
    other = {"max_replicas": 90} if number % 2 else {"measures": [Measure(metric="memory", percent=70)]}
    return seen.model_copy(update={"bounds": seen.bounds.model_copy(update=other)})


def _policy(world: World, service_id: str, target: str) -> ScalingPolicy:
    return ScalingPolicy(
        scaling_policy_id="scl-1",
        tenant_id=TENANT,
        environment_id=world.environment.environment_id,
        service_id=service_id,
        target=ComputeTarget(target),
        requested=BOUNDS,
        effective=BOUNDS,
        enforcement=Enforcement.ENFORCED,
        applied_by="ada",
        created_at=NOON,
        updated_at=NOON,
        trace_id="trace-1",
    )
