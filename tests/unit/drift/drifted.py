"""The whole app in this process, somebody who changes things behind its back, and people who decide."""

from __future__ import annotations

import json
from typing import Any

from shared.events.journal import Place
from shared.kernel import ids
from shared.kernel.clock import draw, now
from shared.operations.slot import Slot
from shared.runtime.drift.sweep import scan_environment
from shared.runtime.environments.infrastructure import InfrastructureLook, Looks, ResourceChange, ResourceDifference
from shared.store import keys
from tests.unit.doubles.platform import TENANT, Platform


class Drifted:
    """An environment with the service `api`, and somebody who changes things behind the platform's back."""

    def __init__(self, platform: Platform, ident: str) -> None:
        self.platform, self.ident = platform, ident

    async def scan(self) -> list[dict[str, Any]]:
        """Unresolved findings after one more scan."""
        await scan_environment(self.platform.drift_sweep, self.place, now())
        return await self.findings()

    @property
    def place(self) -> Place:
        return Place(TENANT, ids.environment_of(self.ident), "orders")

    async def look(self, *resources: str) -> None:
        """The provisioner's look at the infrastructure: these were changed."""
        slot = await self.platform.store.get(self.place.partition, keys.SLOT)
        assert slot is not None
        found = [ResourceDifference(resource=one, change=ResourceChange.UPDATE, properties=["sku"]) for one in resources]
        started, generation = now(), Slot.read(slot.document).generation
        look = InfrastructureLook(started_at=started, completed_at=started, generation=generation, differences=found)
        assert await Looks(self.platform.store, draw).record(self.place, look)

    async def findings(self, query: str = "") -> list[dict[str, Any]]:
        return list((await self.platform.send("GET", f"/drift/{self.ident}{query}"))["findings"])

    async def finding(self) -> dict[str, Any]:
        [found] = await self.scan()
        return found

    async def decide(self, finding: dict[str, Any], action: str, **body: Any) -> dict[str, Any]:
        path = f"/drift/{self.ident}/findings/{finding['findingId']}/{action}"
        answer = await self.platform.ask("POST", path, body)
        document = json.loads(answer.body)
        return dict(document) | {"httpStatus": answer.status, "headers": dict(answer.headers)}

    async def done(self, finding: dict[str, Any], action: str, **body: Any) -> dict[str, Any]:
        """Decided, and the operation that it began run to its end."""
        told = await self.decide(finding, action, **body)
        assert told["httpStatus"] in (200, 202), told
        await self.platform.settle()
        return told

    async def environment(self) -> dict[str, Any]:
        return await self.platform.send("GET", f"/environments/{self.ident}")

    async def timeline(self) -> list[dict[str, Any]]:
        return list((await self.platform.send("GET", f"/environments/{self.ident}/timeline"))["entries"])
