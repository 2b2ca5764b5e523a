"""What the API server fills in where an object says nothing (source: the v1 defaults of the Kubernetes API reference).

Defaults belong to nobody: they are filled in after ownership is decided. A pod template's hash is taken with them, so
naming a default explicitly starts no rollout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from localazure.kubernetes.kinds import AUTOSCALER, DEPLOYMENT, NAMESPACE, POD, REPLICA_SET, SERVICE, Kind

_Document = dict[str, Any]


def fill_in(kind: Kind, thing: _Document) -> None:
    """Complete an object in place. Tolerates wrong shapes: validation comes afterwards."""
    if (complete := _COMPLETE.get(kind)) is not None:
        complete(thing)


def _fill(holder: Any, **defaults: Any) -> None:
    if isinstance(holder, dict):
        for name, value in defaults.items():
            if holder.get(name) is None:
                holder[name] = value


def _section(holder: Any, name: str) -> _Document:
    inner = holder.get(name) if isinstance(holder, dict) else None
    return inner if isinstance(inner, dict) else {}


def _rows(holder: Any, name: str) -> list[_Document]:
    inner = holder.get(name) if isinstance(holder, dict) else None
    return [row for row in inner if isinstance(row, dict)] if isinstance(inner, list) else []


def _deployment(thing: _Document) -> None:
    spec = _section(thing, "spec")
    if not spec:
        return
    _fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    strategy = _section(spec, "strategy")
    _fill(strategy, type="RollingUpdate")
    if strategy.get("type") == "RollingUpdate":
        _fill(strategy, rollingUpdate={})
        _fill(_section(strategy, "rollingUpdate"), maxSurge="25%", maxUnavailable="25%")
    _pod_spec(_section(_section(spec, "template"), "spec"))


def _replica_set(thing: _Document) -> None:
    spec = _section(thing, "spec")
    _fill(spec, replicas=1)
    _pod_spec(_section(_section(spec, "template"), "spec"))


def _pod_spec(spec: _Document) -> None:
    if not spec:
        return
    _fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    for container in [*_rows(spec, "containers"), *_rows(spec, "initContainers")]:
        _container(container)
    for volume in _rows(spec, "volumes"):
        for source in ("configMap", "secret", "projected"):
            if source in volume:
                _fill(volume[source], defaultMode=0o644)


def _container(container: _Document) -> None:
    _fill(
        container,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy=_pull_policy(str(container.get("image", ""))),
        resources={},
    )
    for port in _rows(container, "ports"):
        _fill(port, protocol="TCP")
    for variable in _rows(container, "env"):
        _fill(_section(variable, "valueFrom").get("fieldRef"), apiVersion="v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe := _section(container, name):
            _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            _fill(probe.get("httpGet"), path="/", scheme="HTTP")


def _pull_policy(image: str) -> str:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "IfNotPresent" if "@" in image or tag not in ("", "latest") else "Always"


def _service(thing: _Document) -> None:
    spec = _section(thing, "spec")
    if not spec:
        return
    _fill(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    if spec["type"] != "ExternalName":
        _fill(spec, clusterIP=_cluster_ip(thing["metadata"]), ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
        _fill(spec, clusterIPs=[spec["clusterIP"]])
    for port in _rows(spec, "ports"):
        _fill(port, protocol="TCP", targetPort=port.get("port"))


def _cluster_ip(metadata: _Document) -> str:
    """From the service range of AKS (10.0.0.0/16); nothing listens there."""
    digest = hashlib.sha256(f"{metadata.get('namespace')}/{metadata.get('name')}".encode()).digest()
    return f"10.0.{digest[0]}.{digest[1] or 1}"


def _autoscaler(thing: _Document) -> None:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    _fill(_section(thing, "spec"), minReplicas=1, metrics=[cpu])


def _namespace(thing: _Document) -> None:
    _fill(thing, spec={})
    _fill(thing["metadata"], labels={})
    _fill(_section(thing, "spec"), finalizers=["kubernetes"])
    _fill(_section(thing["metadata"], "labels"), **{"kubernetes.io/metadata.name": thing["metadata"].get("name")})


_COMPLETE: dict[Kind, Callable[[_Document], None]] = {
    DEPLOYMENT: _deployment,
    REPLICA_SET: _replica_set,
    POD: lambda thing: _pod_spec(_section(thing, "spec")),
    SERVICE: _service,
    AUTOSCALER: _autoscaler,
    NAMESPACE: _namespace,
}
