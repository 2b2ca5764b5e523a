"""Changes of a site that somebody makes behind the platform's back, in production and without a slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from localazure.arm.answer import Call
from localazure.arm.records import Resource
from localazure.arm.resources import Resources
from localazure.arm.target import parse
from localazure.arm.web import places

_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.05
_API_VERSION = "2025-05-01"


class WebOutsider:
    """`localazure.workloads.port.Changeable` for sites."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def change(self, environment_id: str, service_id: str, wanted: Mapping[str, Any]) -> bool:
        """See the port; returns when the change is made. Raises `ArmError` for what Azure refuses."""
        if (site := await self._idle(environment_id, service_id)) is None:
            return False
        if wanted.get("delete"):
            self._resources.remove(Call("DELETE", parse(site.id), {}, _API_VERSION, {}), site)
        else:
            self._resources.change(Call("PUT", parse(site.id), {}, _API_VERSION, _changed(site, wanted)), site)
        await self._idle(environment_id, service_id)
        return True

    async def _idle(self, environment_id: str, service_id: str) -> Resource | None:
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while (site := self._find(environment_id, service_id)) and site.busy:
            if time.monotonic() > give_up:
                raise TimeoutError(f"an operation on {site.name} does not end")
            await asyncio.sleep(_POLL_SECONDS)
        return site

    def _find(self, environment_id: str, service_id: str) -> Resource | None:
        for site in self._resources.records.of_type(places.SITES):
            if (site.tags.get(places.ENVIRONMENT_TAG), site.tags.get(places.SERVICE_TAG)) == (environment_id, service_id):
                return site
        return None


def _changed(site: Resource, wanted: Mapping[str, Any]) -> dict[str, Any]:
    told = places.config(site)
    if wanted.get("image"):
        told["linuxFxVersion"] = f"{places.DOCKER}{wanted['image']}"
    if "env" in wanted:
        settings = {**places.settings(site), **{name: str(value) for name, value in wanted["env"].items()}}
        told["appSettings"] = [{"name": name, "value": value} for name, value in settings.items()]
    if wanted.get("replicas") is not None:
        count = int(wanted["replicas"])
        if places.is_function_app(site):
            most = int(told.get("functionAppScaleLimit") or 0)
            fixed = int(told.get("minimumElasticInstanceCount") or 0) == most  # and stays a count, which has no bounds
            limit = count if fixed else max(count, most)
            told |= {"minimumElasticInstanceCount": count, "functionAppScaleLimit": limit}
        else:
            told["numberOfWorkers"] = count
    return {**site.body, "properties": {**site.properties, "siteConfig": told}}
