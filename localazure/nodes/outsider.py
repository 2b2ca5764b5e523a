"""Somebody who changes a workload behind the platform's back, with kubectl: field manager "kubectl-edit"."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from localazure.kubernetes.cabinet import Object, Objects
from localazure.kubernetes.identity import of_deployment
from localazure.kubernetes.kinds import DEPLOYMENT
from localazure.nodes.client import MERGE, Api, path_of

_EDITOR = "kubectl-edit"
_TRIES = 10


class Outsider:
    """Implements `localazure.workloads.port.Changeable` for the deployments that a mirror shows."""

    def __init__(self, api: Api, objects: Objects) -> None:
        self._api = api
        self._objects = objects

    async def change(self, environment_id: str, service_id: str, wanted: Mapping[str, Any]) -> bool:
        """`env` sets variables of the first container; null takes one away. False when the service is not here."""
        place = (environment_id, service_id)
        deployment = next((one for one in self._objects.all(DEPLOYMENT) if of_deployment(one) == place), None)
        if deployment is None:
            return False
        path = path_of(DEPLOYMENT, deployment)
        if wanted.get("delete"):
            await self._api.ask("DELETE", path)
            return True
        if wanted.get("image") is not None or wanted.get("env"):
            await self._edit(path, lambda standing: _edited(standing, wanted))
        if (replicas := wanted.get("replicas")) is not None:
            scale = {"spec": {"replicas": replicas}}
            await self._api.ask("PATCH", f"{path}/scale", scale, MERGE, fieldManager=_EDITOR)
        return True

    async def _edit(self, path: str, change: Callable[[Object], Object]) -> None:
        """From the version that stands; again when a controller wrote in between."""
        for _ in range(_TRIES):
            standing = await self._api.ask("GET", path)
            try:
                await self._api.ask("PUT", path, change(standing), fieldManager=_EDITOR)
            except httpx2.HTTPStatusError as refused:
                if refused.response.status_code != 409:
                    raise
                await asyncio.sleep(0.05)
            else:
                return
        raise TimeoutError(f"{path} is being written all the time")


def _edited(deployment: Object, wanted: Mapping[str, Any]) -> Object:
    """The deployment after somebody set its image and variables by hand."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    if wanted.get("image") is not None:
        container["image"] = wanted["image"]
    for name, value in (wanted.get("env") or {}).items():
        rows = [row for row in container.get("env") or () if row["name"] != name]
        container["env"] = rows if value is None else [*rows, {"name": name, "value": value}]
    return deployment
