"""Azure Container Apps as a target: one app per service, one revision per workload, traffic by name.

A new revision runs beside the serving one and gets no traffic until `promote`; only the first revision of a new app
serves at once, for an app without traffic does not exist. Going back is activating the earlier revision again.

ARM has no conditional writes for container apps: the stamp is read before each effect and written with it, so a worker
that was stopped for longer than one request changes nothing, and two that run within the same second are kept apart by
the operation's row. `Transient("arm")` while another change of the app is in progress.

Reads of `observe`: one (per page) for the environment, and for every app that is not at rest one plus one per active
revision; see `container_app_reading`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from shared.azure.api_versions import CONTAINER_APPS
from shared.azure.arm import Arm
from shared.kernel.clock import Clock
from shared.kernel.errors import Refused, Transient
from shared.targets import container_app_bodies as bodies
from shared.targets import container_app_decisions as decisions
from shared.targets import container_app_reading as reading
from shared.targets import naming
from shared.targets.port import Observation, Site, Stamp, Workload

Json = dict[str, Any]
_AT_ONCE = 8  # requests of one observation
TAKEOVER_SECONDS = 20.0  # a rescaled revision that is not ready by then is waited for by the caller
_LOOK_SECONDS = 0.5


class ContainerApps:
    """Implements `Target`."""

    def __init__(self, arm: Arm, clock: Clock, *, takeover_seconds: float = TAKEOVER_SECONDS) -> None:
        self._arm = arm
        self._clock = clock
        self._takeover_seconds = takeover_seconds

    async def apply(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        app_id = bodies.app_id(site, workload.service_id)
        template = bodies.template(site, workload)
        name = bodies.revision_name(site, workload)
        app = await self._arm.get(app_id, CONTAINER_APPS)
        if app is None:
            needed = bodies.secrets(site, workload)
            body = bodies.app(site, stamp, workload, template, bodies.all_traffic(name), needed)
            await self._arm.put_no_wait(app_id, CONTAINER_APPS, body)
            return
        naming.fence(stamp, reading.tag(app, naming.STAMP_TAG))
        revisions = await self._revisions(app_id)
        standing = revisions.get(name)
        if standing is None and not decisions.being_made(app, template):
            await self._put(site, stamp, workload, app, revisions, template)
            return
        sleeping = standing is not None and not standing["properties"].get("active")
        marks = {naming.RELEASE_TAG: workload.release, **naming.image_tag(workload)}
        marks |= {naming.PROMOTED_TAG: ""} if sleeping else {}
        await self._restamp(app, stamp, bodies.secrets(site, workload), revisions, marks)
        if sleeping:
            await self._arm.post(f"{app_id}/revisions/{name}/activate", CONTAINER_APPS)

    async def promote(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        app_id, app = await self._standing(site, stamp, workload.service_id)
        revisions = await self._revisions(app_id)
        name = bodies.revision_name(site, workload)
        if name not in revisions:  # the same workload under another scale, as `scale` leaves it
            same = [
                each
                for each, one in revisions.items()
                if decisions.is_of(workload, each) and one["properties"].get("active")
            ]
            if not same:
                raise Refused("arm", "RevisionNotFound", name)
            name = same[-1]
        await self._let_serve(app_id, app, stamp, name, revisions)

    async def observe(self, site: Site) -> Mapping[str, Observation]:
        apps = await self._arm.list(bodies.collection(site), CONTAINER_APPS)
        gate = asyncio.Semaphore(_AT_ONCE)
        ours = [app for app in apps if reading.belongs(app, site.environment_id)]
        observed = await asyncio.gather(*(self._observe(app, gate) for app in ours))
        return {one.service_id: one for one in observed}

    async def scale(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        app_id, app = await self._standing(site, stamp, workload.service_id)
        revisions = await self._revisions(app_id)
        serving = revisions.get(reading.serving_name(app) or "")
        if serving is None:
            raise Refused("arm", "NothingServes", app_id)
        template = decisions.scaled(site, workload, serving)
        name = f"{app['name']}--{template['revisionSuffix']}"
        standing = revisions.get(name)
        if standing is None and not decisions.being_made(app, template):
            await self._put(site, stamp, workload, app, revisions, template)
        else:
            sleeping = standing is not None and not standing["properties"].get("active")
            await self._restamp(app, stamp, [], revisions, {naming.PROMOTED_TAG: ""} if sleeping else {})
            if sleeping:
                await self._arm.post(f"{app_id}/revisions/{name}/activate", CONTAINER_APPS)
        if name != serving["name"]:
            await self._until_ready(app_id, name)
            app_id, app = await self._standing(site, stamp, workload.service_id)
            await self._let_serve(app_id, app, stamp, name, await self._revisions(app_id))

    async def remove(self, site: Site, stamp: Stamp, service_ids: Sequence[str]) -> None:
        for service_id in service_ids:
            app_id = bodies.app_id(site, service_id)
            app = await self._arm.get(app_id, CONTAINER_APPS)
            if app is not None:
                naming.fence(stamp, reading.tag(app, naming.STAMP_TAG))
                await self._arm.delete(app_id, CONTAINER_APPS)

    async def _standing(self, site: Site, stamp: Stamp, service_id: str) -> tuple[str, Json]:
        app_id = bodies.app_id(site, service_id)
        app = await self._arm.get(app_id, CONTAINER_APPS)
        if app is None:
            raise Refused("arm", "ContainerAppNotFound", app_id)
        naming.fence(stamp, reading.tag(app, naming.STAMP_TAG))
        return app_id, app

    async def _revisions(self, app_id: str) -> dict[str, Json]:
        return {one["name"]: one for one in await self._arm.list(f"{app_id}/revisions", CONTAINER_APPS)}

    async def _put(
        self, site: Site, stamp: Stamp, workload: Workload, app: Json, revisions: Mapping[str, Json], template: Json
    ) -> None:
        """Make a revision beside those that are there; the traffic stays where it is."""
        traffic = [{"revisionName": name, "weight": weight} for name, weight in reading.weights(app).items()]
        secrets = decisions.secrets(app, revisions, bodies.secrets(site, workload))
        wanted = f"{app['name']}--{template['revisionSuffix']}"
        body = bodies.app(site, stamp, workload, template, traffic or bodies.all_traffic(wanted), secrets)
        body["tags"] = {**decisions.tags_kept(app, revisions), **body["tags"]}
        await self._arm.put_no_wait(app["id"], CONTAINER_APPS, body)

    async def _restamp(
        self, app: Json, stamp: Stamp, needed: list[Json], revisions: Mapping[str, Json], more: dict[str, str]
    ) -> None:
        """Put the stamp on the app, and back what secrets a revision needs that is to be activated again."""
        marks = decisions.marks(stamp) | more
        secrets = decisions.secrets(app, revisions, needed)
        missing = {one["name"] for one in secrets} - {one["name"] for one in reading.secrets(app)}
        if not missing and marks.items() <= (app.get("tags") or {}).items():
            return
        body: Json = {"tags": {**(app.get("tags") or {}), **marks}}
        if missing:
            body["properties"] = {"configuration": {"secrets": secrets}}
        await self._arm.patch(app["id"], CONTAINER_APPS, body)

    async def _let_serve(self, app_id: str, app: Json, stamp: Stamp, name: str, revisions: Mapping[str, Json]) -> None:
        """All traffic to one revision first, then an end to the others: no request meets a revision that is gone. The
        mark that nothing else runs comes last: `observe` believes it."""
        others = [each for each, one in revisions.items() if each != name and one["properties"].get("active")]
        tags = {**(app.get("tags") or {}), **decisions.marks(stamp), naming.PROMOTED_TAG: "" if others else name}
        if reading.weights(app) != {name: 100} or tags != app.get("tags"):
            ingress = {"traffic": bodies.all_traffic(name)}
            body = {"tags": tags, "properties": {"configuration": {"ingress": ingress}}}
            await self._arm.patch(app_id, CONTAINER_APPS, body)
        for other in others:
            await self._arm.post(f"{app_id}/revisions/{other}/deactivate", CONTAINER_APPS)
        if others:
            await self._arm.patch(app_id, CONTAINER_APPS, {"tags": {**tags, naming.PROMOTED_TAG: name}})

    async def _until_ready(self, app_id: str, name: str) -> None:
        for _ in range(max(1, int(self._takeover_seconds / _LOOK_SECONDS))):
            revision = await self._arm.get(f"{app_id}/revisions/{name}", CONTAINER_APPS)
            if revision is not None and reading.ready(revision):
                return
            await asyncio.sleep(_LOOK_SECONDS)
        raise Transient("arm", retry_after=5.0)

    async def _observe(self, app: Json, gate: asyncio.Semaphore) -> Observation:
        if reading.at_rest(app):
            return reading.observation(app, reading.resting(app), {}, self._clock())
        async with gate:
            revisions = list((await self._revisions(app["id"])).values())
            replicas = {
                one["name"]: await self._arm.list(f"{app['id']}/revisions/{one['name']}/replicas", CONTAINER_APPS)
                for one in revisions
                if one["properties"].get("active")
            }
        return reading.observation(app, revisions, replicas, self._clock())
