"""Somebody who changes a workload behind the platform's back, with kubectl: field manager "kubectl-edit"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localazure.kubernetes.backing import identity
from localazure.kubernetes.cabinet import Object, Objects
from localazure.kubernetes.kinds import DEPLOYMENT
from localazure.kubernetes.ownership import Owner
from localazure.kubernetes.registry import Registry

_EDIT = Owner("kubectl-edit")
_SCALE = Owner("kubectl-edit", subresource="scale")


class Outsider:
    """Implements `localazure.workloads.port.Changeable` for the deployments of the cluster."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def change(self, environment_id: str, service_id: str, wanted: Mapping[str, Any]) -> bool:
        """`env` sets variables of the first container; null takes one away. False when the service is not here.

        Raises `Refusal` for what the API server does not allow.
        """
        deployment = found(self._registry.cabinet, environment_id, service_id)
        if deployment is None:
            return False
        place = (deployment["metadata"]["namespace"], deployment["metadata"]["name"])
        if wanted.get("delete"):
            self._registry.delete(DEPLOYMENT, *place)
            return True
        if wanted.get("image") is not None or wanted.get("env"):
            self._registry.update(DEPLOYMENT, *place, lambda standing: edited(standing, wanted), _EDIT)
        if (replicas := wanted.get("replicas")) is not None:
            self._registry.update(
                DEPLOYMENT,
                *place,
                lambda standing: {**standing, "spec": {**standing["spec"], "replicas": replicas}},
                _SCALE,
            )
        return True


def found(objects: Objects, environment_id: str, service_id: str) -> Object | None:
    """The deployment of a service."""
    for deployment in objects.all(DEPLOYMENT):
        metadata = deployment["metadata"]
        template = deployment["spec"]["template"].get("metadata", {}).get("labels") or {}
        if (environment_id, service_id) == identity(
            metadata["namespace"], metadata["name"], template, metadata.get("labels") or {}
        ):
            return deployment
    return None


def edited(deployment: Object, wanted: Mapping[str, Any]) -> Object:
    """The deployment after somebody set its image and variables by hand."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    if wanted.get("image") is not None:
        container["image"] = wanted["image"]
    for name, value in (wanted.get("env") or {}).items():
        rows = [row for row in container.get("env") or () if row["name"] != name]
        container["env"] = rows if value is None else [*rows, {"name": name, "value": value}]
    return deployment
