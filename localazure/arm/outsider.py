"""Changes that somebody makes behind the platform's back, with the rights of an administrator and no regard for it.

They go the way of every change: a new revision with a drawn suffix, an operation, a hand-over. They wait for operations
in progress instead of failing, because the one who asks for them is a test.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from localazure.arm import template as rules
from localazure.arm import traffic
from localazure.arm.answer import Call
from localazure.arm.container_apps import ENVIRONMENT_TAG, SERVICE_TAG, ContainerApps
from localazure.arm.records import Resource
from localazure.arm.resources import Resources
from localazure.arm.target import parse
from localazure.workloads.port import Changeable

_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.05
_API_VERSION = "2025-01-01"


class Outsiders:
    """Several of them, asked in turn: the first that knows the service changes it."""

    def __init__(self, *changeable: Changeable) -> None:
        self._changeable = changeable

    async def change(self, environment_id: str, service_id: str, wanted: Mapping[str, Any]) -> bool:
        for one in self._changeable:
            if await one.change(environment_id, service_id, wanted):
                return True
        return False


class Outsider:
    """`localazure.workloads.port.Changeable` for container apps."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def change(self, environment_id: str, service_id: str, wanted: Mapping[str, Any]) -> bool:
        """See the port; returns when the change is made (its operation ended). Raises `ArmError` for what Azure refuses."""
        if (app := await self._idle(environment_id, service_id)) is None:
            return False
        if wanted.get("delete"):
            self._resources.remove(Call("DELETE", parse(app.id), {}, _API_VERSION, {}), app)
        else:
            self._resources.change(Call("PUT", parse(app.id), {}, _API_VERSION, _changed(app, wanted)), app)
        await self._idle(environment_id, service_id)
        return True

    async def _idle(self, environment_id: str, service_id: str) -> Resource | None:
        """The app, once no operation on it is in progress."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while (app := self._find(environment_id, service_id)) and app.busy:
            if time.monotonic() > give_up:
                raise TimeoutError(f"an operation on {app.name} does not end")
            await asyncio.sleep(_POLL_SECONDS)
        return app

    def _find(self, environment_id: str, service_id: str) -> Resource | None:
        for app in self._resources.records.of_type(ContainerApps.type):
            if (app.tags.get(ENVIRONMENT_TAG), app.tags.get(SERVICE_TAG)) == (environment_id, service_id):
                return app
        return None


def _changed(app: Resource, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The app's body with a template of its own name and, in Multiple mode, all the traffic on it."""
    properties = app.properties
    suffix = rules.drawn_suffix()
    template = {**properties["template"], "revisionSuffix": suffix}
    container, *others = template["containers"]
    container = {**container, "image": wanted.get("image") or container["image"]}
    if "env" in wanted:
        kept = [variable for variable in container.get("env") or [] if variable["name"] not in wanted["env"]]
        container["env"] = kept + [{"name": name, "value": str(value)} for name, value in wanted["env"].items()]
    template["containers"] = [container, *others]
    if wanted.get("replicas") is not None:
        count, scale = int(wanted["replicas"]), template.get("scale") or {}
        most = scale.get("maxReplicas") or 10
        fixed = scale.get("minReplicas") == most  # and stays a count, which has no bounds
        template["scale"] = {**scale, "minReplicas": count, "maxReplicas": count if fixed else max(count, most)}
    properties["template"] = template
    configuration = dict(properties.get("configuration") or {})
    if traffic.mode(properties) == traffic.MULTIPLE and (ingress := configuration.get("ingress")):
        taken = [{"revisionName": f"{app.name}--{suffix}", "weight": 100}]
        properties["configuration"] = {**configuration, "ingress": {**ingress, "traffic": taken}}
    return {**app.body, "properties": properties}
