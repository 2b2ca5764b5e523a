"""`Microsoft.Web/serverfarms` and `Microsoft.Insights/autoscalesettings`: how many instances the sites of a plan share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localazure.arm import shapes
from localazure.arm.answer import Call
from localazure.arm.errors import ArmError
from localazure.arm.kind import Kind
from localazure.arm.records import Resource
from localazure.arm.shapes import Shape
from localazure.arm.web import places
from localazure.arm.web.fleet import WebFleet

_MOST = 30  # instances of a Premium plan


class Plans(Kind):
    type: ClassVar[str] = places.PLANS
    shape: ClassVar[Shape] = shapes.PLAN

    def __init__(self, fleet: WebFleet) -> None:
        super().__init__(fleet.records)
        self._fleet = fleet

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        sku = body.get("sku")
        if not isinstance(sku, Mapping) or not sku.get("name"):
            raise ArmError(400, "BadRequest", "The parameter sku is required.")
        if int(sku.get("capacity") or 1) > _MOST:
            raise ArmError(400, "BadRequest", f"The maximum number of workers is {_MOST}.")

    async def realise(self, resource: Resource) -> None:
        await self._fleet.uphold_plan(resource.key)

    def removable(self, resource: Resource) -> None:
        for site in self.records.of_type(places.SITES):
            if str(site.properties.get("serverFarmId", "")).lower() == resource.key:
                message = f"Server farm '{resource.name}' cannot be deleted because it has web app(s) {site.name} assigned."
                raise ArmError(409, "Conflict", message)

    def properties(self, resource: Resource) -> dict[str, Any]:
        farm = resource.key
        sites = [one for one in self._fleet.all() if str(one.properties.get("serverFarmId", "")).lower() == farm]
        count = places.capacity(self.records, resource)
        told = {"status": "Ready", "numberOfSites": len(sites), "numberOfWorkers": count, "maximumNumberOfWorkers": _MOST}
        return {**super().properties(resource), **told, "resourceGroup": resource.id.split("/")[4]}

    def render(self, resource: Resource) -> dict[str, Any]:
        document = super().render(resource)
        return {**document, "sku": {**document["sku"], "capacity": places.capacity(self.records, resource)}}


class AutoscaleSettings(Kind):
    """Written at once; the plan follows. One setting a plan, as Azure has it."""

    type: ClassVar[str] = places.AUTOSCALE
    shape: ClassVar[Shape] = shapes.AUTOSCALE
    lasting: ClassVar[bool] = False

    def __init__(self, fleet: WebFleet) -> None:
        super().__init__(fleet.records)
        self._fleet = fleet

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        properties = body.get("properties") or {}
        target = str(properties.get("targetResourceUri") or "")
        if self.records.get(target) is None:
            raise ArmError(404, "ResourceNotFound", f"The resource '{target}' was not found.")
        for other in self.records.of_type(self.type):
            same = str(other.properties.get("targetResourceUri", "")).lower() == target.lower()
            if same and (standing is None or other.key != standing.key):
                message = f"The resource '{target}' has the autoscale setting '{other.name}' already."
                raise ArmError(409, "Conflict", message)
        for profile in properties.get("profiles") or ():
            _check_capacity(profile.get("capacity") or {})
        if not properties.get("profiles"):
            raise ArmError(400, "BadRequest", "At least one profile is required.")

    def written(self, resource: Resource) -> None:
        self._fleet.nudge(str(resource.properties["targetResourceUri"]))

    def properties(self, resource: Resource) -> dict[str, Any]:
        return {"enabled": True, "name": resource.name, **resource.properties}


def _check_capacity(capacity: Mapping[str, Any]) -> None:
    try:
        least, most, default = (int(capacity[name]) for name in ("minimum", "maximum", "default"))
    except (KeyError, ValueError, TypeError):
        raise ArmError(400, "BadRequest", "minimum, maximum and default are numbers as text.") from None
    if not 0 < least <= default <= most <= _MOST:
        raise ArmError(400, "BadRequest", f"minimum {least}, default {default} and maximum {most} are no range.")
