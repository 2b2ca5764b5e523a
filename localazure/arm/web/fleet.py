"""Makes the world hold what places say: instances, addresses, which content serves.

`uphold` is idempotent and is all there is: it follows a change, a start or stop, a swap, a plan that was scaled, a restart
of the process. Content that was replaced is ended after its successor was started.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from functools import partial

from localazure.arm.ingress import Ingress
from localazure.arm.records import DELETING, Records, Resource
from localazure.arm.web import places
from localazure.workloads.port import Replica, Workloads


class WebFleet:
    def __init__(self, records: Records, workloads: Workloads, ingress: Ingress) -> None:
        self.records = records
        self.workloads = workloads
        self.ingress = ingress
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._turns: defaultdict[str, itertools.count[int]] = defaultdict(itertools.count)
        self._nudged: set[asyncio.Task[None]] = set()

    def all(self) -> list[Resource]:
        return [*self.records.of_type(places.SITES), *self.records.of_type(places.SLOTS)]

    def replicas(self, place: Resource) -> list[Replica]:
        """Of its content; none while it is stopped, or before anything ran."""
        if not places.runs(place) or "content" not in place.facts:
            return []
        return list(self.workloads.replicas(places.revision(place).key))

    async def uphold(self, key: str) -> None:
        """Raises what the workload runner raises; run again, it completes what is missing."""
        async with self._locks[key.partition("/slots/")[0]]:
            place = self.records.get(key)
            if place is None or place.state == DELETING:
                return
            places.renew_content(place)
            self.records.save(place)
            running = places.runs(place)
            count = places.instances(self.records, place) if running else 0
            content = places.revision(place)
            await self.workloads.scale(content, count)
            if running:
                await self.ingress.open(key, partial(self._choose, key))
            else:
                self.ingress.shut(key)
            if places.is_production(place):
                serving = content.key if count else None
                self.workloads.serve(content.environment_id, content.service_id, serving)
            await self._retire(key)

    async def restart(self, place: Resource) -> None:
        """New instances, which see the settings as they are now."""
        async with self._locks[places.site_key(place)]:
            await self.workloads.remove(places.revision(place).key)
        await self.uphold(place.key)

    async def dismantle(self, place: Resource) -> None:
        async with self._locks[places.site_key(place)]:
            content = place.facts.get("content")
            for name in [*place.facts.get("retired", ()), *([content["name"]] if content else ())]:
                await self.workloads.remove(places.revision(place, name).key)
            self.ingress.shut(place.key, forget=True)

    def nudge(self, plan_key: str) -> None:
        """Uphold every place on a plan whose size changed, without a caller who waits for it."""
        task = asyncio.get_running_loop().create_task(self.uphold_plan(plan_key))
        self._nudged.add(task)
        task.add_done_callback(self._nudged.discard)

    async def uphold_plan(self, plan_key: str) -> None:
        for place in self.all():
            if str(place.properties.get("serverFarmId", "")).lower() == plan_key.lower():
                await self.uphold(place.key)

    async def close(self) -> None:
        for task in list(self._nudged):
            task.cancel()
        await asyncio.gather(*self._nudged, return_exceptions=True)

    async def _retire(self, key: str) -> None:
        place = self.records.get(key)
        while place is not None and place.facts.get("retired"):
            await self.workloads.remove(places.revision(place, place.facts["retired"][0]).key)
            if place := self.records.get(key):
                place.facts["retired"] = place.facts.get("retired", [])[1:]
                self.records.save(place)

    def _choose(self, key: str, _host: str) -> Replica | None:
        """Round robin over the ready instances of what the place holds now."""
        if (place := self.records.get(key)) is None:
            return None
        ready = [replica for replica in self.replicas(place) if replica.ready]
        return ready[next(self._turns[key]) % len(ready)] if ready else None
