"""The environment of a container as its process sees it: values, ConfigMaps and labels resolved, `$(NAME)` expanded.

A variable that holds the path of a file which the Secrets Store CSI driver mounts is shown as `keyvault:<uri>`, the secret
behind the file. A SecretProviderClass that is absent keeps a container from starting, as FailedMount does.

Secrets of the cluster are not served here, so a reference to one is shown as text (`secretKeyRef:<name>/<key>`), never as
a value; an `envFrom` of a whole secret adds nothing. A required ConfigMap or key that is absent keeps a container from
starting, as CreateContainerConfigError does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from localazure.kubernetes.cabinet import Objects
from localazure.kubernetes.kinds import CONFIG_MAP, SECRET_PROVIDER_CLASS
from localazure.layout import LOOPBACK

CSI_DRIVER = "secrets-store.csi.k8s.io"
_VARIABLE = re.compile(r"\$(\$|\(([^()$]+)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class Unresolved(Exception):
    """A ConfigMap, or a key of it, that a container needs and that is not there."""


def resolve(container: Mapping[str, Any], namespace: str, template: Mapping[str, Any], objects: Objects) -> dict[str, str]:
    """Raises `Unresolved` with the message of the container's waiting state."""
    resolved: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        if reference := source.get("configMapRef"):
            data = _config_map(reference, namespace, objects) or {}
            resolved |= {source.get("prefix", "") + key: value for key, value in data.items()}
    for variable in container.get("env") or ():
        value = variable.get("value", "")
        if source := variable.get("valueFrom"):
            value = _referenced(source, namespace, template, objects)
        else:
            value = _expand(value, resolved)
        if value is not None:
            resolved[variable["name"]] = value
    files = _mounted(container, namespace, template, objects)
    return {name: files.get(value, value) for name, value in resolved.items()}


def _mounted(container: Mapping[str, Any], namespace: str, template: Mapping[str, Any], objects: Objects) -> dict[str, str]:
    """Path → `keyvault:<uri>` for the files of every vault that the container mounts."""
    volumes = {one["name"]: one.get("csi") or {} for one in template.get("spec", {}).get("volumes") or ()}
    files: dict[str, str] = {}
    for mount in container.get("volumeMounts") or ():
        csi = volumes.get(mount["name"], {})
        if csi.get("driver") == CSI_DRIVER:
            name = (csi.get("volumeAttributes") or {}).get("secretProviderClass", "")
            files |= {f"{mount['mountPath']}/{file}": f"keyvault:{uri}" for file, uri in _files(name, namespace, objects)}
    return files


def _files(name: str, namespace: str, objects: Objects) -> list[tuple[str, str]]:
    """(file, secret identifier) of one class, read as the Azure provider reads it."""
    held = objects.get(SECRET_PROVIDER_CLASS, namespace, name)
    if held is None:
        raise Unresolved(f"failed to get secretproviderclass {namespace}/{name}, error: not found")
    parameters = held.get("spec", {}).get("parameters") or {}
    vault = f"https://{parameters.get('keyvaultName')}.vault.azure.net/secrets"
    try:
        entries = [yaml.safe_load(one) for one in yaml.safe_load(parameters.get("objects") or "{}").get("array") or ()]
        return [
            (one.get("objectAlias") or one["objectName"], f"{vault}/{one['objectName']}/{one.get('objectVersion', '')}")
            for one in entries
        ]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError):
        raise Unresolved(f"failed to unmarshal objects of secretproviderclass {namespace}/{name}") from None


def _referenced(source: Mapping[str, Any], namespace: str, template: Mapping[str, Any], objects: Objects) -> str | None:
    if reference := source.get("configMapKeyRef"):
        data = _config_map(reference, namespace, objects)
        value = None if data is None else data.get(reference["key"])
        if value is None and not reference.get("optional"):
            raise Unresolved(f"couldn't find key {reference['key']} in ConfigMap {namespace}/{reference['name']}")
        return value
    if reference := source.get("secretKeyRef"):
        return f"secretKeyRef:{reference['name']}/{reference['key']}"
    if reference := source.get("fieldRef"):
        return _field(reference["fieldPath"], namespace, template)
    return f"resourceFieldRef:{(source.get('resourceFieldRef') or {}).get('resource', '')}"


def _config_map(reference: Mapping[str, Any], namespace: str, objects: Objects) -> dict[str, str] | None:
    held = objects.get(CONFIG_MAP, namespace, reference["name"])
    if held is not None:
        return dict(held.get("data") or {})
    if reference.get("optional"):
        return None
    raise Unresolved(f'configmap "{reference["name"]}" not found')


def _field(path: str, namespace: str, template: Mapping[str, Any]) -> str:
    """What is the same in every pod of a replica set; the rest (its name, its uid) is shown as the reference."""
    if found := _SUBSCRIPT.fullmatch(path):
        return str((template.get("metadata", {}).get(found[1]) or {}).get(found[2], ""))
    same: dict[str, str] = {
        "metadata.namespace": namespace,
        "spec.serviceAccountName": template.get("spec", {}).get("serviceAccountName", "default"),
        "status.podIP": LOOPBACK,
        "status.hostIP": LOOPBACK,
    }
    return same.get(path, f"fieldRef:{path}")


def _expand(value: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` of an earlier variable; an unknown name stays as it is written, `$$` is one dollar sign."""
    return _VARIABLE.sub(lambda found: "$" if found[1] == "$" else known.get(found[2], found[0]), value)
