"""Services that run with secrets, and what is done to rotate those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.kernel.ids import OperationId
from shared.operations.model import Operation
from shared.runtime.rotation.sweep import Notice, hear, turn_shard
from shared.runtime.secrets.model import SecretBinding
from shared.targets.port import SecretReference
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.hub import FakeHub
from tests.unit.doubles.vault import VAULT
from tests.unit.doubles.world import CALLER, SHARDS, World, begun, component

V1, V2, V3 = "1" * 32, "2" * 32, "3" * 32
ROTATION = {"everyDays": 30, "overlapMinutes": 60}
DB = {"name": "db", "secretName": "db-password"}
SECRET = "db-password"
QUEUE = {"name": "queue", "secretName": "queue-key"}
DAY = 86_400.0


@dataclass
class Ground:
    """`db` is the binding of api (wave 0) and worker (wave 1); static runs without a secret."""

    world: World
    db: str
    hub: FakeHub = field(init=False)

    def __post_init__(self) -> None:
        self.hub = FakeHub(self.world)

    async def binding(self, ident: str | None = None) -> SecretBinding:
        return await self.world.secret_binding(ident or self.db)

    async def shown(self, ident: str | None = None) -> Mapping[str, Any]:
        return (await self.world.binding_reader.get(CALLER, ident or self.db)).document()

    def renewed(self, *versions: str, secret_name: str = SECRET) -> None:
        self.world.vault.holds(secret_name, *(versions or (V2, V1)))

    async def rotate(self, ident: str | None = None) -> Operation:
        """POST …/rotate that begins an operation."""
        return begun(await self.world.rotate(ident or self.db))

    async def run(self, operation: Operation, **engine: Any) -> Any:
        return await Engine(self.world, **engine).run(operation)

    async def holder(self) -> Operation | None:
        ident = (await self.world.slot()).operation_id
        return await self.world.operation(ident) if ident else None

    async def tick(self, later: float = 0.0) -> None:
        """One upkeep tick's look at what is due, `later` seconds from now."""
        self.world.clock.advance(later)
        for shard in range(SHARDS):
            await turn_shard(self.world.rotation_sweep, shard, self.hub)

    async def hear(self, version: str | None = V1, *, expiring: bool = True, secret_name: str = SECRET) -> None:
        """The vault says something of a version."""
        notice = Notice(
            vault_uri=VAULT, secret_name=secret_name, version=version, expiring=expiring, caused_by="vault-event-1"
        )
        await hear(self.world.rotation_sweep, notice, self.hub)

    async def versions(self) -> dict[str, set[str]]:
        """service -> the versions of secrets that its serving revision runs with, as its target has it."""
        found: dict[str, set[str]] = {}
        for service_id, service in self.world.apps.services.items():
            workload = service.revisions[service.serving or ""].workload
            found[service_id] = {one.version for one in workload.env.values() if isinstance(one, SecretReference)}
        return found

    async def run_held(self) -> Operation:
        """Drive the operation that the hub was told to start to its end; how it ended."""
        held = await self.holder()
        assert held is not None
        await self.run(held)
        return await self.world.operation(OperationId(held.operation_id))


async def settled_ground(**binding: Any) -> Ground:
    return await furnished(await World(stage=binding.pop("stage", "dev")).provision(), **binding)


async def furnished(world: World, **binding: Any) -> Ground:
    """`binding`: more fields of the binding."""
    world.vault.holds("db-password", V1)
    db = await world.bind(DB, **binding)
    configuration = await world.publish({"DB": {"secretRef": f"{db}/db"}, "MODE": "fast"})
    components = [component("api", "1", wave=0), component("worker", "1", wave=1)]
    await Engine(world).run(await world.deploy(*components, configurationId=configuration))
    await Engine(world).run(await world.deploy(component("static", "1")))
    return Ground(world, db)
