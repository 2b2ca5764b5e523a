"""The environment of a container as its process sees it: values, ConfigMaps and labels resolved, `$(NAME)` expanded.

Secrets are not served here, so a reference to one is shown as text (`secretKeyRef:<name>/<key>`), never as a value; an
`envFrom` of a whole secret adds nothing. A required ConfigMap or key that is absent keeps a container from starting, as
CreateContainerConfigError does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localazure.kubernetes.cabinet import Cabinet
from localazure.kubernetes.kinds import CONFIG_MAP
from localazure.layout import LOOPBACK

_VARIABLE = re.compile(r"\$(\$|\(([^()$]+)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class Unresolved(Exception):
    """A ConfigMap, or a key of it, that a container needs and that is not there."""


def resolve(container: Mapping[str, Any], namespace: str, template: Mapping[str, Any], cabinet: Cabinet) -> dict[str, str]:
    """Raises `Unresolved` with the message of the container's waiting state."""
    resolved: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        if reference := source.get("configMapRef"):
            data = _config_map(reference, namespace, cabinet) or {}
            resolved |= {source.get("prefix", "") + key: value for key, value in data.items()}
    for variable in container.get("env") or ():
        value = variable.get("value", "")
        if source := variable.get("valueFrom"):
            value = _referenced(source, namespace, template, cabinet)
        else:
            value = _expand(value, resolved)
        if value is not None:
            resolved[variable["name"]] = value
    return resolved


def _referenced(source: Mapping[str, Any], namespace: str, template: Mapping[str, Any], cabinet: Cabinet) -> str | None:
    if reference := source.get("configMapKeyRef"):
        data = _config_map(reference, namespace, cabinet)
        value = None if data is None else data.get(reference["key"])
        if value is None and not reference.get("optional"):
            raise Unresolved(f"couldn't find key {reference['key']} in ConfigMap {namespace}/{reference['name']}")
        return value
    if reference := source.get("secretKeyRef"):
        return f"secretKeyRef:{reference['name']}/{reference['key']}"
    if reference := source.get("fieldRef"):
        return _field(reference["fieldPath"], namespace, template)
    return f"resourceFieldRef:{(source.get('resourceFieldRef') or {}).get('resource', '')}"


def _config_map(reference: Mapping[str, Any], namespace: str, cabinet: Cabinet) -> dict[str, str] | None:
    held = cabinet.get(CONFIG_MAP, namespace, reference["name"])
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
