"""App Service as two targets, `functions` and `app-service`: one container site per service, a staging slot, a swap.

New content goes into the slot and runs there beside production; promoting swaps the two and stops the slot, which keeps
what served before: going back is starting it and swapping again. A new service's production site is made disabled, with
the same content, so that nothing serves before its gate; its first promotion enables it and needs no swap.

While the slot of a function app runs, every function in it that something else than a call triggers is disabled by sticky
settings, as far as the names are known: those of production, and of the slot once it was looked at. A function that is new
with an image may consume between the start of the slot and that look; App Service has no setting for all functions at once.

ARM has no conditional writes for sites: the stamp is read before each effect and written before it, as in Container Apps.
`Transient("arm")` while another change of the site is in progress.

Reads of `observe`: one list of all sites with their slots; the autoscale setting where a policy stands; and two for every
place that runs and is not at rest. What was read of a place holds until the place is modified, and for `TRUSTED` at most.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from shared.azure.api_versions import AUTOSCALE, WEB
from shared.azure.arm import Arm
from shared.kernel.clock import Clock
from shared.kernel.errors import Refused
from shared.targets import naming
from shared.targets import web_site_bodies as bodies
from shared.targets import web_site_reading as reading
from shared.targets import web_site_scaling as scaling
from shared.targets.port import Observation, Site, Stamp, Workload
from shared.targets.web_site_bodies import Flavour
from shared.targets.web_site_reading import Place

Json = dict[str, Any]
TRUSTED: Final = timedelta(minutes=5)
_AT_ONCE: Final = 8  # requests of one observation
_TRIES: Final = 5  # of sizing a plan while others change what runs on it
_CALLED: Final = "httptrigger"


@dataclass(frozen=True)
class Standing:
    """A service as it stands."""

    production: Place
    slot: Place | None


@dataclass(frozen=True)
class _Read:
    """What was read of a place when it had this version."""

    version: str
    settings: Mapping[str, str]
    ready: bool  # all its instances were
    at: datetime


class WebSites:
    """Implements `Target`."""

    def __init__(self, flavour: Flavour, arm: Arm, clock: Clock) -> None:
        self._flavour = flavour
        self._arm = arm
        self._clock = clock
        self._reads: dict[str, _Read] = {}
        self._plans: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def apply(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        standing = await self._standing(site, workload.service_id)
        if standing is None:
            await self._put_content(site, stamp, workload, bodies.site_id(site, workload.service_id), slot=False)
            await self._stage(site, stamp, workload, None)
        else:
            naming.fence(stamp, reading.tag(standing.production.document, naming.STAMP_TAG))
            await self._apply(site, stamp, workload, standing)
        await self._size_plan(site)

    async def promote(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        """The place that has the revision becomes production; the slot ends stopped, whatever it has then."""
        standing = await self._required(site, stamp, workload.service_id)
        production, slot = standing.production, standing.slot
        swaps = production.revision != workload.revision
        if swaps and (slot is None or slot.revision != workload.revision):
            raise Refused("arm", "RevisionNotFound", workload.revision)
        await self._mark(site, stamp, workload, production, promoted=workload.revision, scaled=True, enabled=True)
        if not production.runs:
            await self._arm.post(f"{production.id}/start", WEB)
        if slot is not None and swaps:
            if not slot.runs:
                await self._arm.post(f"{slot.id}/start", WEB)
            await self._arm.post(f"{slot.id}/slotsswap", WEB, {"targetSlot": "production", "preserveVnet": True})
        if slot is not None and (slot.runs or swaps):
            await self._arm.post(f"{slot.id}/stop", WEB)
        await self._size_plan(site)

    async def observe(self, site: Site) -> Mapping[str, Observation]:
        documents = await self._arm.list(bodies.collection(site), WEB, {"includeSlots": "true"})
        ours = reading.grouped(documents, site.environment_id, self._flavour)
        plan = await self._plan(site, documents, ours)
        gate = asyncio.Semaphore(_AT_ONCE)
        seen = await asyncio.gather(*(self._observe(pair, gate, plan) for pair in ours))
        return {one.service_id: one for one in seen}

    async def scale(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        standing = await self._required(site, stamp, workload.service_id)
        await self._mark(site, stamp, workload, standing.production, scaled=True)
        await self._size_plan(site)

    async def remove(self, site: Site, stamp: Stamp, service_ids: Sequence[str]) -> None:
        for service_id in service_ids:
            site_id = bodies.site_id(site, service_id)
            document = await self._arm.get(site_id, WEB)
            if document is not None:
                naming.fence(stamp, reading.tag(document, naming.STAMP_TAG))
                await self._arm.delete(site_id, WEB)  # with its slots
        await self._size_plan(site)

    async def _apply(self, site: Site, stamp: Stamp, workload: Workload, standing: Standing) -> None:
        production, slot = standing.production, standing.slot
        if production.revision == workload.revision and production.runs:
            await self._mark(site, stamp, workload, production, scaled=True)
            return
        await self._mark(site, stamp, workload, production)
        if slot is None or slot.revision != workload.revision:
            await self._stage(site, stamp, workload, standing)
            return
        if not _at_scale(self._flavour, slot, workload):
            tags, config = bodies.tags(site, stamp, workload), scaling.config(self._flavour, workload)
            await self._arm.put(slot.id, WEB, bodies.place(self._flavour, site, tags, config, enabled=True))
        if not slot.runs:
            await self._arm.post(f"{slot.id}/start", WEB)

    async def _stage(self, site: Site, stamp: Stamp, workload: Workload, standing: Standing | None) -> None:
        """Put the workload into the slot, where it starts; a function app's functions are kept from consuming there."""
        site_id, slot_id = (of(site, workload.service_id) for of in (bodies.site_id, bodies.slot_id))
        if not self._flavour.is_functions:
            await self._put_content(site, stamp, workload, slot_id, slot=True)
            await self._start(standing, slot_id)
            return
        known = await self._consuming(site_id)
        await self._stick(site, workload.service_id, known)
        await self._put_content(site, stamp, workload, slot_id, slot=True, consuming=known)
        await self._start(standing, slot_id)
        if new := sorted({*await self._consuming(slot_id)} - {*known}):
            await self._stick(site, workload.service_id, [*known, *new])
            await self._put_content(site, stamp, workload, slot_id, slot=True, consuming=[*known, *new])

    async def _start(self, standing: Standing | None, slot_id: str) -> None:
        """A slot that was stopped stays so through a PUT."""
        if standing is not None and standing.slot is not None and not standing.slot.runs:
            await self._arm.post(f"{slot_id}/start", WEB)

    async def _consuming(self, place_id: str) -> list[str]:
        """Names of the functions that something else than a call triggers."""
        names = []
        for one in await self._arm.list(f"{place_id}/functions", WEB):
            bindings = ((one.get("properties") or {}).get("config") or {}).get("bindings") or []
            triggers = [kind for each in bindings if (kind := str(each.get("type", "")).lower()).endswith("trigger")]
            if triggers != [_CALLED]:
                names.append(str(one["name"]).rpartition("/")[2])
        return sorted(names)

    async def _stick(self, site: Site, service_id: str, consuming: Sequence[str]) -> None:
        names = sorted(bodies.sticky(self._flavour, site, service_id, consuming, slot=True))
        path = f"{bodies.site_id(site, service_id)}/config/slotConfigNames"
        standing = ((await self._arm.get(path, WEB) or {}).get("properties") or {}).get("appSettingNames") or []
        if not set(names) <= set(standing):
            await self._arm.put(path, WEB, {"properties": {"appSettingNames": sorted({*standing, *names})}})

    async def _put_content(
        self, site: Site, stamp: Stamp, workload: Workload, place_id: str, *, slot: bool, consuming: Sequence[str] = ()
    ) -> None:
        sticky = bodies.sticky(self._flavour, site, workload.service_id, consuming, slot=slot)
        config = bodies.content(self._flavour, site, workload, sticky) | scaling.config(self._flavour, workload)
        tags = bodies.tags(site, stamp, workload)
        await self._arm.put(place_id, WEB, bodies.place(self._flavour, site, tags, config, enabled=slot))

    async def _mark(
        self,
        site: Site,
        stamp: Stamp,
        workload: Workload,
        production: Place,
        *,
        promoted: str | None = None,
        scaled: bool = False,
        enabled: bool | None = None,
    ) -> None:
        """Put the stamp on the production site, with it the scale and the word that it serves; nothing where all is so."""
        standing = dict(production.document.get("tags") or {})
        wanted = {**standing, **bodies.tags(site, stamp, workload)}
        if not scaled and bodies.SCALING_TAG in standing:
            wanted[bodies.SCALING_TAG] = standing[bodies.SCALING_TAG]
        elif not scaled or workload.scaling is None:
            wanted.pop(bodies.SCALING_TAG, None)
        if promoted is not None:
            wanted[naming.PROMOTED_TAG] = promoted
        config = scaling.config(self._flavour, workload) if scaled else {}
        lit = production.document["properties"].get("enabled") is not False
        same = wanted == standing and config.items() <= reading.config(production.document).items()
        if not same or (enabled is not None and enabled != lit):
            body = bodies.place(self._flavour, site, wanted, config, enabled=lit if enabled is None else enabled)
            await self._arm.put(production.id, WEB, body)

    async def _standing(self, site: Site, service_id: str) -> Standing | None:
        document = await self._arm.get(bodies.site_id(site, service_id), WEB)
        if document is None:
            return None
        slot = await self._arm.get(bodies.slot_id(site, service_id), WEB)
        production = Place(document, await self._settings(document))
        return Standing(production, Place(slot, await self._settings(slot)) if slot else None)

    async def _required(self, site: Site, stamp: Stamp, service_id: str) -> Standing:
        standing = await self._standing(site, service_id)
        if standing is None:
            raise Refused("arm", "SiteNotFound", bodies.site_id(site, service_id))
        naming.fence(stamp, reading.tag(standing.production.document, naming.STAMP_TAG))
        return standing

    async def _settings(self, document: Json) -> dict[str, str]:
        told = await self._arm.post(f"{document['id']}/config/appsettings/list", WEB)
        return {name: str(value) for name, value in (told.get("properties") or {}).items()}

    async def _size_plan(self, site: Site) -> None:
        """Bring the plan's autoscale setting to what all its places need. Whoever changes a place sizes the plan afterwards
        and looks once more: of two at a time the last one sees both."""
        if self._flavour.is_functions:
            return
        plan_id = bodies.plan_id(self._flavour, site)
        async with self._plans[plan_id.lower()]:
            for _ in range(_TRIES):
                documents = await self._arm.list(bodies.collection(site), WEB, {"includeSlots": "true"})
                wanted = scaling.setting(site, plan_id, self._sized(documents, site))
                standing = await self._arm.get(scaling.setting_id(site, plan_id), AUTOSCALE)
                if standing is not None and _same_size(standing, wanted):
                    return
                await self._arm.put(scaling.setting_id(site, plan_id), AUTOSCALE, wanted)

    def _sized(self, documents: Sequence[Json], site: Site) -> list[Json]:
        """The places that the plan must have room for: every production site, and slots that run."""
        pairs = reading.grouped(documents, site.environment_id, self._flavour)
        running = [slot for _, slot in pairs if slot is not None and reading.runs(slot)]
        return [*(production for production, _ in pairs), *running]

    async def _plan(
        self, site: Site, documents: Sequence[Json], ours: Sequence[tuple[Json, Json | None]]
    ) -> scaling.Plan | None:
        """What the autoscaler does for what scales by policy; None without it. A function app brings its own."""
        if self._flavour.is_functions or not any(scaling.policy_of(production) for production, _ in ours):
            return scaling.Plan()
        plan_id = bodies.plan_id(self._flavour, site)
        setting = await self._arm.get(scaling.setting_id(site, plan_id), AUTOSCALE)
        if setting is None or setting["properties"].get("enabled") is False:
            return None
        return scaling.planned(site, plan_id, self._sized(documents, site), setting)

    async def _observe(
        self, pair: tuple[Json, Json | None], gate: asyncio.Semaphore, plan: scaling.Plan | None
    ) -> Observation:
        async with gate:
            production = await self._place(pair[0])
            slot = await self._place(pair[1]) if pair[1] is not None and reading.runs(pair[1]) else None
        return reading.observation(self._flavour, production, slot, plan, self._clock())

    async def _place(self, document: Json) -> Place:
        """From what was read before where it still holds, else read."""
        key, version, now = str(document["id"]).lower(), reading.version(document), self._clock()
        known = self._reads.get(key)
        if known is None or known.version != version or now - known.at > TRUSTED:
            known = _Read(version, await self._settings(document), ready=False, at=now)
        place = Place(document, known.settings)
        if reading.runs(document) and not (known.ready and not place.autoscaled(self._flavour)):
            place = Place(document, known.settings, await self._arm.list(f"{document['id']}/instances", WEB))
        self._reads[key] = _Read(version, known.settings, ready=place.ready(self._flavour), at=known.at)
        return place


def _at_scale(flavour: Flavour, place: Place, workload: Workload) -> bool:
    wanted = bodies.SCALING_TAG if workload.scaling is not None else None
    tagged = bodies.SCALING_TAG if reading.tag(place.document, bodies.SCALING_TAG) else None
    return tagged == wanted and scaling.config(flavour, workload).items() <= reading.config(place.document).items()


def _same_size(standing: Json, wanted: Json) -> bool:
    """What Azure adds to an answer makes no difference."""
    held, asked = standing["properties"]["profiles"][0], wanted["properties"]["profiles"][0]
    return standing["properties"].get("enabled") is not False and all(held.get(name) == asked[name] for name in asked)
