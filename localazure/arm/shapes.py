"""The shapes of request bodies, as far as the stand-in reads them: an object where an object is expected, and so on.

A type is a JSON type, a dict an object with known members, a one-element list a list. What is not named here is kept as it
was sent and not looked at; the judge in the tests knows the whole models. `null` passes for "not given".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localazure.arm.errors import invalid_content

Shape = Any  # type | dict[str, Shape] | list[Shape]

SECRET: Shape = {"name": str, "value": str, "keyVaultUrl": str, "identity": str}
CONTAINER: Shape = {
    "name": str,
    "image": str,
    "command": [str],
    "args": [str],
    "env": [{"name": str, "value": str, "secretRef": str}],
}
CONTAINER_APP: Shape = {
    "environmentId": str,
    "managedEnvironmentId": str,
    "configuration": {
        "activeRevisionsMode": str,
        "maxInactiveRevisions": int,
        "secrets": [SECRET],
        "ingress": {"traffic": [{"revisionName": str, "latestRevision": bool, "weight": int, "label": str}]},
    },
    "template": {
        "revisionSuffix": str,
        "containers": [CONTAINER],
        "scale": {"minReplicas": int, "maxReplicas": int},
    },
}
JOB: Shape = {
    "environmentId": str,
    "configuration": {
        "triggerType": str,
        "replicaTimeout": int,
        "replicaRetryLimit": int,
        "manualTriggerConfig": {"parallelism": int, "replicaCompletionCount": int},
        "secrets": [SECRET],
    },
    "template": {"containers": [CONTAINER]},
}
EXECUTION: Shape = {"containers": [CONTAINER]}
MANAGED_ENVIRONMENT: Shape = {"appLogsConfiguration": {"logAnalyticsConfiguration": {}}}
VAULT: Shape = {"tenantId": str, "sku": {"name": str}, "enablePurgeProtection": bool}
CLUSTER: Shape = {"agentPoolProfiles": [{}]}
STORAGE_ACCOUNT: Shape = {"allowSharedKeyAccess": bool, "allowBlobPublicAccess": bool, "minimumTlsVersion": str}
SERVICE_BUS: Shape = {"disableLocalAuth": bool, "minimumTlsVersion": str}
ROLE_ASSIGNMENT: Shape = {"roleDefinitionId": str, "principalId": str}

SITE: Shape = {
    "serverFarmId": str,
    "enabled": bool,
    "siteConfig": {
        "linuxFxVersion": str,
        "numberOfWorkers": int,
        "functionAppScaleLimit": int,
        "minimumElasticInstanceCount": int,
        "appSettings": [{"name": str, "value": str}],
    },
}
PLAN: Shape = {"perSiteScaling": bool, "reserved": bool}
AUTOSCALE: Shape = {"targetResourceUri": str, "enabled": bool, "profiles": [{"capacity": {}}]}


def resource(properties: Shape) -> Shape:
    """The shape of a resource whose properties have the given one."""
    return {"location": str, "tags": {}, "identity": {"type": str, "userAssignedIdentities": {}}, "properties": properties}


def check(value: Any, shape: Shape, path: str = "$") -> None:
    """Raises `ArmError` 400 that names the first place where `value` has another shape."""
    if value is None:
        return
    if isinstance(shape, list):
        _require(isinstance(value, list), path, "a list")
        for number, item in enumerate(value):
            _require(item is not None, f"{path}[{number}]", "given")
            check(item, shape[0], f"{path}[{number}]")
    elif isinstance(shape, dict):
        _require(isinstance(value, Mapping), path, "an object")
        for name, inner in shape.items():
            check(value.get(name), inner, f"{path}.{name}")
    else:
        whole = type(value) is shape or (shape is int and isinstance(value, float) and value.is_integer())
        _require(whole, path, f"of type {shape.__name__}")


def _require(holds: bool, path: str, expected: str) -> None:
    if not holds:
        raise invalid_content(f"'{path}' is not {expected}")
