"""`Microsoft.Web/sites` and their slots, as resources: what is refused, what is kept, what is answered.

Container sites on Linux plans only. A PUT that names no app settings, or no image, keeps those that stand (as App Service
does); one that names app settings replaces them all. Their values never come back but through `config/appsettings/list`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from localazure.arm import shapes
from localazure.arm.answer import Answer, Call
from localazure.arm.errors import ArmError, not_implemented
from localazure.arm.kind import Kind
from localazure.arm.records import Resource
from localazure.arm.resources import Resources
from localazure.arm.shapes import Shape
from localazure.arm.web import places
from localazure.arm.web.fleet import WebFleet
from localazure.arm.web.site_routes import SiteRoutes
from localazure.layout import LOOPBACK

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,58}[A-Za-z0-9])?")


class _Places(Kind):
    shape: ClassVar[Shape] = shapes.SITE
    conflict: ClassVar[str] = "Conflict"

    def __init__(self, fleet: WebFleet, routes: SiteRoutes) -> None:
        super().__init__(fleet.records)
        self._fleet = fleet
        self._routes = routes

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        if not _NAME.fullmatch(call.target.name):
            raise ArmError(400, "BadRequest", f"The name '{call.target.name}' is invalid.")
        properties = body.get("properties") or {}
        farm = str(properties.get("serverFarmId") or "")
        if self.records.get(farm) is None:
            raise ArmError(404, "NotFound", f"Cannot find server farm with name {farm.rpartition('/')[2]}.")
        version = (properties.get("siteConfig") or {}).get("linuxFxVersion")
        if version and not version.startswith(places.DOCKER):
            raise not_implemented(f"a site of '{version}'")
        if "linux" not in str(body.get("kind", "")):
            raise not_implemented(f"a site of kind '{body.get('kind')}'")

    def accept(self, resource: Resource, standing: Resource | None) -> None:
        properties = resource.properties
        told = dict(properties.get("siteConfig") or {})
        given = told.pop("appSettings", None)
        kept = places.config(standing) if standing else {}
        resource.body["properties"] = {**properties, "siteConfig": {**kept, **told}}
        if given is not None:
            resource.facts["settings"] = {one["name"]: str(one.get("value") or "") for one in given}
        resource.facts["port"] = self._fleet.ingress.reserve(resource.key)
        places.touch(resource)

    async def realise(self, resource: Resource) -> None:
        await self._fleet.uphold(resource.key)

    async def remove(self, resource: Resource) -> None:
        await self._fleet.dismantle(resource)

    async def descend(self, call: Call, resource: Resource) -> Answer:
        if call.method in ("POST", "PUT") and resource.busy and call.target.below[-1:] != ("list",):
            raise self.busy(resource)
        return await self._routes.answer(call, resource)

    def properties(self, resource: Resource) -> dict[str, Any]:
        host = f"{LOOPBACK}:{resource.facts['port']}"
        defaults = {"numberOfWorkers": 1, "alwaysOn": False, "functionAppScaleLimit": 0, "minimumElasticInstanceCount": 0}
        return {
            "enabled": True,
            "httpsOnly": False,
            **resource.properties,
            "siteConfig": {**defaults, **places.config(resource)},
            "state": "Running" if places.runs(resource) else "Stopped",
            "usageState": "Normal",
            "availabilityState": "Normal",
            "defaultHostName": host,
            "hostNames": [host],
            "enabledHostNames": [host],
            "lastModifiedTimeUtc": resource.facts["modified"],
            "resourceGroup": resource.id.split("/")[4],
            "outboundIpAddresses": LOOPBACK,
        }


class Sites(_Places):
    type: ClassVar[str] = places.SITES

    def __init__(self, resources: Resources, fleet: WebFleet, routes: SiteRoutes) -> None:
        super().__init__(fleet, routes)
        self._resources = resources

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        super().check(call, body, standing)
        taken = (one for one in self.records.of_type(self.type) if one.name.lower() == call.target.name.lower())
        if standing is None and any(taken):
            raise ArmError(409, "Conflict", f"Website with given name {call.target.name} already exists.")

    async def remove(self, resource: Resource) -> None:
        """With its slots."""
        for slot in list(self.records.under(f"{resource.key}/slots/")):
            await super().remove(slot)
            self.records.drop(slot.key)
        await super().remove(resource)

    async def descend(self, call: Call, resource: Resource) -> Answer:
        head, *rest = call.target.below
        if head.lower() != "slots":
            return await super().descend(call, resource)
        name, *below = rest or ("",)
        target = replace(call.target, type=places.SLOTS, name=name, below=tuple(below), parent=resource.id)
        return await self._resources.answer(replace(call, target=target))

    def listed(self, call: Call) -> list[dict[str, Any]]:
        """Production sites; with `includeSlots=true` their slots too."""
        found = self.records.listed(call.target)
        if call.query.get("includeslots", "").lower() == "true":
            found = [place for site in found for place in (site, *self.records.under(f"{site.key}/slots/"))]
        return [self._resources.kind(place.type).render(place) for place in found]


class Slots(_Places):
    type: ClassVar[str] = places.SLOTS

    def render(self, resource: Resource) -> dict[str, Any]:
        site = places.site_key(resource).rpartition("/")[2]
        return {**super().render(resource), "name": f"{site}/{resource.name}"}
