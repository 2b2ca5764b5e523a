"""What the API server refuses with 422 Invalid: names, labels, and the rules of each served kind.

Not emulated: the full OpenAPI schema. Fields that Kubernetes does not know are kept, and quantities are not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localazure.kubernetes.kinds import (
    AUTOSCALER,
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    REPLICA_SET,
    SERVICE,
    Kind,
)
from localazure.kubernetes.selectors import matches_labels
from localazure.kubernetes.status import invalid

Problems = Iterator[tuple[str, str]]  # field path, what is wrong

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def check(kind: Kind, thing: Mapping[str, Any], standing: Mapping[str, Any] | None) -> None:
    """Raises 422 with every problem of an object that is to be stored in place of `standing` (None: created)."""
    problems = [*_metadata(kind, thing["metadata"])]
    if (rules := _RULES.get(kind)) is not None:
        problems.extend(rules(thing, standing))
    if problems:
        raise invalid(kind, thing["metadata"].get("name", ""), problems)


def _metadata(kind: Kind, metadata: Mapping[str, Any]) -> Problems:
    name = metadata.get("name")
    short = kind in (NAMESPACE, SERVICE)
    if not name or not isinstance(name, str):
        yield "metadata.name", "Required value: name or generateName is required"
    elif len(name) > (63 if short else 253) or not (_LABEL if short else _SUBDOMAIN).fullmatch(name):
        yield "metadata.name", f'Invalid value: "{name}": must be a lowercase RFC 1123 {"label" if short else "subdomain"}'
    yield from _labels("metadata.labels", metadata.get("labels"))
    for key, value in _mapping(metadata.get("annotations")).items():
        if not _QUALIFIED.fullmatch(key.lower()):
            yield "metadata.annotations", f'Invalid value: "{key}": must be a qualified name'
        if not isinstance(value, str):
            yield f"metadata.annotations[{key}]", "Invalid value: must be a string"


def _labels(path: str, labels: Any) -> Problems:
    for key, value in _mapping(labels).items():
        if not _QUALIFIED.fullmatch(key) or len(key.rpartition("/")[2]) > 63:
            yield path, f'Invalid value: "{key}": must be a qualified name'
        if not isinstance(value, str) or len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
            yield path, f'Invalid value: "{value}": must be a valid label value of no more than 63 characters'


def _deployment(thing: Mapping[str, Any], standing: Mapping[str, Any] | None) -> Problems:
    spec = _mapping(thing.get("spec"))
    yield from _workload(spec, standing)
    strategy = _mapping(spec.get("strategy"))
    if strategy.get("type") not in ("RollingUpdate", "Recreate"):
        yield "spec.strategy.type", "Unsupported value: supported values: Recreate, RollingUpdate"
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling is not None:
        yield "spec.strategy.rollingUpdate", "Forbidden: may not be specified when strategy `type` is 'Recreate'"
    for name, value in _mapping(rolling).items():
        if not _count(value) and not re.fullmatch(r"\d+%", str(value)):
            yield f"spec.strategy.rollingUpdate.{name}", "Invalid value: must be an integer or a percentage"
    if all(str(_mapping(rolling).get(name)) in ("0", "0%") for name in ("maxSurge", "maxUnavailable")):
        yield "spec.strategy.rollingUpdate.maxUnavailable", "Invalid value: may not be 0 when `maxSurge` is 0"
    for name in ("revisionHistoryLimit", "progressDeadlineSeconds", "minReadySeconds"):
        if not _count(spec.get(name, 0)):
            yield f"spec.{name}", "Invalid value: must be greater than or equal to 0"


def _workload(spec: Mapping[str, Any], standing: Mapping[str, Any] | None) -> Problems:
    if not _count(spec.get("replicas")):
        yield "spec.replicas", "Invalid value: must be greater than or equal to 0"
    selector, template = _mapping(spec.get("selector")), _mapping(spec.get("template"))
    labels = _mapping(_mapping(template.get("metadata")).get("labels"))
    if not selector:
        yield "spec.selector", "Required value"
    elif not matches_labels(selector, labels):
        yield "spec.template.metadata.labels", "Invalid value: `selector` does not match template `labels`"
    if standing is not None and standing["spec"].get("selector") != spec.get("selector"):
        yield "spec.selector", "Invalid value: field is immutable"
    yield from _labels("spec.template.metadata.labels", labels)
    yield from _pod_spec("spec.template.spec", _mapping(template.get("spec")))


def _pod_spec(path: str, spec: Mapping[str, Any]) -> Problems:
    containers = spec.get("containers")
    if not isinstance(containers, list) or not containers:
        yield f"{path}.containers", "Required value"
        return
    names = [container.get("name") for container in containers]
    for index, container in enumerate(containers):
        place = f"{path}.containers[{index}]"
        if not container.get("name"):
            yield f"{place}.name", "Required value"
        elif not _LABEL.fullmatch(container["name"]) or len(container["name"]) > 63:
            yield f"{place}.name", f'Invalid value: "{container["name"]}": must be a lowercase RFC 1123 label'
        elif names.index(container["name"]) != index:
            yield f"{place}.name", f'Duplicate value: "{container["name"]}"'
        if not container.get("image"):
            yield f"{place}.image", "Required value"
        yield from _variables(place, container.get("env") or ())
        for port in container.get("ports") or ():
            if not _count(port.get("containerPort")) or not 0 < port["containerPort"] < 65536:
                yield f"{place}.ports", "Invalid value: containerPort must be between 1 and 65535, inclusive"


def _variables(place: str, env: Any) -> Problems:
    for index, variable in enumerate(env):
        if not variable.get("name"):
            yield f"{place}.env[{index}].name", "Required value"
        if not isinstance(variable.get("value", ""), str):
            yield f"{place}.env[{index}].value", "Invalid value: must be a string"
        if variable.get("value") and variable.get("valueFrom"):
            yield f"{place}.env[{index}].valueFrom", "Invalid value: may not be specified when `value` is not empty"


def _service(thing: Mapping[str, Any], standing: Mapping[str, Any] | None) -> Problems:
    spec = _mapping(thing.get("spec"))
    if not spec.get("ports") and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        yield "spec.ports", "Required value"
    for index, port in enumerate(spec.get("ports") or ()):
        if not _count(port.get("port")) or not 0 < port["port"] < 65536:
            yield f"spec.ports[{index}].port", "Invalid value: must be between 1 and 65535, inclusive"
    kept = _mapping((standing or {}).get("spec")).get("clusterIP")
    if kept and spec.get("clusterIP") != kept and spec.get("type") != "ExternalName":
        yield "spec.clusterIPs[0]", "Invalid value: may not change once set"


def _autoscaler(thing: Mapping[str, Any], standing: Mapping[str, Any] | None) -> Problems:
    spec = _mapping(thing.get("spec"))
    least, most = spec.get("minReplicas"), spec.get("maxReplicas")
    if not isinstance(most, int) or most < 1:
        yield "spec.maxReplicas", "Invalid value: must be greater than 0"
    elif not isinstance(least, int) or least < 1:
        yield "spec.minReplicas", "Invalid value: must be greater than or equal to 1"
    elif least > most:
        yield "spec.maxReplicas", f"Invalid value: {most}: must be greater than or equal to `minReplicas`"
    target = _mapping(spec.get("scaleTargetRef"))
    for name in ("kind", "name"):
        if not target.get(name):
            yield f"spec.scaleTargetRef.{name}", "Required value"


def _config_map(thing: Mapping[str, Any], standing: Mapping[str, Any] | None) -> Problems:
    for key, value in _mapping(thing.get("data")).items():
        if not _DATA_KEY.fullmatch(key) or len(key) > 253:
            yield (
                f"data[{key}]",
                "Invalid value: a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            )
        if not isinstance(value, str):
            yield f"data[{key}]", "Invalid value: must be a string"
    if (
        standing
        and standing.get("immutable")
        and any(standing.get(name) != thing.get(name) for name in ("data", "immutable"))
    ):
        yield "data", "Forbidden: field is immutable when `immutable` is set"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_RULES: dict[Kind, Callable[[Mapping[str, Any], Mapping[str, Any] | None], Problems]] = {
    DEPLOYMENT: _deployment,
    REPLICA_SET: lambda thing, standing: _workload(_mapping(thing.get("spec")), standing),
    POD: lambda thing, standing: _pod_spec("spec", _mapping(thing.get("spec"))),
    SERVICE: _service,
    AUTOSCALER: _autoscaler,
    CONFIG_MAP: _config_map,
}
